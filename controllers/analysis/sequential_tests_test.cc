// Properties of the tests that the fixed vectors cannot show.

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/rng.h"
#include "controllers/analysis/bernoulli_interval.h"
#include "controllers/analysis/dispersion.h"
#include "controllers/analysis/e_process.h"
#include "controllers/analysis/family.h"
#include "controllers/analysis/log_sum.h"
#include "controllers/analysis/noninferiority.h"
#include "controllers/analysis/one_arm.h"
#include "controllers/analysis/stable_mask.h"

namespace sluice::analysis {
namespace {

TEST(LogSum, SkipsNothingnessAndNeverOverflows) {
  EXPECT_EQ(log_add(kMinusInfinity, kMinusInfinity), kMinusInfinity);
  EXPECT_EQ(log_add(3, kMinusInfinity), 3);
  EXPECT_NEAR(log_add(1000, 1000), 1000 + std::log(2.0), 1e-12);
  EXPECT_EQ(log_sum_exp({}), kMinusInfinity);
  const std::vector<double> huge = {5000, kMinusInfinity, 5000, -5000};
  EXPECT_NEAR(log_sum_exp(huge), 5000 + std::log(2.0), 1e-11);
}

TEST(TwoArm, AnArmWithoutRequestsIsNoEvidence) {
  std::array<double, 6> increments{};
  for (const TwoArmCounts& counts : {TwoArmCounts{0, 100, 0, 5}, TwoArmCounts{100, 0, 5, 0}}) {
    two_arm_increment(counts, {}, kErrorRatios, increments);
    for (const double increment : increments) {
      EXPECT_EQ(increment, 0);
    }
  }
}

// One bad request multiplies the capital by at most its ratio, however small the weight.
TEST(TwoArm, OneBadRequestIsBoundedByItsRatio) {
  std::array<double, 6> increments{};
  two_arm_increment({1, 1e9, 1, 0}, {}, kErrorRatios, increments);
  for (std::size_t k = 0; k < increments.size(); ++k) {
    EXPECT_LE(increments[k], std::log(kErrorRatios[k]) + 1e-9);
  }
}

TEST(TwoArm, DispersionAndMarginOnlyWeakenTheEvidence) {
  std::array<double, 6> plain{};
  std::array<double, 6> weaker{};
  const TwoArmCounts counts = {50, 950, 6, 3};
  two_arm_increment(counts, {}, kErrorRatios, plain);
  two_arm_increment(counts, {.r0 = 1, .delta = 0.01, .phi = 1}, kErrorRatios, weaker);
  for (std::size_t k = 0; k < plain.size(); ++k) {
    EXPECT_LT(weaker[k], plain[k]);
  }
  two_arm_increment(counts, {.r0 = 1, .delta = 0, .phi = 4}, kErrorRatios, weaker);
  for (std::size_t k = 0; k < plain.size(); ++k) {
    EXPECT_DOUBLE_EQ(weaker[k], plain[k] / 4);
  }
}

TEST(EProcess, NoBlockAddsMoreThanTheCapSoThatTwoNeverDecide) {
  const EProcessSettings settings{.alpha = 0.01, .horizon_blocks = 720, .min_blocks = 3};
  const std::array<double, 6> overwhelming = {1e6, 1e6, 1e6, 1e6, 1e6, 1e6};
  const double threshold = std::log(100.0);
  for (int healthy = 0; healthy < 3; ++healthy) {
    EProcess process = new_e_process(6);
    const std::array<double, 6> nothing{};
    for (int i = 0; i < healthy; ++i) {
      fold_block(process, settings, nothing);
    }
    fold_block(process, settings, overwhelming);
    fold_block(process, settings, overwhelming);
    EXPECT_LT(ln_e(process), threshold) << "after " << healthy << " blocks";
    fold_block(process, settings, overwhelming);
    EXPECT_GE(ln_e(process), threshold);
  }
}

// Without evidence the capital is what has joined: half at the start, all at the horizon, and never
// more than one.
TEST(EProcess, CapitalWithoutEvidenceGrowsToOneAndStops) {
  const EProcessSettings settings{.alpha = 0.01, .horizon_blocks = 100, .min_blocks = 3};
  EProcess process = new_e_process(6);
  EXPECT_EQ(ln_e(process), 0);
  const std::array<double, 6> nothing{};
  fold_block(process, settings, nothing);
  EXPECT_NEAR(ln_e(process), std::log(0.5), 1e-12);
  for (int i = 1; i < 100; ++i) {
    fold_block(process, settings, nothing);
  }
  EXPECT_NEAR(ln_e(process), 0, 1e-12);
  for (int i = 0; i < 50; ++i) {
    fold_block(process, settings, nothing);
  }
  EXPECT_NEAR(ln_e(process), 0, 1e-12);
}

TEST(EProcess, ProjectionAgreesWithFoldingButForTheCapitalThatJoins) {
  const EProcessSettings settings{.alpha = 0.01, .horizon_blocks = 100'000, .min_blocks = 3};
  EProcess process = new_e_process(6);
  const std::array<double, 6> increments = {0.1, 0.2, 0.3, 0.1, -0.4, -2};
  for (int i = 0; i < 5; ++i) {
    fold_block(process, settings, increments);
  }
  EProcess later = process;
  for (int i = 0; i < 10; ++i) {
    fold_block(later, settings, increments);
  }
  EXPECT_NEAR(projected_ln_e(process, settings, increments, 10), ln_e(later), 1e-3);
}

TEST(Family, OneStrongTestDecidesAloneAndNoneCanHide) {
  const std::array<double, 2> weights = {0.7, 0.3};
  const std::array<double, 2> one = {900, kMinusInfinity};
  EXPECT_NEAR(family_log_e(one, weights), 900 + std::log(0.7), 1e-9);
  const std::array<double, 2> even = {2, 2};
  EXPECT_NEAR(family_log_e(even, weights), 2, 1e-12);
}

TEST(NonInferiority, TheIntervalCoversTheExcessAndNarrows) {
  Rng rng(41);
  NonInferiority state;
  EXPECT_EQ(excess_interval(state, 0.05), (Interval{-1, 1}));
  double width = 2;
  for (int i = 1; i <= 400; ++i) {
    const auto bad_candidate = static_cast<double>(rng.below(5));  // Mean 2 of 100.
    const auto bad_stable = static_cast<double>(rng.below(19));    // Mean 9 of 900.
    fold_counts(state, {100, 900, bad_candidate, bad_stable}, 1, 1);
    if (i % 100 == 0) {
      const Interval interval = excess_interval(state, 0.05);
      EXPECT_LT(interval.low, 0.01);
      EXPECT_GT(interval.high, 0.01);
      EXPECT_LT(interval.high - interval.low, width);
      width = interval.high - interval.low;
    }
  }
  EXPECT_LT(width, 0.01);
}

TEST(NonInferiority, EvidenceGrowsWithTheMargin) {
  NonInferiority state;
  fold_counts(state, {1000, 9000, 3, 20}, 1, 2);
  for (int thousandths = -20; thousandths < 50; ++thousandths) {
    const double delta = thousandths / 1000.0;
    EXPECT_LT(ln_m_below(state, delta), ln_m_below(state, delta + 0.001));
    EXPECT_GT(ln_m_above(state, delta), ln_m_above(state, delta + 0.001));
  }
}

TEST(StableMask, LiftsAfterThirtyCleanBlocksAndIgnoresSilence) {
  StableMask mask;
  fold_stable(mask, {1000, 300}, 0.01);
  fold_stable(mask, {1000, 300}, 0.01);
  ASSERT_TRUE(is_masked(mask));
  for (int i = 0; i < 100; ++i) {
    fold_stable(mask, {0, 0}, 0.01);
  }
  EXPECT_TRUE(is_masked(mask)) << "no traffic says nothing about stable";
  for (int i = 0; i < 29; ++i) {
    fold_stable(mask, {1, 0}, 0.01);
    EXPECT_TRUE(is_masked(mask)) << "so few requests are little evidence";
  }
  fold_stable(mask, {1, 0}, 0.01);
  EXPECT_FALSE(is_masked(mask));
}

std::vector<PodCounts> pods(Rng& rng, int count, int cluster) {
  std::vector<PodCounts> out;
  for (int i = 0; i < count; ++i) {
    PodCounts pod{.pod = "pod-" + std::to_string(i), .n = 200, .bad = 0};
    // The same rate of 1 % whatever the size of the clusters.
    for (int request = 0; request < 200 / cluster; ++request) {
      pod.bad += rng.below(100) == 0 ? cluster : 0;
    }
    out.push_back(pod);
  }
  return out;
}

TEST(Dispersion, LearnsTheSizeOfClusters) {
  for (const int cluster : {1, 5, 10}) {
    Rng rng(51);
    Dispersion dispersion;
    for (int block = 0; block < 600; ++block) {
      fold_pods(dispersion, pods(rng, 10, cluster));
    }
    const double phi = current_phi(dispersion, {.traffic_ratio = 1, .stable_pods = 10, .prior = 2});
    EXPECT_NEAR(phi, cluster, 0.3 * cluster) << cluster;
  }
}

// Geometric clusters with mean 5, seldom two in a block: a random error is in one of 9.
TEST(Dispersion, LearnsTheClusterThatARandomErrorIsIn) {
  Rng rng(52);
  Dispersion dispersion;
  for (int block = 0; block < 2000; ++block) {
    std::vector<PodCounts> now = pods(rng, 10, 1);
    for (PodCounts& pod : now) {
      pod.bad = 0;
    }
    if (rng.below(5) == 0) {
      std::int64_t& bad = now[rng.below(10)].bad;
      for (bad = 1; rng.below(5) != 0;) {
        ++bad;
      }
    }
    fold_pods(dispersion, now);
  }
  const double phi = current_phi(dispersion, {.traffic_ratio = 1, .stable_pods = 10, .prior = 2});
  EXPECT_GT(phi, 6.5);
  EXPECT_LT(phi, 10);
}

TEST(Dispersion, AssumesThePriorWithOnePodAndOneAtTheStart) {
  const Dispersion nothing;
  EXPECT_EQ(current_phi(nothing, {.traffic_ratio = 1, .stable_pods = 1, .prior = 2}), 2);
  EXPECT_EQ(current_phi(nothing, {.traffic_ratio = 1, .stable_pods = 5, .prior = 2}), 1);
}

TEST(Dispersion, PodsThatAreGoneLeaveNoTraceAndManyPodsStayBounded) {
  Dispersion dispersion;
  for (int generation = 0; generation < 20; ++generation) {
    for (int block = 0; block < 30; ++block) {
      std::vector<PodCounts> now;
      for (int i = 0; i < 50; ++i) {
        now.push_back({.pod = std::to_string(generation * 1000 + i), .n = 10, .bad = i % 2});
      }
      fold_pods(dispersion, now);
      EXPECT_LE(dispersion.windows.size(), kTrackedPodsMax);
    }
    EXPECT_TRUE(dispersion.windows.empty()) << "both windows have just ended";
  }
}

TEST(Dispersion, TrafficRatioFollowsTheWeight) {
  TrafficRatio ratio;
  ratio =
      blend(ratio, {.candidate_n = 100, .candidate_pods = 1, .stable_n = 1000, .stable_pods = 5});
  EXPECT_DOUBLE_EQ(ratio.value, 0.5);
  for (int i = 0; i < 200; ++i) {
    ratio =
        blend(ratio, {.candidate_n = 500, .candidate_pods = 2, .stable_n = 500, .stable_pods = 2});
  }
  EXPECT_NEAR(ratio.value, 1, 1e-6);
  EXPECT_EQ(
      blend(ratio, {.candidate_n = 0, .candidate_pods = 2, .stable_n = 500, .stable_pods = 2}),
      ratio);
  EXPECT_EQ(
      blend(ratio, {.candidate_n = 5, .candidate_pods = 0, .stable_n = 500, .stable_pods = 2}),
      ratio);
}

TEST(BernoulliInterval, HoldsTheRateAndTheEdges) {
  EXPECT_EQ(bernoulli_cs({0, 0}, 0.05, 1), (Interval{0, 1}));
  EXPECT_EQ(bernoulli_cs({10, 0}, 0.05, 1).low, 0);
  EXPECT_EQ(bernoulli_cs({10, 10}, 0.05, 1).high, 1);
  const Interval large = bernoulli_cs({1'000'000'000, 10'000'000}, 0.05, 1);
  EXPECT_LT(large.low, 0.01);
  EXPECT_GT(large.high, 0.01);
  EXPECT_LT(large.high - large.low, 5e-5);
  const Interval clustered = bernoulli_cs({1000, 10}, 0.05, 5);
  const Interval independent = bernoulli_cs({1000, 10}, 0.05, 1);
  EXPECT_LT(clustered.low, independent.low);
  EXPECT_GT(clustered.high, independent.high);
}

}  // namespace
}  // namespace sluice::analysis
