// What waits for a person: pause steps, holds by the policy or a command, manual promotion.

#include "controllers/canary_rollout/pauses.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "base/describe.h"
#include "controllers/canary_rollout/story_world.h"

namespace sluice::canary_rollout {
namespace {

using api::RolloutPhase;
using std::chrono::minutes;
using std::chrono::seconds;

// Evaluate, 10 %, a pause, 50 %.
StoryWorld with_pause(api::PauseStep pause = {}, StoryOptions options = {}) {
  StoryWorld world(options);
  auto& steps = world.rollout.spec.steps;
  steps.insert(steps.begin() + 2, {.pause = pause});
  world.offer_candidate("packages-next");
  return world;
}

StoryWorld in_pause(api::PauseStep pause = {}, StoryOptions options = {}) {
  StoryWorld world = with_pause(pause, options);
  EXPECT_TRUE(world.run_until(RolloutPhase::kPaused, 300)) << to_json(world.status());
  return world;
}

std::ptrdiff_t count_decisions(const StoryWorld& world, std::string_view reason) {
  return std::ranges::count_if(world.status().decisions,
                               [&](const auto& record) { return record.reason == reason; });
}

bool is_paused(const StoryWorld& world) {
  const auto* condition = kube::find_condition(world.status().conditions, "Paused");
  return condition != nullptr && condition->status == kube::ConditionStatus::kTrue;
}

TEST(RolloutPause, AStepKeepsItsWeightUntilAPersonApproves) {
  for (const bool restart : {false, true}) {
    StoryWorld world = in_pause({}, {.restart_before_each_decide = restart});
    const auto events = world.events.size();
    world.run(1500);
    EXPECT_EQ(world.status().phase, RolloutPhase::kPaused);
    EXPECT_EQ(world.status().step_summary, "3/4 pause");
    EXPECT_EQ(world.weights, (std::vector{Share{1000}}));
    EXPECT_EQ(world.events.size(), events) << "told once";
    EXPECT_TRUE(is_paused(world));
    EXPECT_EQ(reason_of(world, "Paused"), "PauseStep");
    EXPECT_EQ(reason_of(world, "Progressing"), "Paused");
    EXPECT_NE(message_of(world, "Paused")
                  .find("kubectl annotate cro/packages -n default --overwrite "
                        "sluice.dev/command=\"approve packages-next:2 "),
              std::string::npos)
        << message_of(world, "Paused");
    world.command("approve packages-next:2 jo-1");
    world.run(1);
    EXPECT_EQ(world.status().step_index, 3);
    EXPECT_EQ(world.newest().reason, "Approved");
    EXPECT_FALSE(is_paused(world));
    EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 600)) << to_json(world.status());
    EXPECT_EQ(world.weights, (std::vector{Share{1000}, Share{5000}, kWhole}));
  }
}

TEST(RolloutPause, EvidenceLivenessAndAbortStillRollBack) {
  struct Case {
    std::function<void(StoryWorld&)> trouble;
    std::string reason;
  };

  const Case cases[] = {
      {[](StoryWorld& world) { world.candidate_error_rate = 0.05; }, "Evidence"},
      {[](StoryWorld& world) { world.seen.candidate_pods.is_crash_looping = true; }, "CrashLoop"},
      {[](StoryWorld& world) { world.seen.candidate_pods = {.none_ready_since = world.now}; },
       "NoReadyWorker"},
      {[](StoryWorld& world) { world.command("abort packages-next:2 a1"); }, "Aborted"}};
  for (const Case& one : cases) {
    StoryWorld world = in_pause();
    world.run(30);
    one.trouble(world);
    ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 300)) << one.reason;
    EXPECT_EQ(world.newest().reason, one.reason);
    EXPECT_EQ(world.weights, (std::vector{Share{1000}, Share{0}}));
    EXPECT_FALSE(is_paused(world));
    EXPECT_FALSE(world.status().pause.has_value());
  }
}

TEST(RolloutPause, SamplesGoOnAndAreStoredAtMostOnceABlock) {
  StoryWorld world = in_pause();
  const auto samples = world.status().objectives.back().samples;
  const auto writes = world.status_writes;
  world.run(200);
  EXPECT_GT(world.status().objectives.back().samples, samples + 4000);
  EXPECT_LE(world.status_writes - writes, 41);
}

