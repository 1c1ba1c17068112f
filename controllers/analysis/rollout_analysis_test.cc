#include "controllers/analysis/rollout_analysis.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"

namespace sluice::analysis {
namespace {

// errorRate: {max: 1%, worseThanStableBy: 0.5%}, 5 s blocks, one hour.
Settings settings() {
  Settings result;
  result.errors = ErrorObjective{.max = 0.01, .worse_than_stable_by = 0.005};
  result.block_seconds = 5;
  result.max_duration_seconds = 3600;
  return result;
}

// 400 requests a second, two pods on each side.
Block block(std::int64_t index, ArmCounts candidate, ArmCounts stable) {
  Block result;
  result.index = index;
  result.candidate = candidate;
  result.stable = stable;
  result.stable_pods = {{"stable-a", stable.n / 2, stable.bad / 2},
                        {"stable-b", stable.n - stable.n / 2, stable.bad - stable.bad / 2}};
  result.candidate_pods = 2;
  return result;
}

Block healthy(std::int64_t index) {
  return block(index, {200, 0}, {1800, index % 2});
}

State at_weight(const Settings& with, double weight) {
  State state = new_state(with);
  reset_step(state, weight);
  return state;
}

// Folds copies of a block until the verdict is another one than keep looking; at most `blocks_max`.
Assessment fold_until_verdict(const Settings& with, State& state, Block next, int blocks_max) {
  Assessment seen;
  for (int i = 0; i < blocks_max; ++i) {
    next.index = state.block_index + 1;
    seen = fold(with, state, next);
    if (seen.verdict != Verdict::kKeepLooking) {
      break;
    }
  }
  return seen;
}

TEST(RolloutAnalysis, AdvancesAHealthyCandidateOnceTheMarginIsShown) {
  State state = at_weight(settings(), 0.1);
  const Assessment seen = fold_until_verdict(settings(), state, healthy(0), 100);
  EXPECT_EQ(seen.verdict, Verdict::kAdvance) << seen.message;
  EXPECT_EQ(seen.reason, Reason::kNonInferior);
  EXPECT_GE(seen.noninferiority->ln_m, std::log(20.0));
  EXPECT_DOUBLE_EQ(seen.noninferiority->margin, 0.005);
  EXPECT_LE(seen.excess_interval.high, 0.01);
  EXPECT_EQ(seen.step_requests, seen.candidate.counts.n);
}

TEST(RolloutAnalysis, RollsBackTwentyPercentErrorsAfterThreeBlocks) {
  State state = at_weight(settings(), 0.1);
  const Assessment seen =
      fold_until_verdict(settings(), state, block(0, {200, 40}, {1800, 1}), 100);
  EXPECT_EQ(seen.verdict, Verdict::kRollBack) << seen.message;
  EXPECT_EQ(seen.reason, Reason::kEvidence);
  EXPECT_EQ(seen.culprit, kErrorsVsStable);
  EXPECT_EQ(seen.blocks_used, 3);
  EXPECT_GE(seen.ln_e_family, std::log(100.0));
  EXPECT_GT(seen.excess_interval.low, 0);
}

TEST(RolloutAnalysis, NeverDecidesFromFewerThanThreeBlocksHoweverBad) {
  State state = at_weight(settings(), 0.1);
  for (std::int64_t i = 0; i < 2; ++i) {
    const Assessment seen = fold(settings(), state, block(i, {20000, 20000}, {1800, 0}));
    EXPECT_EQ(seen.verdict, Verdict::kKeepLooking);
  }
}

TEST(RolloutAnalysis, OneBadBlockAmongHealthyOnesDoesNotRollBack) {
  State state = at_weight(settings(), 0.1);
  for (std::int64_t i = 0; i < 40; ++i) {
    const Block next = i == 20 ? block(i, {200, 200}, {1800, 1}) : healthy(i);
    EXPECT_NE(fold(settings(), state, next).verdict, Verdict::kRollBack) << i;
  }
}

TEST(RolloutAnalysis, FindsARegressionAsFastAfterHoursAsAtTheStart) {
  State state = at_weight(settings(), 0.1);
  for (std::int64_t i = 0; i < 600; ++i) {
    fold_evidence(settings(), state, healthy(i));
  }
  const std::int64_t before = state.blocks_used;
  const Assessment seen =
      fold_until_verdict(settings(), state, block(0, {200, 10}, {1800, 1}), 100);
  // The step is proven by now, so that the first verdict may be to advance; fold on.
  State onward = state;
  Assessment later = seen;
  while (later.verdict != Verdict::kRollBack && onward.blocks_used < before + 100) {
    later = fold(settings(), onward, block(onward.block_index + 1, {200, 10}, {1800, 1}));
  }
  EXPECT_EQ(later.verdict, Verdict::kRollBack);
  EXPECT_LE(onward.blocks_used - before, 5);
}

TEST(RolloutAnalysis, QuarantinePairsAloneLeadToARollback) {
  State state = at_weight(settings(), 0.1);
  Block next = block(0, {0, 0}, {1800, 1});
  next.pairs = {.n = 200, .bad_candidate = 40, .bad_stable = 0};
  const Assessment seen = fold(settings(), state, next);
  EXPECT_EQ(seen.reason, Reason::kQuarantined);
  EXPECT_TRUE(seen.conditions.quarantined);
  Assessment last = seen;
  for (int i = 0; i < 10 && last.verdict != Verdict::kRollBack; ++i) {
    ++next.index;
    last = fold(settings(), state, next);
  }
  EXPECT_EQ(last.reason, Reason::kEvidence);
  EXPECT_EQ(last.step_requests, 0);
  EXPECT_EQ(last.candidate.counts.n, last.blocks_used * 200);
}

TEST(RolloutAnalysis, QuarantineNeverCompletesAStep) {
  State state = at_weight(settings(), 0.1);
  for (std::int64_t i = 0; i < 100; ++i) {
    Block next = healthy(i);
    next.pairs = {.n = 100, .bad_candidate = 0, .bad_stable = 0};
    EXPECT_EQ(fold(settings(), state, next).verdict, Verdict::kHold);
  }
}

TEST(RolloutAnalysis, AChangeOfWeightStartsTheProofAnewAndKeepsTheEvidence) {
  State state = at_weight(settings(), 0.1);
  for (std::int64_t i = 0; i < 50; ++i) {
    fold_evidence(settings(), state, healthy(i));
  }
  const State before = state;
  reset_step(state, 0.5);
  EXPECT_EQ(state.step, NonInferiority{});
  EXPECT_EQ(state.totals, StepTotals{});
  EXPECT_EQ(state.relative, before.relative);
  EXPECT_EQ(state.absolute, before.absolute);
  EXPECT_EQ(state.dispersion, before.dispersion);
  EXPECT_EQ(state.marks.weight_raised_at, 50);
  EXPECT_EQ(fold(settings(), state, healthy(50)).verdict, Verdict::kKeepLooking);
}

TEST(RolloutAnalysis, OnlyAHigherWeightIsARaise) {
  State state = at_weight(settings(), 0.5);
  for (std::int64_t i = 0; i < 10; ++i) {
    fold_evidence(settings(), state, healthy(i));
  }
  reset_step(state, 0.1);
  EXPECT_EQ(state.marks.weight_raised_at, 0);
  reset_step(state, 0.2);
  EXPECT_EQ(state.marks.weight_raised_at, 10);
}

// At a small weight the step's margin is wide: 1 % errors are within it, and yet worse than stable.
TEST(RolloutAnalysis, DoesNotAdvanceWhatLeansTowardsARollback) {
  Settings with = settings();
  with.false_rollback_rate = 1e-9;
  State state = at_weight(with, 0.01);
  Assessment seen;
  for (std::int64_t i = 0; i < 12; ++i) {
    seen = fold(with, state, block(i, {200, 2}, {1800, 2}));
  }
  EXPECT_TRUE(seen.noninferiority->shown) << seen.message;
  EXPECT_EQ(seen.verdict, Verdict::kKeepLooking) << seen.message;
  EXPECT_EQ(seen.reason, Reason::kEvidenceAgainst) << seen.message;
}

TEST(RolloutAnalysis, AStateKeptUnderOtherObjectivesBeginsTheTestsItLacks) {
  for (const State& kept : {State{}, new_state(Settings{})}) {
    State state = kept;
    reset_step(state, 0.1);
    Block blind = healthy(0);
    blind.data = BlockData::kBothBlind;
    EXPECT_EQ(fold(settings(), state, blind).verdict, Verdict::kKeepLooking);
    EXPECT_EQ(fold(settings(), state, healthy(1)).metrics.size(), 2U);
  }
}

struct Rule {
  const char* name;
  HardFacts facts;
  Reason reason;
};

TEST(RolloutAnalysis, HardFactsRollBackInOneBlockEvenWithoutData) {
  const std::vector<Rule> rules = {
      {"crash loop", {.crash_loop = true}, Reason::kCrashLoop},
      {"no worker", {.no_ready_worker = true}, Reason::kNoReadyWorker},
      {"all failing", {.all_requests_failing = true}, Reason::kAllRequestsFailing}};
  for (const Rule& rule : rules) {
    for (const BlockData data : {BlockData::kValid, BlockData::kBothBlind}) {
      State state = at_weight(settings(), 0.1);
      Block next = healthy(0);
      next.facts = rule.facts;
      next.data = data;
      const Assessment seen = fold(settings(), state, next);
      EXPECT_EQ(seen.verdict, Verdict::kRollBack) << rule.name;
      EXPECT_EQ(seen.reason, rule.reason) << rule.name;
    }
  }
}

TEST(RolloutAnalysis, InvalidBlocksBringNoEvidenceAndHoldAfterFive) {
  State state = at_weight(settings(), 0.1);
  for (std::int64_t i = 0; i < 60; ++i) {
    fold_evidence(settings(), state, healthy(i));
  }
  const State before = state;
  for (std::int64_t i = 60; i < 200; ++i) {
    Block blind = healthy(i);
    blind.data = BlockData::kBothBlind;
    const Assessment seen = fold(settings(), state, blind);
    EXPECT_NE(seen.verdict, Verdict::kAdvance);
    EXPECT_NE(seen.verdict, Verdict::kRollBack) << "the provider is down: nobody is to blame";
    EXPECT_EQ(seen.reason, i < 64 ? Reason::kBlockInvalid : Reason::kDataStale);
    EXPECT_EQ(seen.conditions.data_stale, i >= 64);
  }
  EXPECT_EQ(state.relative, before.relative);
  EXPECT_EQ(state.absolute, before.absolute);
  EXPECT_EQ(state.step, before.step);
  EXPECT_EQ(state.blocks_invalid, 140);
  EXPECT_EQ(fold(settings(), state, healthy(200)).verdict, Verdict::kAdvance);
}

TEST(RolloutAnalysis, ABlindCandidateIsRolledBackAfterTenMinutesByRule) {
  for (const OnNoData on_no_data : {OnNoData::kRollBack, OnNoData::kHold}) {
    Settings with = settings();
    with.data.on_no_data = on_no_data;
    State state = at_weight(with, 0.1);
    for (std::int64_t i = 0; i < 130; ++i) {
      Block blind = healthy(i);
      blind.data = BlockData::kCandidateBlind;
      const Assessment seen = fold(with, state, blind);
      const bool is_over = i >= 119 && on_no_data == OnNoData::kRollBack;
      EXPECT_EQ(seen.verdict == Verdict::kRollBack, is_over) << i;
      EXPECT_EQ(seen.reason == Reason::kNoCandidateData, is_over) << i;
    }
  }
}

TEST(RolloutAnalysis, ImpossibleCountsMakeTheBlockInvalid) {
  const std::vector<Block> impossible = {block(0, {10, 11}, {100, 0}),
                                         block(0, {-1, 0}, {100, 0}),
                                         block(0, {10, 0}, {100, -3}),
                                         block(0, {std::int64_t{1} << 60, 0}, {100, 0})};
  for (const Block& bad : impossible) {
    State state = at_weight(settings(), 0.1);
    const Assessment seen = fold(settings(), state, bad);
    EXPECT_EQ(seen.reason, Reason::kBlockInvalid);
    EXPECT_NE(seen.message.find("BadCounts"), std::string::npos) << seen.message;
    EXPECT_EQ(state.blocks_used, 0);
    EXPECT_EQ(state.blocks_invalid, 1);
  }
}

TEST(RolloutAnalysis, LargestPossibleCountsStayFinite) {
  State state = at_weight(settings(), 0.5);
  const std::int64_t most = 1'000'000'000'000;
  for (std::int64_t i = 0; i < 20; ++i) {
    const Assessment seen = fold(settings(), state, block(i, {most, i}, {1, 1}));
    EXPECT_TRUE(std::isfinite(seen.ln_e_family));
    EXPECT_FALSE(seen.conditions.internal);
  }
}

TEST(RolloutAnalysis, ABlockIsNeverCountedTwice) {
  State state = at_weight(settings(), 0.1);
  fold_evidence(settings(), state, healthy(3));
  const State before = state;
  for (const std::int64_t index : {0, 2, 3}) {
    const Assessment seen = fold(settings(), state, block(index, {200, 200}, {1800, 0}));
    EXPECT_EQ(seen.reason, Reason::kStaleBlock);
    EXPECT_EQ(state, before);
  }
}

TEST(RolloutAnalysis, HoldsWhileStableBreaksTheObjectiveAndBlamesNobody) {
  State state = new_state(settings());
  for (std::int64_t i = 0; i < 30; ++i) {
    learn_stable(settings(), state, block(i, {0, 0}, {2000, 100}));
  }
  reset_step(state, 0.1);
  for (std::int64_t i = 30; i < 300; ++i) {
    const Assessment seen = fold(settings(), state, block(i, {200, 10}, {1800, 90}));
    EXPECT_EQ(seen.verdict, Verdict::kHold) << seen.message;
    EXPECT_EQ(seen.reason, Reason::kStableInBreach);
    EXPECT_TRUE(seen.metrics.at(1).masked);
  }
}

TEST(RolloutAnalysis, RollsForwardOverABrokenStableWhenAskedTo) {
  Settings with = settings();
  with.roll_forward = true;
  State state = at_weight(with, 0.1);
  const Assessment seen = fold_until_verdict(with, state, block(0, {200, 0}, {1800, 90}), 100);
  EXPECT_EQ(seen.verdict, Verdict::kAdvance) << seen.message;
}

TEST(RolloutAnalysis, ABreachOfStableSoonAfterARaiseRollsBack) {
  State state = at_weight(settings(), 0.1);
  for (std::int64_t i = 0; i < 20; ++i) {
    fold_evidence(settings(), state, healthy(i));
  }
  Assessment seen;
  std::int64_t i = 20;
  for (; i < 100 && seen.verdict != Verdict::kRollBack; ++i) {
    seen = fold(settings(), state, block(i, {200, 10}, {1800, 90}));
  }
  EXPECT_EQ(seen.reason, Reason::kSharedBreachAfterStep) << seen.message;
  EXPECT_EQ(i - 21, 25) << "more than 120 s of 5 s blocks";
}

TEST(RolloutAnalysis, AnObjectiveOfZeroIsARuleNotAStatistic) {
  Settings with = settings();
  with.errors = ErrorObjective{.max = 0.0, .worse_than_stable_by = 0.005};
  State state = at_weight(with, 0.1);
  EXPECT_NE(fold(with, state, block(0, {200, 0}, {1800, 0})).verdict, Verdict::kRollBack);
  EXPECT_NE(fold(with, state, block(1, {200, 1}, {1800, 1})).verdict, Verdict::kRollBack);
  EXPECT_EQ(fold(with, state, block(2, {200, 1}, {1800, 0})).reason, Reason::kAnyBadIsBreach);
}

TEST(RolloutAnalysis, WithoutTrafficTheClockRunsAndNothingIsShown) {
  State state = at_weight(settings(), 0.1);
  for (std::int64_t i = 0; i < 20; ++i) {
    const Assessment seen = fold(settings(), state, block(i, {0, 0}, {1800, 1}));
    EXPECT_EQ(seen.reason, Reason::kLowTraffic);
    EXPECT_TRUE(seen.conditions.low_traffic);
    EXPECT_FALSE(seen.outlook.advance_seconds);
  }
  EXPECT_EQ(state.relative.blocks, 20);
}

TEST(RolloutAnalysis, WithoutAnErrorObjectiveNothingHasToBeShown) {
  Settings with = settings();
  with.errors.reset();
  State state = at_weight(with, 0.1);
  EXPECT_EQ(fold(with, state, healthy(0)).reason, Reason::kNothingToProve);
  Block blind = healthy(1);
  blind.data = BlockData::kBothBlind;
  EXPECT_EQ(fold(with, state, blind).verdict, Verdict::kKeepLooking);
}

TEST(RolloutAnalysis, TheOutlookSaysWhatWouldChangeTheVerdict) {
  State state = at_weight(settings(), 0.1);
  fold_evidence(settings(), state, healthy(0));
  const Assessment seen = fold(settings(), state, healthy(1));
  ASSERT_EQ(seen.verdict, Verdict::kKeepLooking) << seen.message;
  ASSERT_TRUE(seen.outlook.clean_needed);
  ASSERT_TRUE(seen.outlook.further_bad);
  ASSERT_TRUE(seen.outlook.advance_seconds);
  EXPECT_FALSE(seen.outlook.rollback_seconds);
  // So many clean requests advance, and one block fewer would not.
  const std::int64_t blocks = (*seen.outlook.clean_needed + 199) / 200;
  State clean = state;
  Assessment last;
  for (std::int64_t i = 0; i < blocks; ++i) {
    EXPECT_NE(last.verdict, Verdict::kAdvance);
    last = fold(settings(), clean, block(2 + i, {200, 0}, {1800, i % 2}));
  }
  EXPECT_EQ(last.verdict, Verdict::kAdvance) << last.message;
  // So many bad ones, spread over the next minute, roll back.
  State bad = state;
  std::int64_t left = *seen.outlook.further_bad;
  for (std::int64_t i = 0; i < 12; ++i) {
    const std::int64_t now = (left + 11 - i) / (12 - i);
    left -= now;
    last = fold(settings(), bad, block(2 + i, {200, now}, {1800, i % 2}));
  }
  EXPECT_EQ(last.verdict, Verdict::kRollBack) << last.message;
}

TEST(RolloutAnalysis, AFutileStepIsRecognised) {
  State state = at_weight(settings(), 0.1);
  Assessment seen;
  for (std::int64_t i = 0; i < 20; ++i) {
    seen = fold(settings(), state, block(i, {10, 0}, {90, 0}));
  }
  EXPECT_TRUE(is_futile(seen, 60)) << seen.message;
  EXPECT_FALSE(is_futile(seen, 24 * 3600.0)) << seen.message;
}

TEST(RolloutAnalysis, ACrashFoldsTheMissedIntervalsAsOneCappedBlock) {
  State state = at_weight(settings(), 0.1);
  for (std::int64_t i = 0; i < 10; ++i) {
    fold_evidence(settings(), state, healthy(i));
  }
  // Two minutes of 20 % errors at once: strong, but one block never decides.
  const Assessment seen = fold(settings(), state, block(33, {4800, 960}, {43200, 12}));
  EXPECT_NE(seen.verdict, Verdict::kRollBack);
  EXPECT_LT(seen.ln_e_family, std::log(100.0));
  // Rates are for each interval, not for the block.
  EXPECT_NEAR(state.recent.live.n_candidate / state.recent.weight, 200, 1e-6);
  // Also when the gap was seen as invalid blocks.
  for (std::int64_t i = 34; i < 44; ++i) {
    Block blind = healthy(i);
    blind.data = BlockData::kBothBlind;
    fold_evidence(settings(), state, blind);
  }
  fold_evidence(settings(), state, block(44, {11 * 200, 0}, {11 * 1800, 5}));
  EXPECT_NEAR(state.recent.live.n_candidate / state.recent.weight, 200, 1e-6);
}

TEST(RolloutAnalysis, SameStateSameBlocksSameVerdictsThroughEncoding) {
  Rng rng(11);
  State straight = at_weight(settings(), 0.1);
  State restarted = straight;
  for (std::int64_t i = 0; i < 300; ++i) {
    const auto bad = static_cast<std::int64_t>(rng.below(4));
    Block next = block(i, {150 + static_cast<std::int64_t>(rng.below(100)), bad}, {1800, bad * 5});
    next.pairs = {.n = static_cast<std::int64_t>(rng.below(2)) * 10};
    if (i == 150) {
      reset_step(straight, 0.5);
      reset_step(restarted, 0.5);
    }
    const Assessment a = fold(settings(), straight, next);
    const Result<State> decoded = decode(encode(restarted));
    ASSERT_TRUE(decoded) << decoded.error().message;
    restarted = *decoded;
    const Assessment b = fold(settings(), restarted, next);
    ASSERT_EQ(straight, restarted);
    ASSERT_EQ(a.message, b.message);
    ASSERT_EQ(a.ln_e_family, b.ln_e_family);
  }
}

// A verdict stored by one build must replay in another. When this number changes, it does not: then
// the state's version has to change with it.
TEST(RolloutAnalysis, EveryCompilerComesToTheSameBits) {
  Rng rng(23);
  State state = at_weight(settings(), 0.1);
  std::uint64_t hash = 0;
  for (std::int64_t i = 0; i < 200; ++i) {
    const auto n = static_cast<std::int64_t>(rng.below(300));
    const auto bad = static_cast<std::int64_t>(rng.below(6));
    Block next = block(i, {n + bad, bad}, {1800, 3 * bad + i % 3});
    next.pairs = {.n = bad, .bad_candidate = bad / 2, .bad_stable = 0};
    const Assessment seen = fold(settings(), state, next);
    hash = name_hash(std::to_string(hash) + encode(state) + seen.one_line);
  }
  EXPECT_EQ(hash, 0x7a1817b5c5e9bdffULL);
}

TEST(RolloutAnalysis, MessagesGiveTheNumbers) {
  State state = at_weight(settings(), 0.1);
  const Assessment seen =
      fold_until_verdict(settings(), state, block(0, {200, 40}, {1800, 1}), 100);
  EXPECT_EQ(seen.one_line.find("RollBack Evidence: errors 20% vs 0.0556% (excess 19.9 ["), 0U)
      << seen.one_line;
  EXPECT_NE(seen.message.find("120 bad of 600"), std::string::npos) << seen.message;
}

}  // namespace
}  // namespace sluice::analysis
