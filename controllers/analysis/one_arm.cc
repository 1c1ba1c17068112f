#include "controllers/analysis/one_arm.h"

#include "base/check.h"
#include "base/portable_math.h"

namespace sluice::analysis {

void one_arm_increment(const OneArmCounts& counts,
                       const OneArmNull& null,
                       std::span<const double> ratios,
                       std::span<double> increments) {
  CHECK(ratios.size() == increments.size());
  CHECK(null.p0 > 0);
  CHECK(null.p0 < 1);
  CHECK(null.phi >= 1);
  for (std::size_t k = 0; k < ratios.size(); ++k) {
    increments[k] = (counts.bad * portable::log(ratios[k]) -
                     counts.n * portable::log1p(null.p0 * (ratios[k] - 1))) /
                    null.phi;
  }
}

}  // namespace sluice::analysis
