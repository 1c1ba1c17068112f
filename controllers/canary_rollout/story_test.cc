// Whole rollouts: what happens to a candidate from its first appearance to its end.

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

#include "base/describe.h"
#include "controllers/analysis/state.h"
#include "controllers/canary_rollout/inputs.h"
#include "controllers/canary_rollout/story_world.h"

namespace sluice::canary_rollout {
namespace {

using api::RolloutPhase;
using std::chrono::minutes;
using std::chrono::seconds;

bool has_event(const StoryWorld& world, std::string_view reason) {
  return std::ranges::any_of(world.events, [&](const Announce& e) { return e.reason == reason; });
}

bool is_true(const StoryWorld& world, std::string_view type) {
  const auto* condition = kube::find_condition(world.status().conditions, type);
  return condition != nullptr && condition->status == kube::ConditionStatus::kTrue;
}

TEST(RolloutStory, PromotesAGoodCandidateByEvidence) {
  StoryWorld world;
  world.offer_candidate("packages-good");
  ASSERT_TRUE(world.run_until(RolloutPhase::kPromoted, 1200)) << to_json(world.status());
  const std::vector expected{RolloutPhase::kPending,
                             RolloutPhase::kEvaluating,
                             RolloutPhase::kProgressing,
                             RolloutPhase::kPromoting,
                             RolloutPhase::kPromoted};
  EXPECT_EQ(world.phases, expected);
  EXPECT_EQ(world.weights, (std::vector{Share{1000}, Share{5000}, kWhole}));
  EXPECT_EQ(world.newest().verdict, "Promoted");
  EXPECT_EQ(world.status().decisions.at(1).reason, "NonInferior");
  world.run(3);
  EXPECT_EQ(world.status().weight_summary, "0%/0%");
  EXPECT_EQ(world.status().stable_revision, "packages-good");
  EXPECT_TRUE(is_true(world, "Ready"));
}

TEST(RolloutStory, RefusesBadQualityBeforeAnyUserSeesIt) {
  StoryWorld world;
  world.offer_candidate("packages-bad", 0.55);
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 60));
  EXPECT_TRUE(world.weights.empty());
  EXPECT_EQ(world.newest().verdict, "Refused");
  EXPECT_EQ(world.newest().reason, "WorseThanStable");
  const std::string& message = world.newest().message;
  EXPECT_NE(message.find("ndcgAt10 0.5500"), std::string::npos) << message;
  EXPECT_NE(message.find("0.7000"), std::string::npos) << message;
  EXPECT_NE(message.find('['), std::string::npos) << message;
  EXPECT_EQ(reason_of(world, "RolledBack"), "WorseThanStable");
  EXPECT_FALSE(world.status().last_rollback->first_bad_answer_at.has_value());
  EXPECT_EQ(world.status().objectives.at(0).verdict, api::ObjectiveVerdict::kFail);
}

TEST(RolloutStory, RefusesACandidateBelowTheFloorWithoutWaitingForStable) {
  StoryWorld world;
  world.seen.evaluations.stable.reset();
  world.offer_candidate("packages-worst", 0.3);
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 60));
  EXPECT_EQ(world.newest().reason, "BelowFloor");
}

class FailingCandidate : public testing::TestWithParam<double> {};

TEST_P(FailingCandidate, IsQuarantinedThenRolledBackWithAllItsTimes) {
  StoryWorld world({.candidate_error_rate = GetParam()});
  world.offer_candidate("packages-failing");
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 600)) << to_json(world.status());
  const api::RollbackRecord& rollback = *world.status().last_rollback;
  ASSERT_TRUE(rollback.first_bad_answer_at && rollback.protected_at && rollback.verdict_at &&
              rollback.traffic_restored_at);
  EXPECT_LE(*rollback.first_bad_answer_at, *rollback.protected_at);
  EXPECT_LE(*rollback.protected_at, *rollback.verdict_at);
  EXPECT_LE(*rollback.verdict_at, *rollback.traffic_restored_at);
  EXPECT_LE(*rollback.verdict_at - *rollback.first_bad_answer_at, seconds(60));
  EXPECT_LE(*rollback.traffic_restored_at - *rollback.verdict_at, seconds(5));
  EXPECT_EQ(world.candidate_live_while_quarantined, 0);
  EXPECT_EQ(rollback.objective, "errors");
  EXPECT_EQ(world.weights, (std::vector{Share{1000}, Share{0}}));
  EXPECT_EQ(world.status().verdict.find("RollBack "), 0U) << world.status().verdict;
  EXPECT_TRUE(is_true(world, "RolledBack"));
  EXPECT_TRUE(has_event(world, "RolledBack"));
  EXPECT_TRUE(has_event(world, "TrafficRestored"));
}