TEST(RolloutPause, AStepBeforeAnyTrafficGivesNone) {
  StoryWorld world;
  world.rollout.spec.steps[1] = {.pause = api::PauseStep{}};
  world.offer_candidate("packages-next");
  ASSERT_TRUE(world.run_until(RolloutPhase::kPaused, 60));
  world.run(300);
  EXPECT_TRUE(world.weights.empty());
  world.command("approve packages-next a1");
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 600));
  EXPECT_EQ(world.weights, (std::vector{Share{5000}, kWhole}));
}

TEST(RolloutPause, AStepMayBeTheFirstAndTheOnlyOne) {
  StoryWorld world;
  world.rollout.spec.steps = {{.pause = api::PauseStep{}}};
  world.offer_candidate("packages-next");
  ASSERT_TRUE(world.run_until(RolloutPhase::kPaused, 60));
  world.command("approve packages-next:0 a1");
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 60));
}

TEST(RolloutPause, AfterItsLongestTimeThePolicyDecides) {
  for (const auto policy :
       {api::Inconclusive::kHold, api::Inconclusive::kRollback, api::Inconclusive::kAdvance}) {
    StoryWorld world = with_pause({.max_duration = minutes(5)});
    world.rollout.spec.analysis.inconclusive = policy;
    ASSERT_TRUE(world.run_until(RolloutPhase::kPaused, 300));
    world.run(290);
    ASSERT_EQ(world.status().phase, RolloutPhase::kPaused);
    world.run(20);
    EXPECT_EQ(count_decisions(world, "Inconclusive"), 1);
    switch (policy) {
      case api::Inconclusive::kHold:
        world.run(600);
        EXPECT_EQ(count_decisions(world, "Inconclusive"), 1);
        EXPECT_EQ(world.status().phase, RolloutPhase::kPaused);
        break;
      case api::Inconclusive::kRollback:
        EXPECT_EQ(world.status().phase, RolloutPhase::kRolledBack);
        break;
      case api::Inconclusive::kAdvance:
        EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 600));
        break;
    }
  }
}

TEST(RolloutPause, TheTimeSpentWaitingIsNotTheRolloutsTime) {
  StoryWorld world = with_pause();
  world.rollout.spec.analysis.max_duration = minutes(10);
  world.rollout.spec.analysis.inconclusive = api::Inconclusive::kRollback;
  ASSERT_TRUE(world.run_until(RolloutPhase::kPaused, 300));
  world.run(1500);
  world.command("approve packages-next a1");
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 300)) << to_json(world.status());
}

TEST(RolloutPause, ThePolicyHoldsAtOnceAndLetsGoAtOnce) {
  StoryWorld world;
  world.rollout.spec.steps[1].split->max_duration = minutes(2);
  world.rollout.spec.analysis.inconclusive = api::Inconclusive::kRollback;
  world.offer_candidate("packages-next");
  world.run(10);
  ASSERT_EQ(world.status().phase, RolloutPhase::kProgressing);
  world.rollout.spec.paused = true;
  world.run(1);
  EXPECT_TRUE(is_paused(world));
  EXPECT_EQ(reason_of(world, "Paused"), "SpecPaused");
  world.run(900);
  EXPECT_EQ(world.status().step_index, 1);
  EXPECT_EQ(world.weights, (std::vector{Share{1000}}));
  EXPECT_NE(world.status().message.find("\"paused\":false"), std::string::npos)
      << world.status().message;
  world.rollout.spec.paused = false;
  world.run(1);
  EXPECT_FALSE(is_paused(world));
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 300)) << to_json(world.status());
}

TEST(RolloutPause, AHeldSplitStillRollsBack) {
  StoryWorld world = in_split();
  world.rollout.spec.paused = true;
  world.run(10);
  world.candidate_error_rate = 0.05;
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 300));
  EXPECT_EQ(world.newest().reason, "Evidence");
}

