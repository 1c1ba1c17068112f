// What the evidence, its absence and nonsense in it lead to.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <string>

#include "base/describe.h"
#include "controllers/canary_rollout/story_world.h"

namespace sluice::canary_rollout {
namespace {

using api::RolloutPhase;
using std::chrono::minutes;

struct HardFact {
  std::string reason;
  std::function<void(StoryWorld&)> happen;
  int seconds;
};

TEST(RolloutDecide, LivenessRulesNeedNoStatistics) {
  const HardFact facts[] = {
      {"CrashLoop", [](StoryWorld& w) { w.seen.candidate_pods.is_crash_looping = true; }, 2},
      {"NoReadyWorker",
       [](StoryWorld& w) {
         w.seen.candidate_pods.ready = 0;
         w.seen.candidate_pods.none_ready_since = w.now;
       },
       62}};
  for (const HardFact& fact : facts) {
    StoryWorld world = in_split();
    fact.happen(world);
    world.run(fact.seconds);
    ASSERT_FALSE(world.status().decisions.empty());
    EXPECT_EQ(world.newest().reason, fact.reason);
    EXPECT_TRUE(world.run_until(RolloutPhase::kRolledBack, 5));
  }
}

TEST(RolloutDecide, WaitsForReadinessBeforeTrafficButNotForEver) {
  StoryWorld world;
  world.offer_candidate("packages-next");
  world.index_obeys = false;
  world.seen.candidate_pods = {
      .ready = 0, .none_ready_since = world.now, .detail = "Unschedulable"};
  world.run(120);
  EXPECT_EQ(world.status().phase, RolloutPhase::kProgressing);
  EXPECT_NE(world.status().message.find("Unschedulable"), std::string::npos);
  world.run(600);
  EXPECT_EQ(world.newest().reason, "NoReadyWorker");
  world.index_obeys = true;
  EXPECT_TRUE(world.run_until(RolloutPhase::kRolledBack, 5));
  EXPECT_TRUE(world.weights.empty());
}

TEST(RolloutDecide, AShortTimeWithoutQueriesIsNoShortTimeForPodsToStart) {
  StoryWorld world;
  world.rollout.spec.analysis.no_data_timeout = world.rollout.spec.analysis.block;
  world.offer_candidate("packages-next");
  world.index_obeys = false;
  world.seen.candidate_pods = {.ready = 0, .none_ready_since = world.now};
  world.run(55);
  EXPECT_EQ(world.status().phase, RolloutPhase::kProgressing);
  world.run(10);
  EXPECT_EQ(world.newest().reason, "NoReadyWorker");
}

struct NoDataCase {
  api::NoDataPolicy policy;
  RolloutPhase phase;
  std::string reason;
};

TEST(RolloutDecide, MissingEvaluationFollowsItsPolicy) {
  const NoDataCase cases[] = {
      {api::NoDataPolicy::kHold, RolloutPhase::kEvaluating, ""},
      {api::NoDataPolicy::kRollback, RolloutPhase::kRolledBack, "NoData"},
      {api::NoDataPolicy::kIgnore, RolloutPhase::kProgressing, "NoDataIgnored"}};
  for (const NoDataCase& one : cases) {
    StoryWorld world;
    world.rollout.spec.analysis.no_data_timeout = minutes(1);
    world.rollout.spec.analysis.objectives = {
        {.name = "quality", .golden_set = api::GoldenSetObjective{}, .on_no_data = one.policy}};
    world.offer_candidate("packages-next");
    world.seen.evaluations.stable.reset();
    world.seen.evaluations.stable_problem = "10.0.0.7: 404";
    world.run(40);
    EXPECT_EQ(world.status().phase, RolloutPhase::kEvaluating);
    EXPECT_NE(world.status().message.find("10.0.0.7: 404"), std::string::npos);
    world.run(25);
    EXPECT_EQ(world.status().phase, one.phase);
    EXPECT_EQ(world.status().decisions.empty() ? "" : world.newest().reason, one.reason);
  }
}

TEST(RolloutDecide, NotANumberIsNoPass) {
  StoryWorld world;
  world.offer_candidate("packages-next");
  world.seen.evaluations.candidate->ndcg_at_10[3] = std::numeric_limits<double>::quiet_NaN();
  world.run(30);
  EXPECT_EQ(world.status().phase, RolloutPhase::kEvaluating);
  EXPECT_EQ(reason_of(world, "Progressing"), "InvalidResults");
  const auto again = from_json<api::CanaryRolloutStatus>(to_json(world.status()));
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(*again, world.status());
  world.seen.evaluations.candidate->ids.pop_back();
  world.run(2);
  EXPECT_EQ(reason_of(world, "Progressing"), "InvalidResults");
}

TEST(RolloutDecide, ImpossibleCountersAreInvalidBlocksNotVerdicts) {
  StoryWorld world = in_split();
  world.routers_answer = false;
  for (int i = 0; i < 60; ++i) {
    for (RouterSeen& router : world.seen.routers) {
      router.arrived_at = world.now;
      router.counters->revisions[0].ended = -5;
    }
    world.tick();
  }
  EXPECT_EQ(world.status().phase, RolloutPhase::kProgressing);
  EXPECT_GE(world.status().evidence->invalid_blocks, 5);
  EXPECT_EQ(reason_of(world, "DataStale"), "NoFreshCounters");
  EXPECT_NE(message_of(world, "DataStale").find("negative"), std::string::npos);
}

TEST(RolloutDecide, UnreadableEvidenceBeginsAnewAndSaysSo) {
  StoryWorld world = in_split();
  world.rollout.status.evidence->state = "bm9uc2Vuc2U=";
  world.run(6);
  EXPECT_EQ(world.status().phase, RolloutPhase::kProgressing);
  EXPECT_TRUE(std::ranges::any_of(
      world.events, [](const Announce& event) { return event.reason == "EvidenceLost"; }));
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 1200));
}

TEST(RolloutDecide, AClockSetBackOnlyEndsTheBlockLate) {
  StoryWorld world = in_split();
  world.now = world.now + (-std::chrono::hours(1));
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 3000)) << to_json(world.status());
}

}  // namespace
}  // namespace sluice::canary_rollout