INSTANTIATE_TEST_SUITE_P(ErrorRates, FailingCandidate, testing::Values(0.2, 0.5, 1.0));

TEST(RolloutStory, RollsBackAFewPercentErrorsWithoutQuarantine) {
  StoryWorld world({.candidate_error_rate = 0.03});
  world.offer_candidate("packages-leaky");
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 900)) << to_json(world.status());
  EXPECT_EQ(world.newest().reason, "Evidence");
}

TEST(RolloutStory, ToleratesErrorsThatStableHasToo) {
  StoryWorld world({.stable_error_rate = 0.002, .candidate_error_rate = 0.002});
  world.offer_candidate("packages-as-good");
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 1800)) << to_json(world.status());
}

TEST(RolloutStory, AFlappingCandidateIsRolledBack) {
  StoryWorld world;
  world.offer_candidate("packages-flapping");
  for (int i = 0; i < 60 && world.status().phase != RolloutPhase::kRolledBack; ++i) {
    world.candidate_error_rate = i % 2 == 0 ? 0.0 : 0.3;
    world.run(10);
  }
  EXPECT_EQ(world.status().phase, RolloutPhase::kRolledBack) << to_json(world.status());
}

TEST(RolloutStory, HoldsWithoutCandidateTrafficThenSaysSo) {
  StoryWorld world({.queries_per_second = 0});
  world.offer_candidate("packages-lonely");
  world.run(700);
  EXPECT_EQ(world.status().phase, RolloutPhase::kProgressing);
  EXPECT_EQ(world.status().step_index, 1);
  EXPECT_EQ(reason_of(world, "DataStale"), "NoData");
  EXPECT_EQ(world.newest().verdict, "Held");
  EXPECT_EQ(world.newest().reason, "NoData");
}

TEST(RolloutStory, RollsBackWithoutTrafficIfThePolicySaysSo) {
  StoryWorld world({.queries_per_second = 0});
  world.rollout.spec.analysis.objectives = {{.name = "errors",
                                             .error_rate = api::ErrorRateObjective{},
                                             .on_no_data = api::NoDataPolicy::kRollback}};
  world.rollout.spec.analysis.no_data_timeout = minutes(1);
  world.offer_candidate("packages-lonely");
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 300));
  EXPECT_EQ(world.newest().reason, "NoData");
}

TEST(RolloutStory, IgnoresMissingTrafficOnlyIfThePolicySaysSo) {
  StoryWorld world({.queries_per_second = 0});
  world.rollout.spec.analysis.objectives = {{.name = "errors",
                                             .error_rate = api::ErrorRateObjective{},
                                             .on_no_data = api::NoDataPolicy::kIgnore}};
  world.rollout.spec.analysis.no_data_timeout = minutes(1);
  world.offer_candidate("packages-lonely");
  ASSERT_TRUE(world.run_until(RolloutPhase::kPromoted, 600));
  EXPECT_EQ(world.status().decisions.at(1).reason, "NoDataIgnored");
}

TEST(RolloutStory, RoutersThatCannotBeReadNeverAdvanceAStep) {
  StoryWorld world;
  world.rollout.spec.analysis.objectives = {{.name = "errors",
                                             .error_rate = api::ErrorRateObjective{},
                                             .on_no_data = api::NoDataPolicy::kIgnore}};
  world.rollout.spec.analysis.no_data_timeout = minutes(1);
  world.offer_candidate("packages-good");
  world.run(10);
  ASSERT_TRUE(world.status().step_started_at.has_value());
  world.routers_answer = false;
  world.run(300);
  EXPECT_EQ(world.status().step_index, 1);
  EXPECT_TRUE(is_true(world, "DataStale"));
  world.routers_answer = true;
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 600));
}

TEST(RolloutStory, InconclusiveHoldsByDefaultAndSaysSoOnce) {
  StoryWorld world({.queries_per_second = 2});
  world.rollout.spec.steps[1].split->max_duration = minutes(2);
  world.offer_candidate("packages-quiet");
  world.run(600);
  EXPECT_EQ(world.status().phase, RolloutPhase::kProgressing);
  EXPECT_EQ(reason_of(world, "Progressing"), "Inconclusive");
  const auto held = std::ranges::count_if(
      world.status().decisions, [](const auto& record) { return record.verdict == "Held"; });
  EXPECT_EQ(held, 1);
}

