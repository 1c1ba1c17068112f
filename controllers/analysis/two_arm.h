#pragma once
// K1: the candidate's bad events against stable's, without knowing stable's rate. The null is that
// in every block p_candidate <= r0 * p_stable + delta (for rho > 1; >= for rho < 1), and the
// capital exp(increment) has then mean at most 1 whatever the level, its changes over time or the
// weight. Pure functions.

#include <array>
#include <span>

#include "controllers/analysis/counts.h"

namespace sluice::analysis {

// No grid of any test has more points than this.
inline constexpr std::size_t kGridPointsMax = 8;

// Ratios of bad rates on which capital is bet, spread evenly over the points.
inline constexpr std::array<double, 6> kErrorRatios = {1.5, 3, 8, 20, 60, 200};
inline constexpr std::array<double, 6> kDownRatios = {0.95, 0.8, 0.6, 0.4, 0.2, 0.05};
inline constexpr std::array<double, 6> kUpRatios = {1.1, 1.5, 3, 8, 20, 60};

struct TwoArmMargin {
  double r0 = 1;     // Relative margin: 1 is "the same rate".
  double delta = 0;  // Absolute margin.
  double phi = 1;    // Dispersion: requests fail in groups of about this size. >= 1.
};

// One ratio's increment is (evidence - delta * exposure) / phi: linear in the margin. Both are zero
// when an arm had no requests.
struct TwoArmTerms {
  double evidence = 0;
  double exposure = 0;
};

[[nodiscard]] TwoArmTerms two_arm_terms(const TwoArmCounts& counts, double r0, double ratio);

// The log-capital gained on each ratio (increments[k] belongs to ratios[k]).
void two_arm_increment(const TwoArmCounts& counts,
                       const TwoArmMargin& margin,
                       std::span<const double> ratios,
                       std::span<double> increments);

}  // namespace sluice::analysis
