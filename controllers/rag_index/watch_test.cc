// The index after a promotion under a policy with a watch: the old stable is kept beside the new
// one, and becomes stable again without a build, or goes.

#include <gtest/gtest.h>

#include <string>

#include "controllers/rag_index/decide.h"
#include "controllers/rag_index/names.h"
#include "controllers/rag_index/testing/world.h"
#include "crds/names.h"

namespace sluice::rag_index {
namespace {

constexpr Share kMost{9500};
constexpr const char* kPolicy = "packages-policy-1";

struct Watch : testing::Test {
  World world;
  std::string old;
  std::string fresh;

  // Promoted, and its rollout has asked for most of the users.
  void SetUp() override {
    ASSERT_TRUE(world.settle());
    old = world.status().stable_revision;
    api::CanaryRollout& rollout = world.add_rollout("packages");
    world.edit([](api::RagIndexSpec& spec) { spec.retrieval.mode = api::RetrievalMode::kBm25; });
    ASSERT_TRUE(world.settle());
    world.take_up(rollout);
    fresh = world.status().candidate->revision;
    rollout.status.policy_revision = kPolicy;
    world.policies[kPolicy].rollback.watch_after_promotion = std::chrono::minutes(10);
    rollout.status.phase = api::RolloutPhase::kPromoting;
    world.desire(rollout, api::TrafficMode::kPromote, kWhole);
    ASSERT_TRUE(world.settle());
    ASSERT_EQ(world.status().stable_revision, fresh);
    ask(api::RolloutPhase::kWatching, api::TrafficMode::kSplit, kMost);
  }

  // Every story ends so.
  void TearDown() override {
    EXPECT_TRUE(world.settle());
    EXPECT_TRUE(world.is_quiet());
  }

  api::CanaryRollout& rollout() { return world.rollouts.front(); }

  void ask(api::RolloutPhase phase, api::TrafficMode mode, Share weight) {
    rollout().status.phase = phase;
    world.desire(rollout(), mode, weight);
    EXPECT_TRUE(world.settle());
  }

  void fail_workers_of(const std::string& revision) {
    world.can_start = [revision](const std::string& each) { return each != revision; };
    EXPECT_TRUE(world.settle());
  }
};

TEST_F(Watch, TheOldStableKeepsItsWorkersAndAFewUsers) {
  EXPECT_EQ(world.table().stable->revision, old);
  EXPECT_EQ(world.table().candidate->target.revision, fresh);
  EXPECT_EQ(world.table().candidate->weight, kMost);
  EXPECT_EQ(world.status().route->desired_seq, rollout().status.desired.seq);
  EXPECT_EQ(world.ready_reason(), "Serving");
  world.advance(std::chrono::minutes(5));
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.replicas(old), 2);
  EXPECT_EQ(world.replicas(fresh), 2);
  EXPECT_EQ(world.revisions.at(fresh).metadata.label(api::kRoleLabel), kRoleStable);
}

TEST_F(Watch, ItsEndLetsTheOldStableDrainAndGo) {
  ask(api::RolloutPhase::kPromoted, api::TrafficMode::kNone, {});
  EXPECT_FALSE(world.status().previous.has_value());
  EXPECT_EQ(world.table().stable->revision, fresh);
  EXPECT_FALSE(world.table().candidate.has_value());
  EXPECT_EQ(world.replicas(old), 2) << "drains";
  world.advance(std::chrono::seconds(31));
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.replicas(old), std::nullopt);
}

TEST_F(Watch, AVerdictLeadsBackInOrderAndWithoutABuild) {
  world.roll_back(rollout(), "it fails");
  world.do_routers_confirm = false;
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.table().stable->revision, old);
  EXPECT_FALSE(world.table().candidate.has_value());
  EXPECT_EQ(world.status().stable_revision, fresh) << "not before users are back";
  EXPECT_EQ(world.ready_reason(), "RollingBack");
  world.do_routers_confirm = true;
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.status().route->desired_seq, rollout().status.desired.seq);
  EXPECT_EQ(world.status().stable_revision, fresh) << "the rollout has not seen it yet";
  EXPECT_EQ(world.revisions.at(fresh).metadata.label(api::kVerdictLabel), kVerdictRejected);
  rollout().status.phase = api::RolloutPhase::kRolledBack;
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.status().stable_revision, old);
  EXPECT_EQ(world.ready_reason(), "Rejected");
  EXPECT_EQ(world.condition("Stalled").message, fresh + " was rejected: it fails");
  EXPECT_EQ(world.replicas(old), 2);
  EXPECT_EQ(world.builder(), nullptr);
  world.advance(std::chrono::minutes(11));
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.replicas(fresh), std::nullopt);
}