TEST(RolloutStory, InconclusivePolicyMayRollBackOrAdvance) {
  for (const auto policy : {api::Inconclusive::kRollback, api::Inconclusive::kAdvance}) {
    StoryWorld world({.queries_per_second = 2});
    world.rollout.spec.analysis.inconclusive = policy;
    for (const std::size_t i : {1U, 2U}) {
      world.rollout.spec.steps[i].split->max_duration = minutes(2);
    }
    world.offer_candidate("packages-quiet");
    const auto end = policy == api::Inconclusive::kRollback ? RolloutPhase::kRolledBack
                                                            : RolloutPhase::kPromoted;
    EXPECT_TRUE(world.run_until(end, 1200)) << to_json(world.status());
    EXPECT_EQ(world.status().decisions.at(policy == api::Inconclusive::kRollback ? 0 : 1).reason,
              "Inconclusive");
  }
}

TEST(RolloutStory, ANewerCandidateTakesTheTrafficFirstThenItsTurn) {
  StoryWorld world;
  world.offer_candidate("packages-first");
  world.run(15);
  ASSERT_EQ(world.status().phase, RolloutPhase::kProgressing);
  world.routers_confirm = false;
  world.offer_candidate("packages-second");
  world.run(5);
  EXPECT_EQ(world.status().phase, RolloutPhase::kSuperseded);
  EXPECT_EQ(world.status().candidate_revision, "packages-first");
  EXPECT_EQ(world.newest().reason, "NewerCandidate");
  world.routers_confirm = true;
  ASSERT_TRUE(world.run_until(RolloutPhase::kPromoted, 900));
  EXPECT_EQ(world.status().stable_revision, "packages-second");
  EXPECT_EQ(world.weights, (std::vector{Share{1000}, Share{0}, Share{1000}, Share{5000}, kWhole}));
}

TEST(RolloutStory, SpecSetBackToStableEndsItAndNothingIsRemembered) {
  StoryWorld world;
  world.offer_candidate("packages-good");
  world.run(15);
  world.withdraw_candidate();
  ASSERT_TRUE(world.run_until(RolloutPhase::kSuperseded, 5));
  world.run(5);
  EXPECT_EQ(world.weights.back(), Share{0});
  EXPECT_TRUE(world.status().candidate_retired_at.has_value());
  EXPECT_FALSE(world.status().last_rollback.has_value());
  EXPECT_FALSE(is_true(world, "RolledBack"));
  world.offer_candidate("packages-good");
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 900));
}

struct RestartStory {
  double error_rate;
  RolloutPhase end;
};

class Restarts : public testing::TestWithParam<RestartStory> {};

// The status goes through its JSON before every decision: what is decided may rest on nothing else.
TEST_P(Restarts, ChangeNothing) {
  std::vector<api::CanaryRolloutStatus> ends;
  for (const bool restart : {false, true}) {
    StoryWorld world({.candidate_error_rate = GetParam().error_rate,
                      .routers = 2,
                      .restart_before_each_decide = restart});
    world.offer_candidate("packages-next");
    for (int i = 0; i < 900 && world.status().phase != GetParam().end; ++i) {
      world.tick();
    }
    ends.push_back(world.status());
  }
  EXPECT_EQ(ends[0].phase, GetParam().end);
  EXPECT_EQ(ends[0], ends[1]);
}

INSTANTIATE_TEST_SUITE_P(Ends,
                         Restarts,
                         testing::Values(RestartStory{0.0, RolloutPhase::kPromoted},
                                         RestartStory{0.2, RolloutPhase::kRolledBack},
                                         RestartStory{0.03, RolloutPhase::kRolledBack}));

TEST_P(Restarts, AndLostWritesEndAlike) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    StoryWorld world({.candidate_error_rate = GetParam().error_rate,
                      .routers = 2,
                      .seed = seed,
                      .restart_before_each_decide = true,
                      .lost_writes = 0.4});
    world.offer_candidate("packages-next");
    ASSERT_TRUE(world.run_until(GetParam().end, 1800)) << seed << to_json(world.status());
    if (GetParam().end == RolloutPhase::kRolledBack) {
      EXPECT_EQ(world.weights, (std::vector{Share{1000}, Share{0}}));
    } else {
      // After the commit the index takes the candidate out of the route, whoever heard of it.
      ASSERT_GE(world.weights.size(), 3U);
      world.weights.resize(3);
      EXPECT_EQ(world.weights, (std::vector{Share{1000}, Share{5000}, kWhole}));
    }
  }
}

