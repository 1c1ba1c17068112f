// What is learned from stable before the candidate has traffic, and what comes of it.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "base/describe.h"
#include "controllers/analysis/state.h"
#include "controllers/canary_rollout/story_world.h"

namespace sluice::canary_rollout {
namespace {

using api::RolloutPhase;
using std::chrono::minutes;

// A candidate that is being built; offer_built() ends that.
void offer_unbuilt(StoryWorld& world) {
  world.offer_candidate("packages-next");
  world.index->status.candidate->phase = api::CandidatePhase::kBuilding;
}

void offer_built(StoryWorld& world) {
  world.index->status.candidate->phase = api::CandidatePhase::kReady;
}

// The evidence as it is stored; empty when there is none.
std::optional<analysis::State> stored(const StoryWorld& world) {
  if (!world.status().evidence) {
    return std::nullopt;
  }
  auto state = analysis::decode(world.status().evidence->state);
  EXPECT_TRUE(state.has_value());
  return state ? std::optional(*state) : std::nullopt;
}

TEST(LearnFromStable, FoldsABlockAtATimeWhileTheCandidateIsBuilt) {
  StoryWorld world({.stable_error_rate = 0.01});
  offer_unbuilt(world);
  world.run(60);
  ASSERT_EQ(world.status().phase, RolloutPhase::kPending);
  const auto learned = stored(world);
  ASSERT_TRUE(learned.has_value());
  EXPECT_GE(learned->dispersion.blocks, 8);
  EXPECT_LE(learned->dispersion.blocks, 12);
  EXPECT_GT(learned->dispersion.sums[0].df, 5);
  EXPECT_EQ(learned->blocks_used, 0) << "nothing is judged yet";
  EXPECT_EQ(learned->relative.blocks, 0) << "no time of the horizon is used up";
  offer_built(world);
  ASSERT_TRUE(world.run_until(RolloutPhase::kProgressing, 5));
  world.run(20);
  ASSERT_TRUE(world.status().step_started_at.has_value());
  const auto judged = stored(world);
  ASSERT_TRUE(judged.has_value());
  EXPECT_GT(judged->dispersion.blocks, learned->dispersion.blocks) << "it goes on from there";
  EXPECT_GT(judged->blocks_used, 0);
  EXPECT_LE(judged->totals.stable.n, 400 * 20) << "the step counts only its own queries";
}

TEST(LearnFromStable, SurvivesARestartBitForBitAndStaysSmall) {
  const auto learn = [](bool with_restarts) {
    StoryWorld world(
        {.stable_error_rate = 0.02, .routers = 2, .restart_before_each_decide = with_restarts});
    offer_unbuilt(world);
    world.run(200);
    offer_built(world);
    world.run(60);
    EXPECT_LE(world.status().evidence->state.size(), 4096U);
    return to_json(world.status());
  };
  EXPECT_EQ(learn(true), learn(false));
}

struct NothingToLearn {
  std::string why;
  std::function<void(StoryWorld&)> arrange;
};

TEST(LearnFromStable, StoresNothingWhenThereIsNothingToLearn) {
  const NothingToLearn cases[] = {
      {"no router answers", [](StoryWorld& world) { world.routers_answer = false; }},
      {"no router is ready", [](StoryWorld& world) { world.seen.routers[0].is_expected = false; }},
      {"no step needs it", [](StoryWorld& world) { world.rollout.spec.steps.resize(1); }}};
  for (const NothingToLearn& one : cases) {
    StoryWorld world;
    one.arrange(world);
    offer_unbuilt(world);
    world.run(5);
    const auto writes = world.status_writes;
    world.run(60);
    EXPECT_EQ(world.status_writes, writes) << one.why;
    EXPECT_FALSE(world.status().evidence.has_value()) << one.why;
  }
}

TEST(LearnFromStable, OldCountersAndThoseThatCannotBeReadTeachNothing) {
  StoryWorld world;
  offer_unbuilt(world);
  world.run(30);
  world.routers_answer = false;
  world.run(10);
  const auto before = stored(world);
  world.run(30);
  EXPECT_EQ(stored(world)->dispersion, before->dispersion);
  for (int i = 0; i < 30; ++i) {
    for (RouterSeen& router : world.seen.routers) {
      router.arrived_at = world.now;
      router.counters->revisions[0].ended = -5;
    }
    world.tick();
  }
  EXPECT_EQ(stored(world)->dispersion, before->dispersion);
  EXPECT_EQ(stored(world)->blocks_invalid, 0) << "no block of the rollout is charged";
  world.routers_answer = true;
  world.run(20);
  EXPECT_GT(stored(world)->dispersion.blocks, before->dispersion.blocks);
}

TEST(LearnFromStable, AHeldRolloutIsQuiet) {
  StoryWorld world;
  world.offer_candidate("packages-next");
  world.seen.evaluations.stable.reset();
  world.run(700);
  ASSERT_EQ(world.status().phase, RolloutPhase::kEvaluating);
  const auto writes = world.status_writes;
  world.run(120);
  EXPECT_EQ(world.status_writes, writes);
}

TEST(LearnFromStable, AStableThatWasBrokenBeforeIsNotTheCandidatesFault) {
  StoryWorld world({.stable_error_rate = 0.05, .candidate_error_rate = 0.05});
  offer_unbuilt(world);
  world.run(60);
  offer_built(world);
  ASSERT_TRUE(world.run_until(RolloutPhase::kProgressing, 10));
  world.run(900);
  EXPECT_EQ(world.status().phase, RolloutPhase::kProgressing) << world.status().verdict;
  EXPECT_EQ(reason_of(world, "Progressing"), "StableInBreach");
  EXPECT_FALSE(world.status().last_rollback.has_value());
}

TEST(LearnFromStable, AStableThatBreaksWithTheFirstStepIs) {
  StoryWorld world;
  offer_unbuilt(world);
  world.run(60);
  offer_built(world);
  ASSERT_TRUE(world.run_until(RolloutPhase::kProgressing, 10));
  world.stable_error_rate = 0.05;
  world.candidate_error_rate = 0.05;
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 300)) << to_json(world.status());
  EXPECT_EQ(world.newest().reason, "SharedBreachAfterStep");
}

TEST(LearnFromStable, ANewCandidateBeginsAnew) {
  StoryWorld world({.candidate_error_rate = 0.5});
  world.offer_candidate("packages-bad");
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 300));
  EXPECT_FALSE(world.status().evidence.has_value());
  offer_unbuilt(world);
  world.run(30);
  const auto learned = stored(world);
  ASSERT_TRUE(learned.has_value());
  EXPECT_LE(learned->block_index, 6);
  EXPECT_EQ(learned->relative.blocks, 0);
}

}  // namespace
}  // namespace sluice::canary_rollout
