#pragma once
// K3: the mean of values in [0, 1] that lie on an even grid, from their histogram alone. The bet is
// against each possible mean, so that the whole histogram gives a confidence sequence: it may be
// looked at after every block. Pure functions.

#include <array>
#include <cstdint>
#include <span>

#include "controllers/analysis/counts.h"

namespace sluice::analysis {

// Shares of the greatest stake, evenly spread over.
inline constexpr std::array<double, 8> kStakes = {0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.55, 0.8};

// The log-capital of each stake against "the mean is at least `m0`" (below) or "at most" (above).
// counts[i] values were i / (size - 1); m0 in (0, 1).
enum class MeanSide { kBelow, kAbove };
[[nodiscard]] std::array<double, 8> mean_capitals(std::span<const std::int64_t> counts,
                                                  double m0,
                                                  MeanSide side);

// Confidence sequence at level 1 - alpha; [0, 1] while nothing is known.
[[nodiscard]] Interval mean_interval(std::span<const std::int64_t> counts, double alpha);

struct GridMean {
  std::int64_t n = 0;
  double value = 0;  // 0 when n is 0.
};

[[nodiscard]] GridMean grid_mean(std::span<const std::int64_t> counts);

}  // namespace sluice::analysis
