#pragma once
// The proof that lets a step end: the candidate is worse than stable by less than a margin. The
// margin enters linearly, so that the state serves every margin at once and yields a confidence
// sequence for the excess bad rate p_candidate - r0 * p_stable, valid at every look. Kept for each
// step and begun anew when the weight changes. Plain state, pure functions.

#include <array>

#include "controllers/analysis/counts.h"
#include "controllers/analysis/two_arm.h"

namespace sluice::analysis {

struct DirectionalSums {
  std::array<double, 6> a{};
  std::array<double, 6> w{};
  bool operator==(const DirectionalSums&) const = default;
};

struct NonInferiority {
  DirectionalSums down;  // On kDownRatios: the excess is below a margin.
  DirectionalSums up;    // On kUpRatios: the excess is above a margin.
  bool operator==(const NonInferiority&) const = default;
};

// Adds one increment (a block's live requests, or its pairs).
void fold_counts(NonInferiority& state, const TwoArmCounts& counts, double r0, double phi);

// ln M(delta): evidence that the excess is below (down) or above (up) delta.
[[nodiscard]] double ln_m_below(const NonInferiority& state, double delta);
[[nodiscard]] double ln_m_above(const NonInferiority& state, double delta);

// Confidence sequence at level 1 - alpha for the excess; [-1, 1] while nothing is known.
[[nodiscard]] Interval excess_interval(const NonInferiority& state, double alpha);

struct StepMarginBounds {
  double risk = 0.0005;      // At most this share of all traffic may be harmed unseen.
  double delta_min = 0.005;  // The promotion margin.
  double delta_max = 0.05;
};

// The margin that a step at this weight (a share in (0, 1]) has to prove: clamp(risk / weight).
[[nodiscard]] double step_margin(double weight, const StepMarginBounds& bounds);

}  // namespace sluice::analysis
