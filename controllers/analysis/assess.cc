#include <algorithm>
#include <array>
#include <cmath>

#include "base/portable_math.h"
#include "controllers/analysis/assessment_text.h"
#include "controllers/analysis/bernoulli_interval.h"
#include "controllers/analysis/evidence.h"
#include "controllers/analysis/outlook.h"
#include "controllers/analysis/rollout_analysis.h"

namespace sluice::analysis {
namespace {

// No advance while a test holds more than 5:1 against the candidate.
constexpr double kLeaning = 5;

struct Ruling {
  Verdict verdict = Verdict::kKeepLooking;
  Reason reason = Reason::kCollecting;
};

struct Facts {
  const Settings& settings;
  const State& state;
  const Block& block;
  const Assessment& assessment;  // Its numbers; verdict and words come after.
  Folded folded = Folded::kCounted;
};

double clock_seconds(const Settings& settings, std::int64_t blocks) {
  return static_cast<double>(blocks) * settings.block_seconds;
}

Reason reason_of(HardFail fail) {
  switch (fail) {
    case HardFail::kCrashLoop:
      return Reason::kCrashLoop;
    case HardFail::kNoReadyWorker:
      return Reason::kNoReadyWorker;
    case HardFail::kAllRequestsFailing:
      return Reason::kAllRequestsFailing;
  }
  return Reason::kAllRequestsFailing;
}

// A block that does not count: no data is not a pass.
Ruling rule_on_invalid(const Facts& facts) {
  const Settings& settings = facts.settings;
  const Marks& marks = facts.state.marks;
  if (facts.folded == Folded::kInternal) {
    return {Verdict::kHold, Reason::kInternal};
  }
  const bool is_candidate_blind =
      marks.candidate_blind_since >= 0 &&
      clock_seconds(settings, facts.state.block_index - marks.candidate_blind_since + 1) >=
          settings.data.no_data_abort_seconds;
  if (is_candidate_blind && settings.data.on_no_data == OnNoData::kRollBack) {
    return {Verdict::kRollBack, Reason::kNoCandidateData};
  }
  if (facts.assessment.conditions.data_stale) {
    return {Verdict::kHold, Reason::kDataStale};
  }
  return {Verdict::kKeepLooking, Reason::kBlockInvalid};
}

// The objective's max is 0: a bad request of the candidate alone is a breach.
bool breaks_zero_objective(const Settings& settings, const Block& block) {
  return settings.errors && settings.errors->max == 0.0 &&
         block.candidate.bad + block.pairs.bad_candidate > 0 &&
         block.stable.bad + block.pairs.bad_stable == 0;
}

bool may_harm_stable(const Facts& facts) {
  const Marks& marks = facts.state.marks;
  const auto at = [&facts](std::int64_t index) -> std::optional<double> {
    if (index < 0) {
      return std::nullopt;
    }
    return clock_seconds(facts.settings, index);
  };
  return candidate_may_harm_stable({.now = clock_seconds(facts.settings, facts.state.block_index),
                                    .breach_since = at(marks.masked_since),
                                    .weight_raised_at = at(marks.weight_raised_at)},
                                   facts.settings.shared_breach);
}

Ruling rule_on_advance(const Facts& facts) {
  const Assessment& assessment = facts.assessment;
  if (!facts.settings.errors) {
    return {Verdict::kAdvance, Reason::kNothingToProve};
  }
  if (assessment.noninferiority && assessment.noninferiority->shown) {
    const double leaning = portable::log(kLeaning);
    const bool leans = std::ranges::any_of(
        assessment.metrics, [leaning](const MetricAssessment& m) { return m.ln_e > leaning; });
    return leans ? Ruling{Verdict::kKeepLooking, Reason::kEvidenceAgainst}
                 : Ruling{Verdict::kAdvance, Reason::kNonInferior};
  }
  return {Verdict::kKeepLooking,
          assessment.conditions.low_traffic ? Reason::kLowTraffic : Reason::kCollecting};
}

// The order is the rule: facts, then evidence, then data, then shared trouble, then progress.
Ruling rule(const Facts& facts) {
  if (const auto fail = hard_fail(facts.block.facts)) {
    return {Verdict::kRollBack, reason_of(*fail)};
  }
  if (facts.settings.errors && facts.assessment.ln_e_family >= facts.assessment.ln_e_threshold) {
    return {Verdict::kRollBack, Reason::kEvidence};
  }
  if (facts.folded == Folded::kStale) {
    return {Verdict::kKeepLooking, Reason::kStaleBlock};
  }
  if (facts.folded != Folded::kCounted) {
    return rule_on_invalid(facts);
  }
  if (breaks_zero_objective(facts.settings, facts.block)) {
    return {Verdict::kRollBack, Reason::kAnyBadIsBreach};
  }
  if (facts.assessment.conditions.stable_in_breach && !facts.settings.roll_forward) {
    return may_harm_stable(facts) ? Ruling{Verdict::kRollBack, Reason::kSharedBreachAfterStep}
                                  : Ruling{Verdict::kHold, Reason::kStableInBreach};
  }
  if (facts.assessment.conditions.quarantined) {
    return {Verdict::kHold, Reason::kQuarantined};
  }
  return rule_on_advance(facts);
}

RateEstimate estimate(const Settings& settings, const ArmCounts& counts, double phi) {
  RateEstimate result;
  result.counts = counts;
  if (counts.n > 0) {
    result.rate = static_cast<double>(counts.bad) / static_cast<double>(counts.n);
    result.interval = bernoulli_cs(counts, settings.interval_alpha, phi);
  }
  return result;
}

void add_metrics(const Settings& settings, const State& state, Assessment& assessment) {
  const double threshold = ln_rollback_threshold(settings);
  assessment.metrics.push_back({.name = kErrorsVsStable,
                                .weight = relative_weight(settings),
                                .margin = rollback_margin(*settings.errors),
                                .ln_e = ln_e(state.relative),
                                .threshold = threshold - portable::log(relative_weight(settings)),
                                .masked = false});
  if (has_absolute_test(settings)) {
    assessment.metrics.push_back({.name = kErrorsVsObjective,
                                  .weight = absolute_weight(settings),
                                  .margin = *settings.errors->max,
                                  .ln_e = ln_e(state.absolute),
                                  .threshold = threshold - portable::log(absolute_weight(settings)),
                                  .masked = is_masked(state.mask)});
  }
  assessment.ln_e_family = ln_e_family(settings, state);
  assessment.ln_e_threshold = threshold;
}

// Everything that a state says by itself.
Assessment numbers_of(const Settings& settings, const State& state) {
  Assessment assessment;
  assessment.phi = state.phi;
  assessment.block_index = state.block_index;
  assessment.blocks_used = state.blocks_used;
  assessment.blocks_invalid = state.blocks_invalid;
  assessment.step_blocks = state.totals.blocks;
  assessment.step_requests = state.totals.candidate.n;
  assessment.conditions.data_stale = state.invalid_in_a_row >= settings.data.stale_blocks;
  assessment.conditions.stable_in_breach = is_masked(state.mask);
  if (!settings.errors) {
    return assessment;
  }
  add_metrics(settings, state, assessment);
  const StepTotals& totals = state.totals;
  assessment.candidate = estimate(settings,
                                  {.n = totals.candidate.n + totals.pairs.n,
                                   .bad = totals.candidate.bad + totals.pairs.bad_candidate},
                                  state.phi);
  assessment.stable = estimate(
      settings,
      {.n = totals.stable.n + totals.pairs.n, .bad = totals.stable.bad + totals.pairs.bad_stable},
      state.phi);
  if (assessment.candidate.counts.n > 0 && assessment.stable.counts.n > 0) {
    assessment.excess = assessment.candidate.rate - assessment.stable.rate;
  }
  assessment.excess_interval = excess_interval(state.step, settings.interval_alpha);
  if (is_in_step(state)) {
    NonInferiorityAssessment proof;
    proof.margin = margin_at(settings, state.weight);
    proof.ln_m = ln_m_below(state.step, proof.margin);
    proof.threshold = ln_advance_threshold(settings);
    proof.shown = proof.ln_m >= proof.threshold;
    assessment.noninferiority = proof;
  }
  return assessment;
}

std::string_view culprit_of(const Assessment& assessment) {
  const auto share = [](const MetricAssessment& m) { return portable::log(m.weight) + m.ln_e; };
  const auto heaviest = std::ranges::max_element(assessment.metrics, {}, share);
  return heaviest == assessment.metrics.end() ? std::string_view() : heaviest->name;
}

}  // namespace

Assessment fold(const Settings& settings, State& state, const Block& block) {
  const Folded folded = fold_evidence(settings, state, block);
  Assessment assessment = numbers_of(settings, state);
  if (folded == Folded::kCounted) {
    assessment.conditions.low_traffic = block.candidate.n + block.pairs.n == 0;
    assessment.conditions.quarantined = block.pairs.n > 0 && !block.is_shadow;
  }
  assessment.conditions.internal = folded == Folded::kInternal;
  assessment.outlook = outlook_of(settings, state);
  const Ruling ruling = rule({.settings = settings,
                              .state = state,
                              .block = block,
                              .assessment = assessment,
                              .folded = folded});
  assessment.verdict = ruling.verdict;
  assessment.reason = ruling.reason;
  if (ruling.reason == Reason::kEvidence) {
    assessment.culprit = culprit_of(assessment);
  }
  const BlockData data = block.data == BlockData::kValid ? BlockData::kBadCounts : block.data;
  const std::string_view detail =
      block.data_detail.empty() ? to_string(data) : std::string_view(block.data_detail);
  assessment.message = message_of(settings, assessment, detail);
  assessment.one_line = one_line_of(settings, assessment);
  return assessment;
}

bool is_futile(const Assessment& assessment, double step_seconds_left) {
  const std::optional<double>& advance = assessment.outlook.advance_seconds;
  return assessment.ln_e_family < 0 && (!advance || *advance > step_seconds_left);
}

}  // namespace sluice::analysis