TEST(RolloutStory, AnAbsentOperatorGoesOnWhereItWas) {
  StoryWorld world;
  world.rollout.spec.steps[1].split->min_duration = minutes(10);
  world.offer_candidate("packages-good");
  world.run(40);
  const auto before = world.status();
  ASSERT_TRUE(before.step_started_at.has_value());
  // Ten minutes of traffic that nobody looks at.
  world.index_obeys = false;
  for (int i = 0; i < 600; ++i) {
    const auto kept = world.rollout.status;
    world.tick();
    world.rollout.status = kept;
  }
  world.index_obeys = true;
  world.run(7);
  const auto& after = world.status();
  EXPECT_EQ(after.step_started_at, before.step_started_at);
  EXPECT_GE(after.objectives.back().samples, before.objectives.back().samples + 20'000);
  EXPECT_GE(after.evidence->block, before.evidence->block + 100);
  EXPECT_EQ(world.weights, (std::vector{Share{1000}}));
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 1200)) << to_json(world.status());
}

TEST(RolloutStory, ARestartedOperatorJudgesNothingBeforeItsFirstLookAtTheRouters) {
  StoryWorld world = in_split({.routers = 2});
  world.routers_quarantine = true;
  world.run(20);
  const auto before = world.status();
  ASSERT_EQ(reason_of(world, "Progressing"), "Quarantined");
  world.now = world.now + minutes(2);
  world.restart_operator();
  for (int i = 0; i < 6; ++i) {
    world.now = world.now + std::chrono::milliseconds(500);
    world.decide_once();
    ASSERT_EQ(world.status(), before);
  }
  world.run(2);
  EXPECT_GE(world.status().evidence->block, before.evidence->block + 24) << "the gap counts";
  EXPECT_EQ(world.status().evidence->invalid_blocks, 0);
  EXPECT_NE(world.status().objectives.back().verdict, api::ObjectiveVerdict::kNoData);
  EXPECT_EQ(std::ranges::count(world.events, "Quarantined", &Announce::reason), 1);
}

TEST(RolloutStory, RoutersThatTellARestartedOperatorNothingAreBlindAfterABlock) {
  StoryWorld world = in_split({.routers = 2});
  const auto before = world.status();
  world.routers_answer = false;
  world.now = world.now + minutes(2);
  world.restart_operator();
  world.run(4);
  EXPECT_EQ(world.status().evidence, before.evidence);
  world.run(2);
  EXPECT_EQ(world.status().evidence->invalid_blocks, 1);
  EXPECT_EQ(world.status().objectives.back().verdict, api::ObjectiveVerdict::kNoData);
}

TEST(RolloutStory, ARouterRestartInventsAndSwallowsNothing) {
  StoryWorld world({.routers = 2});
  world.rollout.spec.steps[1].split->min_duration = minutes(5);
  world.offer_candidate("packages-good");
  world.run(60);
  world.restart_router(0);
  world.run(60);
  ASSERT_EQ(world.status().phase, RolloutPhase::kProgressing);
  const auto state = analysis::decode(world.status().evidence->state);
  ASSERT_TRUE(state.has_value());
  // 115 s of 400 a second, 10 % of it; the restart may cost one scrape's worth of router 0.
  const auto& totals = state->totals;
  EXPECT_NEAR(static_cast<double>(totals.candidate.n + totals.stable.n), 115 * 400, 4000);
  EXPECT_EQ(totals.candidate.bad + totals.stable.bad, 0);
}

TEST(RolloutStory, ARouterThatIsGoneNoLongerHoldsUpBlocks) {
  StoryWorld world({.routers = 2});
  world.offer_candidate("packages-good");
  world.run(20);
  world.seen.routers[1].is_expected = false;
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 900));
}

TEST(RolloutStory, RoutersThatDoNotConfirmHoldTheStep) {
  StoryWorld world;
  world.routers_confirm = false;
  world.offer_candidate("packages-good");
  world.run(120);
  EXPECT_EQ(world.status().phase, RolloutPhase::kProgressing);
  EXPECT_FALSE(world.status().step_started_at.has_value());
  world.index->status.conditions = {{.type = "TrafficUnconfirmed",
                                     .status = kube::ConditionStatus::kTrue,
                                     .reason = "RouterSilent",
                                     .message = "router-0"}};
  world.run(1);
  EXPECT_TRUE(is_true(world, "TrafficUnconfirmed"));
  world.index->status.conditions.clear();
  world.routers_confirm = true;
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 900));
  EXPECT_FALSE(is_true(world, "TrafficUnconfirmed"));
}

