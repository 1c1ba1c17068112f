// Rollouts with a shadow step: what it catches before any user, and what it lets pass.

#include <gtest/gtest.h>

#include <algorithm>

#include "base/describe.h"
#include "controllers/canary_rollout/inputs.h"
#include "controllers/canary_rollout/policy.h"
#include "controllers/canary_rollout/story_world.h"

namespace sluice::canary_rollout {
namespace {

using api::RolloutPhase;
using std::chrono::minutes;
using std::chrono::seconds;

// Evaluate, shadow, 10 %, 50 %.
StoryWorld with_shadow(StoryOptions options = {}) {
  StoryWorld world(options);
  api::Step shadow;
  shadow.shadow = api::ShadowStep{.min_duration = seconds(20), .max_duration = minutes(10)};
  auto& steps = world.rollout.spec.steps;
  steps.insert(steps.begin() + 1, shadow);
  return world;
}

void expect_equivalent(StoryWorld& world) {
  world.rollout.spec.analysis.objectives.push_back(
      {.name = "rankings",
       .ranking_overlap = api::RankingOverlapObjective{.expect_equivalent = true}});
}

const api::ObjectiveStatus* row_of(const StoryWorld& world, std::string_view name) {
  const auto& rows = world.status().objectives;
  const auto found = std::ranges::find(rows, name, &api::ObjectiveStatus::name);
  return found == rows.end() ? nullptr : &*found;
}

std::int64_t live_queries(const StoryWorld& world, std::string_view revision) {
  std::int64_t sum = 0;
  for (const RouterSeen& router : world.seen.routers) {
    for (const wire::RevisionCounters& one : router.counters->revisions) {
      sum += one.revision == revision && one.mode == wire::CounterMode::kLive ? one.ended : 0;
    }
  }
  return sum;
}

TEST(ShadowStory, AGoodCandidatePassesAndItsRankingsAreReported) {
  StoryWorld world = with_shadow({.overlap = 0.51});
  world.offer_candidate("packages-good");
  world.run(15);
  EXPECT_EQ(world.status().step_summary, "2/4 shadow 100%");
  EXPECT_EQ(world.status().weight_summary, "shadow 100%/100%");
  EXPECT_EQ(world.status().phase, RolloutPhase::kProgressing);
  EXPECT_EQ(live_queries(world, "packages-good"), 0);
  ASSERT_TRUE(world.run_until(RolloutPhase::kPromoted, 1200)) << to_json(world.status());
  EXPECT_EQ(world.shadows, (std::vector{kWhole, Share{0}}));
  EXPECT_EQ(world.weights, (std::vector{Share{1000}, Share{5000}, kWhole}));
  const api::ObjectiveStatus* agreement = row_of(world, "agreement");
  ASSERT_NE(agreement, nullptr);
  EXPECT_NEAR(agreement->candidate, 0.51, 0.02);
  EXPECT_GE(agreement->samples, 500);
  EXPECT_EQ(agreement->verdict, api::ObjectiveVerdict::kPass);
}

class ErringInShadow : public testing::TestWithParam<double> {};

TEST_P(ErringInShadow, IsRolledBackBeforeAnyUserIsGivenToIt) {
  StoryWorld world = with_shadow({.candidate_error_rate = GetParam()});
  world.offer_candidate("packages-bad");
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 600)) << to_json(world.status());
  EXPECT_TRUE(world.weights.empty());
  EXPECT_EQ(live_queries(world, "packages-bad"), 0);
  EXPECT_EQ(world.shadows, (std::vector{kWhole, Share{0}}));
  const api::RollbackRecord& rollback = *world.status().last_rollback;
  EXPECT_EQ(rollback.objective, "errors");
  EXPECT_TRUE(rollback.traffic_restored_at.has_value());
  // The same inputs give the same verdict.
  const auto replayed = replay(world.newest().inputs);
  ASSERT_TRUE(replayed) << replayed.error().message;
  EXPECT_TRUE(replayed->is_same);
}

INSTANTIATE_TEST_SUITE_P(ErrorRates, ErringInShadow, testing::Values(0.05, 0.2, 1.0));

TEST(ShadowStory, ToleratesErrorsThatStableHasToo) {
  StoryWorld world = with_shadow({.stable_error_rate = 0.002, .candidate_error_rate = 0.002});
  world.offer_candidate("packages-as-good");
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 1800)) << to_json(world.status());
}

TEST(ShadowStory, RollsBackASlowCandidateThatNoUserHasWaitedFor) {
  StoryWorld world = with_shadow();
  world.index->spec.slo.latency_p95 = std::chrono::milliseconds(100);
  world.run(10);  // Stable has answered before.
  world.candidate_slowness = 2;
  world.offer_candidate("packages-slow");
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 600)) << to_json(world.status());
  EXPECT_EQ(world.status().last_rollback->objective, "latency");
  EXPECT_TRUE(world.weights.empty());
  EXPECT_EQ(live_queries(world, "packages-slow"), 0);
}

TEST(ShadowStory, PassesACandidateAsFastAsStable) {
  StoryWorld world = with_shadow();
  world.index->spec.slo.latency_p95 = std::chrono::milliseconds(100);
  world.run(10);
  world.offer_candidate("packages-as-fast");
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 2400)) << to_json(world.status());
}

TEST(ShadowStory, RollsBackOtherRankingsWhereEquivalenceIsExpected) {
  StoryWorld world = with_shadow({.overlap = 0.51});
  expect_equivalent(world);
  world.offer_candidate("packages-other");
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 300)) << to_json(world.status());
  EXPECT_EQ(world.newest().reason, "RankingsDiffer");
  EXPECT_EQ(world.status().last_rollback->objective, "rankings");
  EXPECT_EQ(row_of(world, "rankings")->verdict, api::ObjectiveVerdict::kFail);
  EXPECT_TRUE(world.weights.empty());
}

