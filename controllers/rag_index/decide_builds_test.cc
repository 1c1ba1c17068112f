// What goes wrong with what is built: builders, their pods, artefacts, golden sets that differ.

#include "controllers/rag_index/testing/trouble_for_test.h"

namespace sluice::rag_index {
namespace {

TEST_F(Trouble, FailedFirstBuildSaysWhyAndIsTriedAgainLaterAndLater) {
  fail_builds("http://corpus/packages.jsonl.gz: 404 Not Found");
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "BuildFailed");
  EXPECT_EQ(world.condition("Stalled").status, kube::ConditionStatus::kTrue);
  EXPECT_NE(world.condition("Ready").message.find("404"), std::string::npos);
  EXPECT_EQ(world.status().candidate->attempt, 0);
  world.advance(std::chrono::seconds(31));
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.status().candidate->attempt, 1);
  world.advance(std::chrono::seconds(31));
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.status().candidate->attempt, 1) << "twice as long each time";
  heal_builds();
  world.advance(std::chrono::seconds(31));
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "Serving");
}

TEST_F(Trouble, CorrectedSourceOfAFirstBuildStartsAtOnce) {
  fail_builds("no such host");
  ASSERT_TRUE(world.settle());
  heal_builds();
  world.edit([](api::RagIndexSpec& spec) { spec.source.http->url = "http://corpus/right.jsonl"; });
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "Serving");
}

TEST_F(Trouble, FirstRevisionBelowTheFloorIsNotServed) {
  world.build = [](const kube::Pod&) {
    return BuildOutcome{.facts = facts_of(digest_of('d'), 0.1)};
  };
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "BelowFloor");
  EXPECT_TRUE(world.status().stable_revision.empty());
  world.advance(std::chrono::hours(1));
  ASSERT_TRUE(world.settle());
  EXPECT_TRUE(world.status().stable_revision.empty());
}

TEST_F(Trouble, FailedBuildUnderARolloutIsRejectedUnbuilt) {
  ASSERT_TRUE(world.settle());
  api::CanaryRollout& rollout = world.add_rollout("packages");
  fail_builds("too many bad lines");
  world.edit(use_bm25);
  ASSERT_TRUE(world.settle());
  const std::string candidate = world.status().candidate->revision;
  EXPECT_EQ(world.status().candidate->phase, api::CandidatePhase::kFailed);
  EXPECT_FALSE(world.revisions.contains(candidate));
  world.take_up(rollout);
  rollout.status.phase = api::RolloutPhase::kRolledBack;
  rollout.status.verdict = "BuildFailed: too many bad lines";
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "Rejected");
  EXPECT_FALSE(world.status().candidate.has_value());
  EXPECT_EQ(world.revisions.at(candidate).metadata.label(api::kVerdictLabel), kVerdictRejected);
  EXPECT_EQ(world.builder(), nullptr);
}

struct PodTrouble {
  const char* name;
  std::string reason;  // The container waits for this.
  std::string phase;   // Of the pod.
  std::string pod_reason;
  Duration age;
  bool has_failed;
};

TEST_F(Trouble, BuilderPodsThatCannotRun) {
  const std::vector<PodTrouble> rows{
      {"pull error, young", "ErrImagePull", "Pending", "", std::chrono::seconds(30), false},
      {"pull error, old", "ImagePullBackOff", "Pending", "", std::chrono::seconds(61), true},
      {"bad name, old", "InvalidImageName", "Pending", "", std::chrono::seconds(61), true},
      {"still creating", "ContainerCreating", "Pending", "", std::chrono::minutes(5), false},
      {"silent for long", "", "Running", "", std::chrono::minutes(31), true},
      {"out of memory", "", "Failed", "", std::chrono::seconds(9), true},
      {"ended without failing", "", "Succeeded", "", std::chrono::seconds(9), true},
      {"evicted", "", "Failed", "Evicted", std::chrono::seconds(9), false}};
  for (const PodTrouble& row : rows) {
    World fresh;
    fresh.do_builders_run = false;
    ASSERT_TRUE(fresh.settle());
    ASSERT_NE(fresh.builder(), nullptr);
    kube::Pod& pod = fresh.pods.at(fresh.builder()->metadata.name);
    const std::string uid = pod.metadata.uid;
    pod.status.phase = row.phase;
    pod.status.reason = row.pod_reason;
    kube::ContainerStatus container{.name = "builder"};
    if (!row.reason.empty()) {
      container.state.waiting = kube::ContainerWaiting{.reason = row.reason, .message = "why"};
    } else if (row.phase != "Running") {
      container.state.terminated =
          kube::ContainerTerminated{.exit_code = 137, .reason = "OOMKilled"};
    }
    pod.status.container_statuses = {container};
    fresh.advance(row.age);
    ASSERT_TRUE(fresh.settle());
    const api::CandidateStatus& candidate = *fresh.status().candidate;
    EXPECT_EQ(candidate.phase == api::CandidatePhase::kFailed, row.has_failed)
        << row.name << ": " << candidate.message;
    if (row.pod_reason == "Evicted") {
      EXPECT_NE(fresh.builder()->metadata.uid, uid) << "another pod takes its place";
    }
    if (row.has_failed && !row.reason.empty()) {
      EXPECT_NE(candidate.message.find(row.reason), std::string::npos) << candidate.message;
    }
  }
}