TEST(RolloutStory, AnUnconfirmedRollbackSaysSoAfterItsPromise) {
  StoryWorld world({.candidate_error_rate = 1});
  world.offer_candidate("packages-dead");
  while (world.status().phase != RolloutPhase::kRollingBack) {
    world.tick();
    world.routers_confirm = world.status().phase != RolloutPhase::kRollingBack;
  }
  world.run(4);
  EXPECT_FALSE(is_true(world, "TrafficUnconfirmed"));
  world.run(4);
  EXPECT_TRUE(is_true(world, "TrafficUnconfirmed"));
  EXPECT_EQ(world.status().phase, RolloutPhase::kRollingBack);
  world.routers_confirm = true;
  world.run(3);
  EXPECT_EQ(world.status().phase, RolloutPhase::kRolledBack);
  EXPECT_FALSE(is_true(world, "TrafficUnconfirmed"));
}

TEST(RolloutStory, QuarantineNeverCompletesAStep) {
  StoryWorld world;
  world.rollout.spec.steps[1].split->max_duration = minutes(3);
  world.rollout.spec.analysis.inconclusive = api::Inconclusive::kAdvance;
  world.offer_candidate("packages-suspect");
  world.run(10);
  ASSERT_TRUE(world.status().step_started_at.has_value());
  world.routers_quarantine = true;
  world.run(400);
  EXPECT_EQ(reason_of(world, "Progressing"), "Inconclusive");
  EXPECT_EQ(world.status().step_index, 1);
  EXPECT_EQ(world.status().phase, RolloutPhase::kProgressing);
}

TEST(RolloutStory, ADrillEndsAsPassedInPlaceOfPromotion) {
  StoryWorld world;
  world.index->spec.drill.emplace();
  world.offer_candidate("packages-drill");
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 900));
  EXPECT_EQ(world.newest().reason, "DrillPassed");
  EXPECT_EQ(world.status().stable_revision, "packages-stable");
  EXPECT_EQ(world.weights.back(), Share{0});
}

TEST(RolloutStory, IsQuietOnceSettled) {
  for (const double error_rate : {0.0, 0.5}) {
    StoryWorld world({.candidate_error_rate = error_rate});
    world.offer_candidate("packages-next");
    const auto end = error_rate > 0 ? RolloutPhase::kRolledBack : RolloutPhase::kPromoted;
    ASSERT_TRUE(world.run_until(end, 900));
    world.run(10);
    const auto writes = world.status_writes;
    const auto events = world.events.size();
    world.run(300);
    EXPECT_EQ(world.status_writes, writes);
    EXPECT_EQ(world.events.size(), events);
    EXPECT_FALSE(world.decide_once().look_again.has_value());
  }
}

TEST(RolloutStory, WritesAtMostOnceABlockDuringAStep) {
  StoryWorld world;
  world.rollout.spec.steps[1].split->min_duration = minutes(10);
  world.offer_candidate("packages-good");
  world.run(30);
  const auto before = world.status_writes;
  world.run(200);
  EXPECT_LE(world.status_writes - before, 41);
  EXPECT_LT(world.status().evidence->state.size(), 16'384U);
  EXPECT_LT(to_json(world.status()).size(), 32'768U);
}

TEST(RolloutStory, RecordsOfBlocksReplayBitForBit) {
  StoryWorld world({.stable_error_rate = 0.001, .candidate_error_rate = 0.03, .routers = 2});
  world.offer_candidate("packages-leaky");
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 900));
  const auto replayed = replay(world.newest().inputs);
  ASSERT_TRUE(replayed.has_value()) << replayed.error().message << world.newest().inputs;
  EXPECT_TRUE(replayed->is_same);
  EXPECT_EQ(replayed->verdict, "RollBack");
  EXPECT_LE(world.newest().inputs.size(), 4096U);
}

TEST(RolloutStory, FalseRollbacksStayWithinTheirBudget) {
  int rolled_back = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    StoryWorld world({.queries_per_second = 100,
                      .stable_error_rate = 0.003,
                      .candidate_error_rate = 0.003,
                      .seed = seed});
    world.offer_candidate("packages-as-good");
    world.run(400);
    rolled_back += world.status().last_rollback ? 1 : 0;
  }
  EXPECT_LE(rolled_back, 2);
}

}  // namespace
}  // namespace sluice::canary_rollout
