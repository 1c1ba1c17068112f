#include "controllers/analysis/two_arm.h"

#include "base/check.h"
#include "base/portable_math.h"

namespace sluice::analysis {

TwoArmTerms two_arm_terms(const TwoArmCounts& counts, double r0, double ratio) {
  if (counts.n_candidate <= 0 || counts.n_stable <= 0) {
    return {};
  }
  const double kappa = r0 * counts.n_candidate / counts.n_stable;
  const double l = portable::log1p(kappa) - portable::log1p(ratio * kappa);
  const double g = (ratio - 1) / (1 + ratio * kappa);
  return {.evidence = counts.bad_candidate * portable::log(ratio) +
                      (counts.bad_candidate + counts.bad_stable) * l,
          .exposure = counts.n_candidate * g};
}

void two_arm_increment(const TwoArmCounts& counts,
                       const TwoArmMargin& margin,
                       std::span<const double> ratios,
                       std::span<double> increments) {
  CHECK(ratios.size() == increments.size());
  CHECK(margin.phi >= 1);
  for (std::size_t k = 0; k < ratios.size(); ++k) {
    const TwoArmTerms terms = two_arm_terms(counts, margin.r0, ratios[k]);
    increments[k] = (terms.evidence - margin.delta * terms.exposure) / margin.phi;
  }
}

}  // namespace sluice::analysis