TEST(ShadowStory, PassesEqualRankingsWhereEquivalenceIsExpected) {
  StoryWorld world = with_shadow({.overlap = 0.99, .stable_overlap = 0.99});
  expect_equivalent(world);
  world.offer_candidate("packages-same");
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 1200)) << to_json(world.status());
}

TEST(ShadowStory, AsksOfACandidateNoMoreAgreementThanStableHasWithItself) {
  StoryWorld world = with_shadow({.overlap = 0.6, .stable_overlap = 0.6});
  expect_equivalent(world);
  world.offer_candidate("packages-same");
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 1200)) << to_json(world.status());
}

TEST(ShadowStory, WaitsForItsSamplesAndThenDoesWhatInconclusiveSays) {
  for (const bool rolls_back : {false, true}) {
    StoryWorld world = with_shadow({.queries_per_second = 20});
    world.rollout.spec.steps[1].shadow->min_samples = 1'000'000;
    world.rollout.spec.analysis.inconclusive =
        rolls_back ? api::Inconclusive::kRollback : api::Inconclusive::kHold;
    world.offer_candidate("packages-rare");
    world.run(500);
    EXPECT_EQ(world.status().step_index, 1) << to_json(world.status());
    EXPECT_NE(world.status().message.find("of 1000000 samples"), std::string::npos)
        << world.status().message;
    world.run(200);
    EXPECT_EQ(world.newest().reason, "Inconclusive");
    EXPECT_EQ(world.status().phase,
              rolls_back ? RolloutPhase::kRolledBack : RolloutPhase::kProgressing);
  }
}

TEST(ShadowStory, AbortEndsTheCopies) {
  StoryWorld world = with_shadow();
  world.rollout.spec.steps[1].shadow->min_duration = minutes(5);
  world.offer_candidate("packages-next");
  world.run(30);
  ASSERT_EQ(world.index->status.route->shadow, kWhole);
  world.command("abort packages-next 1");
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 10)) << to_json(world.status());
  EXPECT_EQ(world.index->status.route->shadow, Share{0});
  EXPECT_TRUE(world.index->status.route->candidate_revision.empty());
}

TEST(ShadowStory, ACandidateWithoutReadyWorkersIsRolledBackInAMinute) {
  StoryWorld world = with_shadow();
  world.rollout.spec.steps[1].shadow->min_duration = minutes(5);
  world.offer_candidate("packages-gone");
  world.run(30);
  world.seen.candidate_pods = {.ready = 0, .none_ready_since = world.now};
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 70)) << to_json(world.status());
  EXPECT_EQ(world.newest().reason, "NoReadyWorker");
}

TEST(ShadowStory, GoesOnFromItsStatusThroughRestartsAndLostWrites) {
  StoryWorld world =
      with_shadow({.routers = 2, .restart_before_each_decide = true, .lost_writes = 0.3});
  expect_equivalent(world);
  world.offer_candidate("packages-good");
  ASSERT_TRUE(world.run_until(RolloutPhase::kPromoted, 1200)) << to_json(world.status());
  EXPECT_EQ(world.shadows, (std::vector{kWhole, Share{0}}));
}

// Lost writes neither count a comparison twice nor lose it.
TEST(ShadowStory, CountsEachComparisonOnce) {
  StoryWorld world = with_shadow({.restart_before_each_decide = true, .lost_writes = 0.5});
  world.rollout.spec.steps[1].shadow->min_duration = minutes(8);
  world.offer_candidate("packages-next");
  world.run(300);
  ASSERT_EQ(world.status().step_index, 1);
  std::int64_t told = 0;
  for (const wire::PairCounters& pair : world.seen.routers[0].counters->pairs) {
    for (const std::int64_t count : pair.overlap) {
      told += pair.revision == "packages-next" ? count : 0;
    }
  }
  const std::int64_t counted = row_of(world, "agreement")->samples;
  EXPECT_LE(counted, told);
  EXPECT_GT(counted, told * 8 / 10);  // All but the first and the last seconds.
}

TEST(ShadowPolicy, AsksForAShadowStepBeforeTheFirstSplit) {
  StoryWorld world = with_shadow();
  auto& steps = world.rollout.spec.steps;
  std::swap(steps[1], steps[2]);
  const auto policy = resolve_policy(world.rollout.spec, world.index->spec);
  ASSERT_FALSE(policy);
  EXPECT_NE(policy.error().message.find(".spec.steps[2].shadow: must come before"),
            std::string::npos)
      << policy.error().message;
}

TEST(ShadowPolicy, ComparesRankingsInEveryShadowStepAndNowhereElse) {
  StoryWorld world = with_shadow();
  const auto policy = resolve_policy(world.rollout.spec, world.index->spec);
  ASSERT_TRUE(policy) << policy.error().message;
  ASSERT_NE(agreement_objective(*policy), nullptr);
  EXPECT_FALSE(agreement_objective(*policy)->ranking_overlap->expect_equivalent);
  EXPECT_EQ(settings_of(*policy).false_rollback_rate, 0.01);
  expect_equivalent(world);
  const auto gated = resolve_policy(world.rollout.spec, world.index->spec);
  ASSERT_TRUE(gated);
  EXPECT_EQ(gated->analysis.objectives.size(), policy->analysis.objectives.size());
  EXPECT_NEAR(settings_of(*gated).false_rollback_rate, 0.009, 1e-12);  // The gate has the rest.
  world.rollout.spec.steps.erase(world.rollout.spec.steps.begin() + 1);
  EXPECT_FALSE(resolve_policy(world.rollout.spec, world.index->spec));
}

}  // namespace
}  // namespace sluice::canary_rollout
