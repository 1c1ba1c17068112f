#include <algorithm>
#include <array>

#include "base/portable_math.h"
#include "controllers/analysis/assessment_text.h"
#include "controllers/analysis/estimates.h"
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

bool is_shown(const std::optional<NonInferiorityAssessment>& proof) {
  return proof && proof->shown;
}

// Every objective that there is has shown what it must.
bool is_all_shown(const Facts& facts) {
  const Assessment& assessment = facts.assessment;
  const bool are_errors = !facts.settings.errors || is_shown(assessment.noninferiority);
  return are_errors && (!assessment.latency || is_latency_shown(*assessment.latency));
}

Ruling rule_on_advance(const Facts& facts) {
  const Assessment& assessment = facts.assessment;
  if (!facts.settings.errors && !facts.settings.latency) {
    return {Verdict::kAdvance, Reason::kNothingToProve};
  }
  if (is_all_shown(facts)) {
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
  if (!facts.assessment.metrics.empty() &&
      facts.assessment.ln_e_family >= facts.assessment.ln_e_threshold) {
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

constexpr ByTest<std::string_view> kNames = {
    kErrorsVsStable, kErrorsVsObjective, kLatencyVsStable, kLatencyVsObjective};

ByTest<double> margins(const Settings& settings) {
  ByTest<double> result{};
  if (settings.errors) {
    result[0] = rollback_margin(*settings.errors);
    result[1] = settings.errors->max.value_or(0);
  }
  if (settings.latency) {
    result[2] = rollback_margin(*settings.latency);
    result[3] = 1 - settings.latency->quantile;
  }
  return result;
}

// Of an objective's two tests, the first of which is `first`.
ObjectiveEvidence evidence_of(const ByTest<double>& ln_e,
                              const ByTest<double>& weights,
                              std::size_t first,
                              double threshold) {
  const double weight = weights[first] + weights[first + 1];
  if (weight <= 0) {
    return {};
  }
  const std::array<double, 2> capitals = {ln_e[first], ln_e[first + 1]};
  const std::array<double, 2> shares = {weights[first] / weight, weights[first + 1] / weight};
  return {.ln_e = shares[1] > 0 ? family_log_e(capitals, shares) : capitals[0],
          .threshold = threshold - portable::log(weight)};
}

void add_metrics(const Settings& settings, const State& state, Assessment& assessment) {
  const double threshold = ln_rollback_threshold(settings);
  const ByTest<double> ln_e = ln_e_by_test(state);
  const ByTest<double> weights = test_weights(settings);
  const ByTest<double> margin = margins(settings);
  const ByTest<bool> masked = {false, is_masked(state.mask), false, is_masked(state.latency.mask)};
  for (std::size_t i = 0; i < kTests; ++i) {
    if (weights[i] > 0) {
      assessment.metrics.push_back({.name = kNames[i],
                                    .weight = weights[i],
                                    .margin = margin[i],
                                    .ln_e = ln_e[i],
                                    .threshold = threshold - portable::log(weights[i]),
                                    .masked = masked[i]});
    }
  }
  assessment.ln_e_family = ln_e_family(settings, ln_e);
  assessment.ln_e_threshold = threshold;
  assessment.errors_evidence = evidence_of(ln_e, weights, 0, threshold);
  assessment.latency_evidence = evidence_of(ln_e, weights, 2, threshold);
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
  assessment.conditions.stable_in_breach = is_masked(state.mask) || is_masked(state.latency.mask);
  add_metrics(settings, state, assessment);
  if (settings.latency) {
    assessment.latency = assess_latency(settings, state);
  }
  if (!settings.errors) {
    return assessment;
  }
  const StepTotals& totals = state.totals;
  assessment.candidate = rate_estimate(settings,
                                       {.n = totals.candidate.n + totals.pairs.n,
                                        .bad = totals.candidate.bad + totals.pairs.bad_candidate},
                                       state.phi);
  assessment.stable = rate_estimate(
      settings,
      {.n = totals.stable.n + totals.pairs.n, .bad = totals.stable.bad + totals.pairs.bad_stable},
      state.phi);
  if (assessment.candidate.counts.n > 0 && assessment.stable.counts.n > 0) {
    assessment.excess = assessment.candidate.rate - assessment.stable.rate;
  }
  assessment.excess_interval = excess_interval(state.step, settings.interval_alpha);
  if (is_in_step(state)) {
    const double margin = margin_at(settings, state.weight);
    assessment.noninferiority =
        proof_of(ln_m_below(state.step, margin), margin, ln_advance_threshold(settings));
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
  if (assessment.latency) {
    assessment.latency->message = latency_message_of(assessment);
  }
  return assessment;
}

bool is_futile(const Assessment& assessment, double step_seconds_left) {
  const std::optional<double>& advance = assessment.outlook.advance_seconds;
  return assessment.ln_e_family < 0 && (!advance || *advance > step_seconds_left);
}

}  // namespace sluice::analysis
