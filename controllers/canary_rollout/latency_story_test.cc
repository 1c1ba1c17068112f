// Rollouts with a latency objective, from the slo or the policy.

#include <gtest/gtest.h>

#include <algorithm>

#include "base/base64.h"
#include "base/describe.h"
#include "controllers/analysis/state.h"
#include "controllers/canary_rollout/inputs.h"
#include "controllers/canary_rollout/story_world.h"

namespace sluice::canary_rollout {
namespace {

using api::RolloutPhase;
using std::chrono::milliseconds;
using std::chrono::seconds;

const api::ObjectiveStatus& row(const StoryWorld& world, std::string_view name) {
  const auto& rows = world.status().objectives;
  const auto found = std::ranges::find(rows, name, &api::ObjectiveStatus::name);
  EXPECT_NE(found, rows.end()) << name;
  return found == rows.end() ? rows.front() : *found;
}

// An index that promises its p95, and a policy that says nothing of latencies.
StoryWorld with_slo(StoryOptions options = {}) {
  StoryWorld world(options);
  world.index->spec.slo.latency_p95 = milliseconds(100);
  world.run(10);  // Stable has answered before.
  return world;
}

TEST(LatencyStory, ASlowCandidateIsRolledBackOnItsLatency) {
  StoryWorld world = with_slo();
  world.candidate_slowness = 2;
  world.offer_candidate("packages-slow");
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 600)) << to_json(world.status());
  const api::DecisionRecord& decision = world.newest();
  EXPECT_EQ(decision.verdict, "RolledBack");
  EXPECT_EQ(decision.reason, "Evidence");
  EXPECT_NE(decision.message.find("answers took longer than 102 ms, 5% allowed; stable 0%"),
            std::string::npos)
      << decision.message;
  EXPECT_EQ(world.status().last_rollback->objective, "latency");
  EXPECT_FALSE(world.status().last_rollback->first_bad_answer_at.has_value());
  EXPECT_EQ(world.weights, (std::vector{Share{1000}, Share{0}}));
  const api::ObjectiveStatus& latency = row(world, "latency");
  EXPECT_EQ(latency.verdict, api::ObjectiveVerdict::kFail);
  EXPECT_NEAR(latency.candidate, 0.123, 0.05);
  EXPECT_EQ(latency.stable, 0);
  EXPECT_GE(latency.evidence, latency.threshold);
  EXPECT_NE(latency.message.find("The candidate's p95 is above 1"), std::string::npos)
      << latency.message;
  EXPECT_NE(row(world, "errors").verdict, api::ObjectiveVerdict::kFail);
}

TEST(LatencyStory, TheVerdictOnASlowCandidateReplaysFromItsRecord) {
  StoryWorld world = with_slo();
  world.candidate_slowness = 2;
  world.offer_candidate("packages-slow");
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 600));
  EXPECT_LE(world.newest().inputs.size(), 8192U);
  const auto replayed = replay(world.newest().inputs);
  ASSERT_TRUE(replayed) << replayed.error().message;
  EXPECT_TRUE(replayed->is_same);
  EXPECT_EQ(replayed->verdict, "RollBack");
}

TEST(LatencyStory, ACandidateAsFastAsStableIsPromoted) {
  StoryWorld world = with_slo();
  world.offer_candidate("packages-good");
  ASSERT_TRUE(world.run_until(RolloutPhase::kPromoted, 1200)) << to_json(world.status());
  const auto replayed = replay(world.status().decisions.at(1).inputs);
  ASSERT_TRUE(replayed) << replayed.error().message;
  EXPECT_TRUE(replayed->is_same);
}

