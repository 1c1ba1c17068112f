#include "controllers/analysis/bounded_mean.h"

#include "base/check.h"
#include "base/portable_math.h"
#include "controllers/analysis/log_sum.h"

namespace sluice::analysis {
namespace {

constexpr int kBisections = 60;

double value_of(std::size_t bucket, std::size_t buckets) {
  return static_cast<double>(bucket) / static_cast<double>(buckets - 1);
}

double ln_capital(std::span<const std::int64_t> counts, double m0, MeanSide side) {
  const std::array<double, 8> capitals = mean_capitals(counts, m0, side);
  return log_sum_exp(capitals) - portable::log(static_cast<double>(capitals.size()));
}

}  // namespace

std::array<double, 8> mean_capitals(std::span<const std::int64_t> counts,
                                    double m0,
                                    MeanSide side) {
  CHECK(counts.size() >= 2);
  CHECK(m0 > 0 && m0 < 1);
  std::array<double, 8> capitals{};
  for (std::size_t bucket = 0; bucket < counts.size(); ++bucket) {
    if (counts[bucket] == 0) {
      continue;
    }
    const double v = value_of(bucket, counts.size());
    const double gain = side == MeanSide::kBelow ? (m0 - v) / (1 - m0) : (v - m0) / m0;
    for (std::size_t k = 0; k < kStakes.size(); ++k) {
      capitals[k] += static_cast<double>(counts[bucket]) * portable::log1p(kStakes[k] * gain);
    }
  }
  return capitals;
}

Interval mean_interval(std::span<const std::int64_t> counts, double alpha) {
  const double threshold = portable::log(2 / alpha);
  // Capital against "at least m0" grows with m0; against "at most m0" it falls. At the ends of
  // [0, 1] neither is defined and nothing is proven: the bisection stays inside.
  const auto boundary = [&](MeanSide side) {
    double bottom = 0;
    double top = 1;
    for (int i = 0; i < kBisections; ++i) {
      const double middle = 0.5 * (bottom + top);
      if (middle <= 0 || middle >= 1) {
        break;
      }
      const bool is_proven = ln_capital(counts, middle, side) >= threshold;
      const bool lies_below = side == MeanSide::kBelow ? is_proven : !is_proven;
      (lies_below ? top : bottom) = middle;
    }
    return side == MeanSide::kBelow ? top : bottom;
  };
  return {.low = boundary(MeanSide::kAbove), .high = boundary(MeanSide::kBelow)};
}

GridMean grid_mean(std::span<const std::int64_t> counts) {
  GridMean mean;
  double sum = 0;
  for (std::size_t bucket = 0; bucket < counts.size(); ++bucket) {
    mean.n += counts[bucket];
    sum += static_cast<double>(counts[bucket]) * value_of(bucket, counts.size());
  }
  mean.value = mean.n > 0 ? sum / static_cast<double>(mean.n) : 0;
  return mean;
}

}  // namespace sluice::analysis
