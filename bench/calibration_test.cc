#include "bench/calibration.h"

#include <gtest/gtest.h>

#include <cmath>

#include "bench/latency_calibration.h"

namespace sluice::bench {
namespace {

TEST(PoissonTable, HasTheRightMeanAndVariance) {
  for (const double mean : {0.01, 1.0, 9.9, 990.0}) {
    const PoissonTable table(mean);
    Rng rng(7);
    double sum = 0;
    double squares = 0;
    constexpr int kDraws = 200'000;
    for (int i = 0; i < kDraws; ++i) {
      const auto value = static_cast<double>(table.draw(rng));
      sum += value;
      squares += value * value;
    }
    const double seen_mean = sum / kDraws;
    EXPECT_NEAR(seen_mean, mean, 5 * std::sqrt(mean / kDraws));
    EXPECT_NEAR(squares / kDraws - seen_mean * seen_mean, mean, 0.05 * mean + 0.01);
  }
}

TEST(Wilson, MatchesPublishedFigures) {
  const Rate rate = wilson(21, 5000);
  EXPECT_NEAR(rate.rate, 0.0042, 1e-12);
  EXPECT_NEAR(rate.low, 0.0027, 5e-5);
  EXPECT_NEAR(rate.high, 0.0064, 5e-5);
  EXPECT_EQ(wilson(0, 5000).low, 0);
  EXPECT_NEAR(wilson(0, 5000).high, 0.0008, 5e-5);
}

// At most alpha of the rollouts may cross. The runs here are few, so the bound is that even the
// lower end of the interval may not exceed alpha; the benchmark has the figures.
TEST(Calibration, FiveSecondBlocksKeepTheirErrorRates) {
  const Rate evidence =
      crossing_rate({.row = Row::kEvidence, .alpha = 0.05, .block_seconds = 5, .runs = 300});
  EXPECT_LE(evidence.rate, 0.05);
  const Rate promotion =
      crossing_rate({.row = Row::kPromotion, .alpha = 0.05, .block_seconds = 5, .runs = 300});
  EXPECT_LE(promotion.low, 0.05);
  EXPECT_GT(promotion.crossed, 0) << "the candidate sits on the margin: a few must cross";
}

TEST(Calibration, TheJudgeKeepsItsBudgetAtTheMargin) {
  const Rate judge =
      crossing_rate({.row = Row::kJudge, .alpha = 0.01, .block_seconds = 5, .runs = 60});
  EXPECT_LE(judge.crossed, 1);
}

TEST(Calibration, FivePercentErrorsAreFoundInSecondsAndHealthIsLeftAlone) {
  const Detection found = detection({.bad_rate = 0.05, .block_seconds = 5, .runs = 40});
  EXPECT_EQ(found.rolled_back.crossed, 40);
  EXPECT_LE(found.seconds_median, 90);
  EXPECT_LE(found.bad_median, 10);
  const Detection healthy = detection({.bad_rate = 0.001, .block_seconds = 5, .runs = 20});
  EXPECT_EQ(healthy.rolled_back.crossed, 0);
}

TEST(Calibration, SlowCandidatesAreFoundInMinutesAndFastOnesLeftAlone) {
  const LatencyOutcome slow = latency_outcome({.slower = 1.5, .pod_sd = 0.08, .runs = 6});
  EXPECT_EQ(slow.rolled_back.crossed, 6);
  EXPECT_LE(slow.seconds_median, 400);
  const LatencyOutcome equal = latency_outcome({.pod_sd = 0.08, .runs = 3});
  EXPECT_EQ(equal.rolled_back.crossed, 0);
}

}  // namespace
}  // namespace sluice::bench