TEST_F(Watch, AVerdictThatIsNotedHoldsWithoutItsRollout) {
  world.roll_back(rollout(), "it fails");
  ASSERT_TRUE(world.settle());
  world.rollouts.clear();
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.status().stable_revision, old);
  EXPECT_TRUE(world.revisions.at(fresh).metadata.label(api::kVerdictLabel) == kVerdictRejected);
}

// The operator dies after each write of a return, and one that starts anew goes on.
TEST_F(Watch, AReturnSurvivesACrashAfterEachWrite) {
  world.writes_max = 1;
  world.roll_back(rollout(), "it fails");
  ASSERT_TRUE(world.settle());
  rollout().status.phase = api::RolloutPhase::kRolledBack;
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.status().stable_revision, old);
  EXPECT_EQ(world.revisions.at(fresh).metadata.label(api::kVerdictLabel), kVerdictRejected);
}

TEST_F(Watch, ARevertLeadsBackAtOnceAndRejectsNothing) {
  world.edit([](api::RagIndexSpec& spec) { spec.retrieval.mode = api::RetrievalMode::kTfidf; });
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.status().stable_revision, old);
  EXPECT_EQ(world.ready_reason(), "Serving");
  EXPECT_EQ(world.revisions.at(fresh).metadata.label(api::kVerdictLabel), kVerdictPromoted);
  EXPECT_EQ(world.builder(), nullptr);
}

TEST_F(Watch, ANewerRevisionWaitsForItsEnd) {
  world.edit([](api::RagIndexSpec& spec) { spec.retrieval.bm25.k1 = 1.5; });
  ASSERT_TRUE(world.settle());
  EXPECT_FALSE(world.status().candidate.has_value());
  EXPECT_TRUE(world.status().previous->has_successor);
  EXPECT_EQ(world.ready_reason(), "Superseding");
  ask(api::RolloutPhase::kPromoted, api::TrafficMode::kNone, {});
  EXPECT_TRUE(world.status().candidate.has_value());
}

TEST_F(Watch, WithoutAWorkerOfTheOldStableAllIsTheNewOnes) {
  fail_workers_of(old);
  EXPECT_FALSE(world.status().previous->ready_since.has_value());
  EXPECT_EQ(world.table().stable->revision, fresh) << "a router needs a stable that answers";
  EXPECT_FALSE(world.table().candidate.has_value());
  EXPECT_LT(world.status().route->weight, kMost);
  EXPECT_EQ(world.builder(), nullptr) << "a watch is no reason to build";
  world.can_start = [](const std::string&) { return true; };
}

TEST_F(Watch, NobodyGoesBackToARevisionWithoutAWorker) {
  fail_workers_of(old);
  world.roll_back(rollout(), "it fails");
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.table().stable->revision, fresh);
  EXPECT_LT(world.status().route->desired_seq, rollout().status.desired.seq);
  world.can_start = [](const std::string&) { return true; };
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.table().stable->revision, old);
}

TEST_F(Watch, WhenBothAreAwayTheTableStays) {
  const std::int64_t generation = world.status().route->generation;
  world.can_start = [](const std::string&) { return false; };
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.status().route->generation, generation);
  EXPECT_EQ(world.condition("Available").status, kube::ConditionStatus::kFalse);
  world.can_start = [](const std::string&) { return true; };
}

TEST_F(Watch, WhoeverIsBackFirstHasAllUsers) {
  fail_workers_of(old);
  world.can_start = [](const std::string&) { return false; };
  ASSERT_TRUE(world.settle());
  ASSERT_EQ(world.table().stable->revision, fresh);
  world.can_start = [this](const std::string& revision) { return revision == old; };
  for (auto& [name, pod] : world.pods) {
    if (pod.metadata.label(api::kRevisionLabel) == old) {
      pod.status.conditions = {{.type = "Ready", .status = kube::ConditionStatus::kTrue}};
    }
  }
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.table().stable->revision, old);
  EXPECT_FALSE(world.table().candidate.has_value());
  EXPECT_EQ(world.status().stable_revision, fresh);
  EXPECT_EQ(world.condition("Available").status, kube::ConditionStatus::kTrue);
  world.can_start = [](const std::string&) { return true; };
}

TEST_F(Watch, EndsWhenNobodyJudgesAnyMore) {
  world.rollouts.clear();
  ASSERT_TRUE(world.settle());
  EXPECT_FALSE(world.status().previous.has_value());
  EXPECT_EQ(world.table().stable->revision, fresh);
}

}  // namespace
}  // namespace sluice::rag_index
