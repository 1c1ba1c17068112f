#include "controllers/analysis/evidence.h"

#include "base/check.h"
#include "base/portable_math.h"
#include "controllers/analysis/family.h"
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

double relative_weight(const Settings& settings) {
  return has_absolute_test(settings)
             ? kErrorsRelativeWeight / (kErrorsRelativeWeight + kErrorsAbsoluteWeight)
             : 1;
}

double absolute_weight(const Settings& settings) {
  return has_absolute_test(settings)
             ? kErrorsAbsoluteWeight / (kErrorsRelativeWeight + kErrorsAbsoluteWeight)
             : 0;
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

double ln_e_family(const Settings& settings, double ln_relative, double ln_absolute) {
  if (!has_absolute_test(settings)) {
    return ln_relative;
  }
  const std::array<double, 2> ln_e = {ln_relative, ln_absolute};
  const std::array<double, 2> weights = {relative_weight(settings), absolute_weight(settings)};
  return family_log_e(ln_e, weights);
}

double ln_e_family(const Settings& settings, const State& state) {
  return ln_e_family(settings, ln_e(state.relative), ln_e(state.absolute));
}

}  // namespace sluice::analysis
