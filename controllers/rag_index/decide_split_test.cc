// What the index does for a split step: the smallest weights, and users who stay where they are.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "controllers/rag_index/decide.h"
#include "controllers/rag_index/testing/world.h"

namespace sluice::rag_index {
namespace {

const std::optional<std::string> kByUser = "X-User-Id";

struct SplitOfIndex : testing::Test {
  World world;
  std::string candidate;

  // A candidate that its rollout knows of.
  void SetUp() override {
    ASSERT_TRUE(world.settle());
    world.add_rollout("packages");
    world.edit([](api::RagIndexSpec& spec) { spec.retrieval.mode = api::RetrievalMode::kBm25; });
    ASSERT_TRUE(world.settle());
    world.take_up(rollout());
    candidate = world.status().candidate->revision;
    rollout().status.phase = api::RolloutPhase::kProgressing;
  }

  void TearDown() override { EXPECT_TRUE(world.is_quiet()); }

  api::CanaryRollout& rollout() { return world.rollouts.front(); }

  void split(Share weight, const std::optional<std::string>& sticky_header = {}) {
    world.desire(rollout(), api::TrafficMode::kSplit, weight);
    rollout().status.desired.sticky_header = sticky_header;
    EXPECT_TRUE(world.settle());
  }

  [[nodiscard]] bool has_note(const std::string& part) const {
    return std::ranges::any_of(world.events, [&part](const Announce& event) {
      return event.note.find(part) != std::string::npos;
    });
  }
};

TEST_F(SplitOfIndex, GivesTheSmallestWeightsAsTheyAreAndWorkersForThem) {
  for (const Share weight : {Share{1}, Share{50}}) {
    split(weight);
    ASSERT_TRUE(world.table().candidate.has_value());
    EXPECT_EQ(world.table().candidate->weight, weight);
    EXPECT_EQ(world.replicas(candidate), 2);
    EXPECT_EQ(world.status().route->desired_seq, rollout().status.desired.seq);
  }
  EXPECT_TRUE(has_note("0.01% of the traffic goes to " + candidate));
  EXPECT_TRUE(has_note("0.5% of the traffic goes to " + candidate));
}

TEST_F(SplitOfIndex, TellsRoutersByWhichHeaderUsersStay) {
  split(Share{1000}, kByUser);
  EXPECT_EQ(world.table().candidate->sticky_header, kByUser);
  EXPECT_EQ(world.status().route->desired_seq, rollout().status.desired.seq);
  EXPECT_TRUE(has_note("10% of the users (X-User-Id) go to " + candidate));
  const std::int64_t generation = world.table().generation;
  split(Share{1000});
  EXPECT_GT(world.table().generation, generation) << "the same weight, split in another way";
  EXPECT_FALSE(world.table().candidate->sticky_header.has_value());
  split(Share{1000}, kByUser);
  world.roll_back(rollout(), "it is worse");
  ASSERT_TRUE(world.settle());
  EXPECT_FALSE(world.table().candidate.has_value());
  EXPECT_FALSE(world.status().route->sticky_header.has_value());
}

TEST_F(SplitOfIndex, UsersOfTheNewStableStayItsWhileItIsWatched) {
  split(Share{1000}, kByUser);
  rollout().status.policy_revision = "policy";
  world.policies["policy"].rollback.watch_after_promotion = std::chrono::minutes(10);
  rollout().status.phase = api::RolloutPhase::kPromoting;
  world.desire(rollout(), api::TrafficMode::kPromote, kWhole);
  ASSERT_TRUE(world.settle());
  rollout().status.phase = api::RolloutPhase::kWatching;
  split(Share{9500}, kByUser);
  EXPECT_EQ(world.table().candidate->target.revision, candidate);
  EXPECT_EQ(world.table().candidate->weight, Share{9500});
  EXPECT_EQ(world.table().candidate->sticky_header, kByUser);
}

}  // namespace
}  // namespace sluice::rag_index