TEST_F(Trouble, CandidateWhoseWorkersNeverStartFails) {
  ASSERT_TRUE(world.settle());
  const std::string stable = world.status().stable_revision;
  world.add_rollout("packages");
  world.can_start = [stable](const std::string& revision) { return revision == stable; };
  world.edit(use_bm25);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.status().candidate->phase, api::CandidatePhase::kFetching);
  EXPECT_NE(world.builder(), nullptr) << "still the only holder";
  world.deployments.at(world.status().candidate->revision).status.conditions = {
      {.type = "Progressing",
       .status = kube::ConditionStatus::kFalse,
       .reason = "ProgressDeadlineExceeded"}};
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.status().candidate->phase, api::CandidatePhase::kFailed);
}

TEST_F(Trouble, LostArtefactsAreBuiltAgainFromTheSameDocumentsOrSaidToBeLost) {
  ASSERT_TRUE(world.settle());
  const std::string stable = world.status().stable_revision;
  const auto lose_all = [&] {
    std::erase_if(world.pods, [](const auto& entry) {
      return entry.second.metadata.label(api::kComponentLabel) == api::kComponentWorker;
    });
  };
  lose_all();
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "Serving");
  EXPECT_EQ(world.builder(), nullptr);
  fail_builds("the source's bytes have another sha256 now");
  lose_all();
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "Lost");
  EXPECT_EQ(world.condition("Lost").status, kube::ConditionStatus::kTrue);
  heal_builds();
  world.advance(std::chrono::minutes(6));
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "Serving");
  EXPECT_EQ(world.status().stable_revision, stable);
  EXPECT_EQ(world.condition("Lost").status, kube::ConditionStatus::kFalse);
}

// A candidate that was built with another golden set than stable, and its rollout compares them.
struct GoldenSetChange : Trouble {
  api::CanaryRollout* rollout = nullptr;

  void SetUp() override {
    ASSERT_TRUE(world.settle());
    rollout = &world.add_rollout("packages");
    world.build = [](const kube::Pod&) {
      api::RevisionFacts facts = facts_of(digest_of('d'), 0.7);
      facts.evaluation->golden_digest = digest_of('4');
      facts.index_digest = digest_of('9');
      return BuildOutcome{.facts = facts};
    };
    world.edit(use_bm25);
    ASSERT_TRUE(world.settle());
    world.take_up(*rollout);
    rollout->status.phase = api::RolloutPhase::kEvaluating;
    ASSERT_TRUE(world.settle());
  }
};

TEST_F(GoldenSetChange, HasStablesWorkersEvaluateAgain) {
  ASSERT_EQ(world.plan.reevaluations.size(), 1U);
  const scrape::ReevaluationTarget& target = world.plan.reevaluations[0];
  EXPECT_EQ(target.revision, world.status().stable_revision);
  EXPECT_EQ(target.golden_set.url, "http://corpus/golden.jsonl");
  EXPECT_FALSE(target.golden_set.sha256.has_value());
  EXPECT_EQ(target.index_digest, digest_of('1'));
  EXPECT_EQ(target.addresses.size(), 2U);
  world.stable_golden_again = digest_of('4');
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.plan.reevaluations.size(), 1U) << "the candidate was built with that one";
}

TEST_F(GoldenSetChange, HasTheCandidateFollowWhenItsOwnIsOldAsWell) {
  world.stable_golden_again = digest_of('5');
  world.reconcile();
  ASSERT_EQ(world.plan.reevaluations.size(), 2U);
  const scrape::ReevaluationTarget& target = world.plan.reevaluations[1];
  EXPECT_EQ(target.revision, world.status().candidate->revision);
  EXPECT_EQ(target.golden_set.url, "http://corpus/golden.jsonl");
  EXPECT_EQ(target.golden_set.sha256, digest_of('5')) << "the very same bytes";
  EXPECT_EQ(target.index_digest, digest_of('9'));
  EXPECT_FALSE(target.addresses.empty());
}

TEST_F(GoldenSetChange, AsksNobodyWhenNobodyWaitsOrThereIsNothingToAskFor) {
  rollout->status.phase = api::RolloutPhase::kProgressing;
  world.reconcile();
  EXPECT_TRUE(world.plan.reevaluations.empty()) << "nothing is compared any more";
  rollout->status.phase = api::RolloutPhase::kEvaluating;
  world.reconcile();
  EXPECT_FALSE(world.plan.reevaluations.empty());
  world.edit([](api::RagIndexSpec& spec) { spec.evaluation.reset(); });
  world.reconcile();
  EXPECT_TRUE(world.plan.reevaluations.empty()) << "the index names no golden set";
}

TEST_F(Trouble, TheSameGoldenSetAsksNobody) {
  api::CanaryRollout& rollout = split_bm25();
  rollout.status.phase = api::RolloutPhase::kEvaluating;
  world.reconcile();
  EXPECT_EQ(world.plan.evaluations.size(), 2U);
  EXPECT_TRUE(world.plan.reevaluations.empty());
}

}  // namespace
}  // namespace sluice::rag_index
