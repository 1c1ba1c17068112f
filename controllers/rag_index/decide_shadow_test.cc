// What the index does for a shadow step: size before copies, copies in the table, none left behind.

#include <gtest/gtest.h>

#include <algorithm>

#include "controllers/rag_index/decide.h"
#include "controllers/rag_index/testing/world.h"

namespace sluice::rag_index {
namespace {

constexpr Share kTenPercent{1000};

struct ShadowOfIndex : testing::Test {
  World world;
  std::string candidate;

  // Four workers of stable, and a candidate that its rollout knows of.
  api::CanaryRollout& try_bm25() {
    world.edit([](api::RagIndexSpec& spec) { spec.serving.replicas = 4; });
    EXPECT_TRUE(world.settle());
    world.add_rollout("packages");
    world.edit([](api::RagIndexSpec& spec) { spec.retrieval.mode = api::RetrievalMode::kBm25; });
    EXPECT_TRUE(world.settle());
    world.take_up(world.rollouts.front());
    candidate = world.status().candidate->revision;
    return world.rollouts.front();
  }

  void shadow(api::CanaryRollout& rollout, Share share) const {
    rollout.status.phase = api::RolloutPhase::kProgressing;
    world.desire(rollout, api::TrafficMode::kShadow, {});
    rollout.status.desired.shadow_percent = share;
  }
};

TEST_F(ShadowOfIndex, SizesTheCandidateBeforeItsCopies) {
  api::CanaryRollout& rollout = try_bm25();
  EXPECT_EQ(world.replicas(candidate), 2);
  const auto is_other = [this](const std::string& revision) { return revision != candidate; };
  world.can_start = is_other;
  shadow(rollout, kWhole);
  world.reconcile();
  EXPECT_EQ(world.replicas(candidate), 4);
  EXPECT_FALSE(world.table().candidate.has_value()) << "its workers are not ready";
  EXPECT_LT(world.status().route->desired_seq, rollout.status.desired.seq);
  world.can_start = [](const std::string&) { return true; };
  ASSERT_TRUE(world.settle());
  ASSERT_TRUE(world.table().candidate.has_value());
  EXPECT_EQ(world.table().candidate->target.revision, candidate);
  EXPECT_EQ(world.table().candidate->weight, Share{});
  EXPECT_EQ(world.table().candidate->shadow, kWhole);
  EXPECT_EQ(world.table().candidate->shadow_stable, Share{}) << "nobody expects equivalence";
  EXPECT_EQ(world.status().route->desired_seq, rollout.status.desired.seq);
  EXPECT_TRUE(world.is_quiet());
}

TEST_F(ShadowOfIndex, AsksStableToo_WhereEquivalenceIsExpected) {
  api::CanaryRollout& rollout = try_bm25();
  api::ResolvedPolicy policy;
  policy.analysis.objectives.push_back(
      {.name = "rankings",
       .ranking_overlap = api::RankingOverlapObjective{.expect_equivalent = true}});
  rollout.status.policy_revision = "policy";
  world.policies["policy"] = policy;
  shadow(rollout, kWhole);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.table().candidate->shadow_stable, kTenPercent);
}

TEST_F(ShadowOfIndex, GoesFromCopiesToWeightAtOnceAndLeavesNeitherBehind) {
  api::CanaryRollout& rollout = try_bm25();
  shadow(rollout, kWhole);
  ASSERT_TRUE(world.settle());
  world.desire(rollout, api::TrafficMode::kSplit, kTenPercent);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.table().candidate->weight, kTenPercent);
  EXPECT_EQ(world.table().candidate->shadow, Share{});
  EXPECT_EQ(world.replicas(candidate), 4) << "never lowered within a rollout";
  world.roll_back(rollout, "it is worse");
  ASSERT_TRUE(world.settle());
  EXPECT_FALSE(world.table().candidate.has_value());
  EXPECT_EQ(world.status().route->shadow, Share{});
}

TEST_F(ShadowOfIndex, ARollbackInShadowEndsTheCopiesBeforeTheWorkers) {
  api::CanaryRollout& rollout = try_bm25();
  shadow(rollout, Share{2500});
  ASSERT_TRUE(world.settle());
  ASSERT_EQ(world.table().candidate->shadow, Share{2500});
  world.do_routers_confirm = false;
  world.roll_back(rollout, "it fails");
  world.reconcile();
  EXPECT_FALSE(world.table().candidate.has_value());
  EXPECT_EQ(world.replicas(candidate), 2) << "its workers stay while a router may ask them";
  world.do_routers_confirm = true;
  EXPECT_TRUE(world.settle());
}

}  // namespace
}  // namespace sluice::rag_index
