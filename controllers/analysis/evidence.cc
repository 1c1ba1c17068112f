#include "controllers/analysis/evidence.h"

#include <vector>

#include "base/check.h"
#include "base/portable_math.h"
#include "controllers/analysis/latency_evidence.h"
#include "controllers/analysis/one_arm.h"

namespace sluice::analysis {

bool has_absolute_test(const Settings& settings) {
  return settings.errors && settings.errors->max && *settings.errors->max > 0;
}

bool is_in_step(const State& state) {
  return state.weight > 0 || state.totals.pairs.n > 0;
}

EProcessSettings e_process_settings(const Settings& settings) {
  return {.alpha = settings.false_rollback_rate,
          .horizon_blocks = horizon_blocks(settings),
          .min_blocks = settings.min_blocks};
}

double ln_rollback_threshold(const Settings& settings) {
  return -portable::log(settings.false_rollback_rate);
}

double ln_advance_threshold(const Settings& settings) {
  return -portable::log(settings.false_promotion_rate);
}

ByTest<double> test_weights(const Settings& settings) {
  const ByTest<bool> is_there = {settings.errors.has_value(),
                                 has_absolute_test(settings),
                                 settings.latency.has_value(),
                                 settings.latency && settings.latency->max_seconds};
  double sum = 0;
  for (std::size_t i = 0; i < kTests; ++i) {
    sum += is_there[i] ? kTestWeights[i] : 0;
  }
  ByTest<double> weights{};
  for (std::size_t i = 0; i < kTests; ++i) {
    weights[i] = is_there[i] ? kTestWeights[i] / sum : 0;
  }
  return weights;
}

Increments increments_of(const Settings& settings,
                         const EvidenceCounts& counts,
                         double phi,
                         bool masked) {
  CHECK(settings.errors);
  const TwoArmMargin margin{.r0 = 1, .delta = rollback_margin(*settings.errors), .phi = phi};
  Increments result;
  std::array<double, kErrorRatios.size()> pairs{};
  two_arm_increment(counts.live, margin, kErrorRatios, result.relative);
  two_arm_increment(counts.pairs, margin, kErrorRatios, pairs);
  for (std::size_t k = 0; k < pairs.size(); ++k) {
    result.relative[k] += pairs[k];
  }
  if (has_absolute_test(settings) && !masked) {
    one_arm_increment({.n = counts.live.n_candidate + counts.pairs.n_candidate,
                       .bad = counts.live.bad_candidate + counts.pairs.bad_candidate},
                      {.p0 = *settings.errors->max, .phi = phi},
                      kObjectiveRatios,
                      result.absolute);
  }
  return result;
}

ByTest<double> ln_e_by_test(const State& state) {
  return {ln_e(state.relative),
          ln_e(state.absolute),
          ln_e_relative(state.latency),
          ln_e(state.latency.absolute)};
}

double ln_e_family(const Settings& settings, const ByTest<double>& ln_e) {
  const ByTest<double> weights = test_weights(settings);
  std::vector<double> capitals;
  std::vector<double> shares;
  for (std::size_t i = 0; i < kTests; ++i) {
    if (weights[i] > 0) {
      capitals.push_back(ln_e[i]);
      shares.push_back(weights[i]);
    }
  }
  return capitals.empty() ? 0 : family_log_e(capitals, shares);
}

}  // namespace sluice::analysis