TEST(LatencyStory, ShadowSeesASlowCandidateBeforeAnyUserWaitsForIt) {
  for (const double slowness : {1.0, 2.0}) {
    StoryWorld world = with_slo();
    api::Step shadow;
    shadow.shadow = api::ShadowStep{.min_duration = seconds(20)};
    auto& steps = world.rollout.spec.steps;
    steps.insert(steps.begin() + 1, shadow);
    world.candidate_slowness = slowness;
    world.offer_candidate("packages-next");
    const bool is_slow = slowness > 1;
    const RolloutPhase end = is_slow ? RolloutPhase::kRolledBack : RolloutPhase::kPromoted;
    ASSERT_TRUE(world.run_until(end, 1200)) << to_json(world.status());
    EXPECT_EQ(world.weights.empty(), is_slow);
    if (is_slow) {
      EXPECT_EQ(world.status().last_rollback->objective, "latency");
    }
  }
}

TEST(LatencyStory, SlownessOfBothIsHeldAndBlamedOnNobody) {
  StoryWorld world = with_slo();
  world.rollout.spec.steps[1].split->min_duration = std::chrono::minutes(25);
  world.offer_candidate("packages-good");
  world.run(700);  // The raise of the weight is long ago.
  ASSERT_EQ(world.status().step_index, 1);
  world.stable_slowness = 4;
  world.candidate_slowness = 4;
  world.run(60);
  EXPECT_EQ(reason_of(world, "Progressing"), "StableInBreach") << world.status().message;
  EXPECT_NE(row(world, "latency").message.find("stable itself is too slow"), std::string::npos);
  world.stable_slowness = 1;
  world.candidate_slowness = 1;
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 1800)) << to_json(world.status());
}

TEST(LatencyStory, TheObjectivesOwnMaxGoesBeforeTheSlo) {
  StoryWorld world = with_slo();
  world.rollout.spec.analysis.objectives = {
      {.name = "speed", .latency = api::LatencyObjective{.max = milliseconds(80)}}};
  world.candidate_slowness = 2;
  world.offer_candidate("packages-slow");
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 900)) << to_json(world.status());
  EXPECT_EQ(world.status().last_rollback->objective, "speed");
  EXPECT_NE(row(world, "speed").message.find("longer than 86.1 ms"), std::string::npos)
      << row(world, "speed").message;
}

TEST(LatencyStory, WithoutAnswersOfStableNothingIsJudgedAtOnce) {
  StoryWorld world({.queries_per_second = 0});
  world.index->spec.slo.latency_p95 = milliseconds(100);
  world.offer_candidate("packages-good");
  world.run(60);
  ASSERT_TRUE(world.status().step_started_at.has_value());
  // Its first answers tell where the edges are; those after them are judged.
  world.queries_per_second = 400;
  world.candidate_slowness = 2;
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 600)) << to_json(world.status());
  EXPECT_EQ(world.status().last_rollback->objective, "latency");
}

TEST(LatencyStory, EvidenceOfAnOlderOperatorBeginsAnewAndSaysSo) {
  StoryWorld world = with_slo();
  world.rollout.spec.steps[1].split->min_duration = std::chrono::minutes(5);
  world.offer_candidate("packages-good");
  world.run(40);
  ASSERT_TRUE(world.status().step_started_at.has_value());
  std::string bytes = *base64_decode(world.rollout.status.evidence->state);
  bytes[0] = 1;  // The version before latencies.
  world.rollout.status.evidence->state = base64_encode(bytes);
  world.run(20);
  EXPECT_TRUE(std::ranges::any_of(
      world.events, [](const Announce& event) { return event.reason == "EvidenceLost"; }));
  EXPECT_TRUE(analysis::decode(world.status().evidence->state).has_value());
  EXPECT_EQ(world.status().phase, RolloutPhase::kProgressing);
}

TEST(LatencyStory, RestartsAndLostWritesChangeNoVerdict) {
  for (const double slowness : {1.0, 2.0}) {
    StoryWorld world({.restart_before_each_decide = true, .lost_writes = 0.3});
    world.index->spec.slo.latency_p95 = milliseconds(100);
    world.run(10);
    world.candidate_slowness = slowness;
    world.offer_candidate("packages-next");
    const RolloutPhase end = slowness > 1 ? RolloutPhase::kRolledBack : RolloutPhase::kPromoted;
    EXPECT_TRUE(world.run_until(end, 1800)) << to_json(world.status());
  }
}

}  // namespace
}  // namespace sluice::canary_rollout