TEST(RolloutPause, AHoldInEveryPhaseBeforePromotionKeepsItThere) {
  // Pending.
  StoryWorld world;
  world.rollout.spec.paused = true;
  world.offer_candidate("packages-next");
  world.run(60);
  EXPECT_EQ(world.status().phase, RolloutPhase::kPending);
  EXPECT_TRUE(is_paused(world));
  // Evaluating: passed, and yet it stays.
  world.rollout.spec.paused = false;
  const auto results = world.seen.evaluations.candidate;
  world.seen.evaluations.candidate.reset();
  ASSERT_TRUE(world.run_until(RolloutPhase::kEvaluating, 5));
  world.command("pause packages-next p1");
  world.run(1);
  world.seen.evaluations.candidate = results;
  world.run(1200);
  EXPECT_EQ(world.status().phase, RolloutPhase::kEvaluating);
  EXPECT_EQ(reason_of(world, "Paused"), "PausedByCommand");
  EXPECT_TRUE(world.weights.empty());
  world.command("resume packages-next r1");
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 300)) << to_json(world.status());
  EXPECT_EQ(reason_of(world, "Paused"), "NotPaused");
}

TEST(RolloutPause, ACommandHoldsAcrossRestartsUntilResume) {
  StoryWorld world({.restart_before_each_decide = true});
  world.offer_candidate("packages-next");
  world.run(10);
  world.command("pause packages-next jo-1");
  world.run(600);
  EXPECT_EQ(world.status().step_index, 1);
  EXPECT_EQ(world.status().pause->command, "jo-1");
  EXPECT_NE(message_of(world, "Paused").find("resume packages-next "), std::string::npos);
  world.rollout.metadata.annotations.clear();
  world.run(60);
  EXPECT_TRUE(is_paused(world)) << "removal of the annotation means nothing";
  world.command("pause packages-next jo-2");
  world.run(1);
  EXPECT_EQ(world.status().last_command->result.find("refused: it is paused already"), 0U);
  world.command("resume packages-next jo-3");
  world.run(1);
  EXPECT_FALSE(is_paused(world));
  EXPECT_GE(world.status().pause->in_rollout, minutes(10));
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 300));
}

TEST(RolloutPause, ANewCandidateIsNotHeldByTheLastOnesCommand) {
  StoryWorld world = in_split();
  world.command("pause packages-next p1");
  world.run(5);
  world.offer_candidate("packages-newer");
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 1200)) << to_json(world.status());
}

TEST(RolloutPause, ManualPromotionWaitsForAPerson) {
  for (const char* verb : {"promote", "approve"}) {
    StoryWorld world;
    world.rollout.spec.promotion = api::Promotion::kManual;
    world.offer_candidate("packages-next");
    ASSERT_TRUE(world.run_until(RolloutPhase::kPaused, 300));
    world.run(1500);
    EXPECT_EQ(world.status().phase, RolloutPhase::kPaused);
    EXPECT_EQ(world.status().step_summary, "3/3 promotion");
    EXPECT_EQ(reason_of(world, "Paused"), "AwaitingPromotion");
    EXPECT_EQ(world.weights.back(), Share{5000});
    world.command(std::string(verb) + " packages-next x1");
    EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 60)) << to_json(world.status());
  }
}

TEST(RolloutPause, AnAwaitedPromotionCanStillBeRolledBack) {
  StoryWorld world;
  world.rollout.spec.promotion = api::Promotion::kManual;
  world.offer_candidate("packages-next");
  ASSERT_TRUE(world.run_until(RolloutPhase::kPaused, 300));
  world.candidate_error_rate = 0.05;
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 300));
  EXPECT_EQ(world.newest().reason, "Evidence");
}

TEST(RolloutPause, PromotionIsPartOfTheStoredPolicyAndPausedIsNot) {
  StoryWorld world = in_split();
  world.rollout.spec.promotion = api::Promotion::kManual;
  world.rollout.spec.steps[1].split->min_duration = seconds(0);
  ASSERT_TRUE(world.run_until(RolloutPhase::kPromoted, 1200)) << "the edit is for the next one";
  world.offer_candidate("packages-third");
  ASSERT_TRUE(world.run_until(RolloutPhase::kPaused, 600));
  EXPECT_EQ(reason_of(world, "Paused"), "AwaitingPromotion");
}

}  // namespace
}  // namespace sluice::canary_rollout
