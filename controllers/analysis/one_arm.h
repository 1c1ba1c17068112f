#pragma once
// K2: one arm's bad rate against a fixed p0 (the objective). The null is p <= p0 for ratios above
// one and p >= p0 below. Pure functions.

#include <array>
#include <span>

namespace sluice::analysis {

inline constexpr std::array<double, 6> kObjectiveRatios = {1.5, 3, 8, 20, 60, 200};

struct OneArmCounts {
  double n = 0;
  double bad = 0;
};

struct OneArmNull {
  double p0 = 0.01;  // In (0, 1), strictly: "no bad event at all" is a rule, not a test.
  double phi = 1;    // Dispersion, as in TwoArmMargin.
};

// The log-capital gained on each ratio (increments[k] belongs to ratios[k]).
void one_arm_increment(const OneArmCounts& counts,
                       const OneArmNull& null,
                       std::span<const double> ratios,
                       std::span<double> increments);

}  // namespace sluice::analysis
