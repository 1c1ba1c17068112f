#include "controllers/analysis/noninferiority.h"

#include <algorithm>

#include "base/portable_math.h"
#include "controllers/analysis/log_sum.h"

namespace sluice::analysis {
namespace {

constexpr int kBisections = 60;

void fold_direction(DirectionalSums& sums,
                    const TwoArmCounts& counts,
                    const TwoArmMargin& margin,
                    const std::array<double, 6>& ratios) {
  for (std::size_t k = 0; k < ratios.size(); ++k) {
    const TwoArmTerms terms = two_arm_terms(counts, margin.r0, ratios[k]);
    sums.a[k] += terms.evidence / margin.phi;
    sums.w[k] += terms.exposure / margin.phi;
  }
}

double ln_m(const DirectionalSums& sums, double delta) {
  std::array<double, 6> capitals{};
  for (std::size_t k = 0; k < capitals.size(); ++k) {
    capitals[k] = sums.a[k] - delta * sums.w[k];
  }
  return log_sum_exp(capitals) - portable::log(static_cast<double>(capitals.size()));
}

}  // namespace

void fold_counts(NonInferiority& state, const TwoArmCounts& counts, double r0, double phi) {
  const TwoArmMargin margin{.r0 = r0, .delta = 0, .phi = phi};
  fold_direction(state.down, counts, margin, kDownRatios);
  fold_direction(state.up, counts, margin, kUpRatios);
}

double ln_m_below(const NonInferiority& state, double delta) {
  return ln_m(state.down, delta);
}

double ln_m_above(const NonInferiority& state, double delta) {
  return ln_m(state.up, delta);
}

Interval excess_interval(const NonInferiority& state, double alpha) {
  const double threshold = portable::log(2 / alpha);
  // Capital grows with delta in the downward direction and falls with it in the upward one.
  const auto boundary = [threshold](const DirectionalSums& sums, bool is_proven_at_top) {
    double bottom = -1;
    double top = 1;
    for (int i = 0; i < kBisections; ++i) {
      const double middle = 0.5 * (bottom + top);
      const bool is_proven = ln_m(sums, middle) >= threshold;
      (is_proven == is_proven_at_top ? top : bottom) = middle;
    }
    return 0.5 * (bottom + top);
  };
  Interval interval{-1, 1};
  if (ln_m(state.up, -1) >= threshold) {
    interval.low = boundary(state.up, false);
  }
  if (ln_m(state.down, 1) >= threshold) {
    interval.high = boundary(state.down, true);
  }
  return interval;
}

double step_margin(double weight, const StepMarginBounds& bounds) {
  if (weight <= 0) {
    return bounds.delta_max;
  }
  return std::min(bounds.delta_max, std::max(bounds.delta_min, bounds.risk / weight));
}

}  // namespace sluice::analysis
