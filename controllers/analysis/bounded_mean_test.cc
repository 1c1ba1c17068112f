#include "controllers/analysis/bounded_mean.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/rng.h"

namespace sluice::analysis {
namespace {

using Counts = std::vector<std::int64_t>;

// Computed with 60 digits from the definition.
TEST(BoundedMean, HasTheCapitalsOfItsDefinition) {
  const Counts overlap{1, 0, 2, 3, 5, 9, 14, 20, 25, 30, 41};
  const std::array<double, 8> expected{0.08204224179738615,
                                       0.17585533003914408,
                                       0.2569866425128917,
                                       0.15166251189681945,
                                       -1.0631668713839597,
                                       -5.358363845220246,
                                       -16.560662654289807,
                                       -47.301119358770414};
  const auto capitals = mean_capitals(overlap, 0.8, MeanSide::kBelow);
  for (std::size_t k = 0; k < expected.size(); ++k) {
    EXPECT_NEAR(capitals[k], expected[k], 1e-9 * std::fabs(expected[k])) << k;
  }
}

// "At least 0.4" of values is "at most 0.6" of what is missing to 1.
TEST(BoundedMean, IsSymmetric) {
  const Counts counts{3, 1, 4, 1, 5};
  const Counts mirrored{5, 1, 4, 1, 3};
  const auto below = mean_capitals(counts, 0.4, MeanSide::kBelow);
  const auto above = mean_capitals(mirrored, 0.6, MeanSide::kAbove);
  for (std::size_t k = 0; k < below.size(); ++k) {
    EXPECT_NEAR(below[k], above[k], 1e-12);
  }
}

TEST(BoundedMean, KnowsNothingWithoutCounts) {
  const Interval nothing = mean_interval(Counts(11, 0), 0.05);
  EXPECT_LT(nothing.low, 1e-9);
  EXPECT_GT(nothing.high, 1 - 1e-9);
  EXPECT_EQ(grid_mean(Counts(11, 0)).n, 0);
  EXPECT_EQ(grid_mean(Counts{1, 0, 3}).value, 0.75);
}

TEST(BoundedMean, IntervalsShrinkAroundTheMean) {
  double width = 1;
  for (const std::int64_t n : {10, 100, 1'000, 100'000}) {
    const Interval interval = mean_interval(Counts{n, 0, n, 0, 2 * n}, 0.05);
    EXPECT_LT(interval.low, 0.625);
    EXPECT_GT(interval.high, 0.625);
    EXPECT_LT(interval.high - interval.low, width);
    width = interval.high - interval.low;
  }
  EXPECT_LT(width, 0.02);
  // All answers agree: only from below is there anything to prove.
  const Interval all = mean_interval(Counts{0, 0, 0, 0, 200}, 0.05);
  EXPECT_GT(all.low, 0.95);
  EXPECT_GT(all.high, 1 - 1e-9);
}

// Looked at after every ten values: the true mean is outside at some look in at most 5 % of runs.
TEST(BoundedMean, HoldsItsLevelAtEveryLook) {
  Rng rng(11);
  int missed = 0;
  constexpr int kRuns = 200;
  for (int run = 0; run < kRuns; ++run) {
    Counts counts(11, 0);
    bool is_missed = false;
    for (int look = 0; look < 40; ++look) {
      for (int i = 0; i < 10; ++i) {
        ++counts[rng.unit() < 0.3 ? 2 : 8];  // Mean 0.62.
      }
      const Interval interval = mean_interval(counts, 0.05);
      is_missed = is_missed || interval.low > 0.62 || interval.high < 0.62;
    }
    missed += is_missed ? 1 : 0;
  }
  EXPECT_LE(missed, kRuns / 20);
}

}  // namespace
}  // namespace sluice::analysis
