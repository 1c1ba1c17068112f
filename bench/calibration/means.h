#pragma once
// K3, the bounded mean, over random values: how often it errs, and how many queries of shadow it
// takes to show that rankings got worse.

#include <cstdint>
#include <string_view>
#include <vector>

#include "bench/calibration/draws.h"
#include "bench/calibration/trial.h"

namespace sluice::bench {

// Where values come from; all in [0, 1].
enum class Values {
  kHalf,    // 0 or 1, mean .5.
  kNine,    // 0 or 1, mean .9.
  kBeta,    // Beta(3.2, .8), mean .8.
  kPaired,  // Differences of two rankings' quality, (d + 1) / 2: 80 % are 0, the others even
            // between -.35 and .35.
  kWorse,   // The same, but seven of ten that differ are losses: mean d is -.014.
};

struct MeanNull {
  std::string_view name = {};
  Values values = Values::kHalf;
  double m0 = 0.5;  // The values' mean: exactly at the null.
  double reference = 0;
};

inline constexpr double kMeanAlpha = 0.05;
[[nodiscard]] const std::vector<MeanNull>& mean_nulls();

// How often "the mean is below m0" is shown within 2,000 values although it is m0.
[[nodiscard]] Rate mean_crossings(const MeanNull& null, const TrialSize& size);

// Queries until a loss (Values::kWorse against m0 = .5) is shown at alpha 1 %, with the differences
// counted in so many values of an even grid, by rounding at random to a neighbour, which keeps the
// mean.
[[nodiscard]] Estimate queries_to_show_loss(std::int64_t grid, const TrialSize& size);

}  // namespace sluice::bench
