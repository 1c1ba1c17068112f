// The numbers below are expected values computed with 60-digit arithmetic from the definitions
// (products of likelihood ratios, not the log-space recursions of the code), one case a formula.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>
#include <vector>

#include "controllers/analysis/bernoulli_interval.h"
#include "controllers/analysis/counters.h"
#include "controllers/analysis/dispersion.h"
#include "controllers/analysis/e_process.h"
#include "controllers/analysis/family.h"
#include "controllers/analysis/golden_set.h"
#include "controllers/analysis/noninferiority.h"
#include "controllers/analysis/one_arm.h"
#include "controllers/analysis/planning.h"
#include "controllers/analysis/stable_mask.h"
#include "controllers/analysis/two_arm.h"

namespace sluice::analysis {
namespace {

void expect_close(double actual, double expected) {
  EXPECT_LE(std::fabs(actual - expected), std::max(1e-12, 1e-9 * std::fabs(expected)))
      << actual << " is not " << expected;
}

template <class Actual, class Expected>
void expect_all_close(const Actual& actual, const Expected& expected) {
  ASSERT_GE(actual.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    expect_close(actual[i], expected[i]);
  }
}

TwoArmCounts counts_of(const std::array<double, 4>& block) {
  return {.n_candidate = block[0],
          .n_stable = block[1],
          .bad_candidate = block[2],
          .bad_stable = block[3]};
}

struct TwoArmCase {
  TwoArmCounts counts;
  TwoArmMargin margin;
  std::vector<double> ratios;
  std::vector<double> increments;
};

TEST(StatisticsVectors, TwoArmIncrement) {
  const std::vector<TwoArmCase> cases = {
      {{20, 1980, 2, 3},
       {1.0, 0.001, 1.0},
       {1.5, 3, 8, 20, 60, 200},
       {0.7761417623924767,
        2.0593879114435563,
        3.691057130710224,
        4.805563557709279,
        5.135302062151425,
        3.80247515394263}},
      {{500, 500, 10, 1},
       {1.0, 0.001, 1.0},
       {1.5, 3, 8, 20, 60, 200},
       {1.5000720166253365,
        3.1115039005216985,
        3.8606751633704555,
        3.639813954360703,
        2.8648455450969323,
        1.7764137873680415}},
      {{120, 2280, 14, 140},
       {1.0, 0.01, 3.2},
       {1.15, 1.4, 2, 4},
       {0.1988280815455833, 0.3793587142362167, 0.3452065500101313, -1.5903534729919473}},
      {{20, 0, 1, 0}, {1.0, 0.001, 1.0}, {1.5, 3, 8, 20, 60, 200}, {0, 0, 0, 0, 0, 0}},
      {{250, 750, 0, 1},
       {1.0, 0.005, 1.0},
       {0.95, 0.8, 0.6, 0.4, 0.2, 0.05},
       {0.060047136637239866,
        0.24866171544018212,
        0.522027182324493,
        0.8242836353801278,
        1.1606435513142097,
        1.4391855573858163}},
  };
  for (const TwoArmCase& c : cases) {
    std::vector<double> increments(c.ratios.size());
    two_arm_increment(c.counts, c.margin, c.ratios, increments);
    expect_all_close(increments, c.increments);
  }
}

struct OneArmCase {
  OneArmCounts counts;
  OneArmNull null;
  std::vector<double> increments;
};

TEST(StatisticsVectors, OneArmIncrement) {
  const std::vector<OneArmCase> cases = {
      {{20, 1},
       {0.01, 1.0},
       {0.3057142778873829,
        0.7025597427445154,
        0.7262685722035398,
        -0.48333386891476937,
        -5.180335762420702,
        -16.607150381503864}},
      {{1000, 0},
       {0.05, 1.0},
       {-24.6926125903715,
        -95.31017980432486,
        -300.1045924503381,
        -667.8293725756554,
        -1373.7155789130304,
        -2393.33945626251}},
      {{500, 9},
       {0.02, 4.5},
       {-0.2946621008023471,
        -2.1606324396950356,
        -10.399812739574116,
        -29.79559091612683,
        -78.40296385344442,
        -167.7844642709663}},
  };
  for (const OneArmCase& c : cases) {
    std::vector<double> increments(kObjectiveRatios.size());
    one_arm_increment(c.counts, c.null, kObjectiveRatios, increments);
    expect_all_close(increments, c.increments);
  }
}

constexpr std::array<std::array<double, 4>, 5> kFiveBlocks = {{
    {{20, 1980, 0, 2}},
    {{18, 2010, 1, 2}},
    {{22, 1950, 3, 1}},
    {{19, 2001, 2, 3}},
    {{21, 1990, 4, 2}},
}};

struct EProcessCase {
  EProcessSettings settings;
  TwoArmMargin margin;
  std::vector<double> path;
  std::vector<double> start;
  std::vector<double> restart;
};

TEST(StatisticsVectors, EProcess) {
  const std::vector<EProcessCase> cases = {
      {{0.01, 360, 3},
       {1.0, 0.001, 1.0},
       {-1.2591637893557623,
        0.1935502722386709,
        2.3104432769811707,
        4.795273579661765,
        8.435620800214883},
       {1.4202775211829528,
        4.753176748385,
        5.389259643834387,
        5.328360068660469,
        4.3302161230925025,
        1.3271598639234665},
       {-3.756981202922651,
        2.4273430002359153,
        6.2319418592810685,
        7.390354324144031,
        7.302334464289372,
        5.883972358544007}},
      {{0.05, 8640, 3},
       {1.0, 0.0, 2.0},
       {-0.9344310299341084,
        -0.010538851216549763,
        1.4078265340135616,
        2.8124188063712134,
        4.776894182703742},
       {-0.5076888773800216,
        2.021326261376703,
        2.8233960780069363,
        3.031901720675126,
        2.8935054522565573,
        1.9693830403116441},
       {-8.61914174231338,
        -5.6733123921083255,
        -1.420154851434245,
        1.7627964005271415,
        3.2782353499333965,
        2.7205429170013646}},
  };
  for (const EProcessCase& c : cases) {
    EProcess process = new_e_process(kErrorRatios.size());
    std::array<double, kErrorRatios.size()> increments{};
    for (std::size_t i = 0; i < kFiveBlocks.size(); ++i) {
      two_arm_increment(counts_of(kFiveBlocks[i]), c.margin, kErrorRatios, increments);
      fold_block(process, c.settings, increments);
      expect_close(ln_e(process), c.path[i]);
    }
    expect_all_close(process.ln_start, c.start);
    expect_all_close(process.ln_restart, c.restart);
  }
}

TEST(StatisticsVectors, BlockCaps) {
  const BlockCaps caps = block_caps({.alpha = 0.01, .horizon_blocks = 360, .min_blocks = 3});
  expect_close(caps.start, 2.1193269466192146);
  expect_close(caps.restart, 4.472655902014526);
  const BlockCaps day = block_caps({.alpha = 0.05, .horizon_blocks = 8640, .min_blocks = 3});
  expect_close(day.start, 1.4755517816455745);
  expect_close(day.restart, 5.101168627389129);
}

TEST(StatisticsVectors, FamilyLogE) {
  const std::array<double, 4> ln_e = {5.2, -1.3, 0.4, -2};
  const std::array<double, 4> weights = {0.35, 0.15, 0.25, 0.15};
  expect_close(family_log_e(ln_e, weights), 4.156997257747702);
}

struct NonInferiorityCase {
  std::vector<std::array<double, 4>> blocks;  // Repeated until `folds` were folded.
  int folds = 0;
  double phi = 1;
  std::vector<double> a;
  std::vector<double> w;
  std::vector<double> ln_m;  // At 0.002, 0.005, 0.01 and 0.05.
  Interval interval;
};

TEST(StatisticsVectors, NonInferiorityAndConfidenceSequence) {
  const std::vector<NonInferiorityCase> cases = {
      {{{{100, 1900, 0, 2}}},
       12,
       1.0,
       {0.06007512523484473,
        0.2412080604840346,
        0.48486497562046676,
        0.731020979633005,
        0.9797278684861231,
        1.1679641275507446},
       {-57.142857142857146,
        -230.3030303030303,
        -465.3061224489796,
        -705.1546391752578,
        -950,
        -1137.007874015748},
       {2.381015562098026, 5.414069411368565, 10.8746211789779, 56.22667037223204},
       {-0.0019068463235777273, 0.0033375008852628853}},
      {{{{500, 1500, 1, 2}}, {{480, 1520, 0, 1}}, {{510, 1490, 2, 3}}, {{505, 1495, 0, 0}}},
       40,
       3.0,
       {-0.13303687076970247,
        -0.6820937490938667,
        -1.9251445077828178,
        -4.251858608794441,
        -9.349697990699534,
        -21.75986321660593},
       {-252.69145791121676,
        -1050.5756242164694,
        -2217.614002406408,
        -3521.6319350955687,
        -4988.269997513977,
        -6214.181837283175},
       {1.7935913910191617, 13.904665288371234, 39.361753048768215, 287.1574691783248},
       {-0.0009865207989697006, 0.0026148246502553383}},
  };
  for (const NonInferiorityCase& c : cases) {
    NonInferiority state;
    for (int i = 0; i < c.folds; ++i) {
      const std::size_t block = static_cast<std::size_t>(i) % c.blocks.size();
      fold_counts(state, counts_of(c.blocks[block]), 1, c.phi);
    }
    expect_all_close(state.down.a, c.a);
    expect_all_close(state.down.w, c.w);
    const std::array<double, 4> margins = {0.002, 0.005, 0.01, 0.05};
    for (std::size_t i = 0; i < margins.size(); ++i) {
      expect_close(ln_m_below(state, margins[i]), c.ln_m[i]);
    }
    const Interval interval = excess_interval(state, 0.05);
    expect_close(interval.low, c.interval.low);
    expect_close(interval.high, c.interval.high);
  }
}

TEST(StatisticsVectors, BernoulliConfidenceSequence) {
  const Interval cs01 = bernoulli_cs({100, 0}, 0.05, 1.0);
  expect_close(cs01.low, 0.0);
  expect_close(cs01.high, 0.0635421769033267);
  const Interval cs03 = bernoulli_cs({1000, 50}, 0.05, 4.0);
  expect_close(cs03.low, 0.014631227475329935);
  expect_close(cs03.high, 0.11660555342871196);
}

TEST(StatisticsVectors, PodX2) {
  const std::vector<ArmCounts> pods = {{200, 0}, {210, 1}, {190, 0}, {205, 9}, {0, 0}};
  const PodX2 result = pod_x2(pods);
  expect_close(result.x2, 22.4697780845733);
  EXPECT_EQ(result.df, 3);
}

TEST(StatisticsVectors, PhiCandidate) {
  expect_close(phi_candidate({3.1, 11.5, 20.0}, 0.1), 3.278);
}

struct MaskCase {
  ArmCounts stable;
  std::array<double, 3> detectors;
  bool is_masked = false;
};

TEST(StatisticsVectors, StableMask) {
  const std::vector<MaskCase> cases = {
      {{1980, 2}, {{0, 0, 0}}, false},
      {{1990, 35}, {{3, 0, 0}}, true},
      {{2000, 400}, {{6, 3, 3}}, true},
      {{1985, 390}, {{6, 6, 6}}, true},
      {{1990, 1}, {{0, 0, 0}}, false},
      {{1995, 2}, {{0, 0, 0}}, false},
  };
  StableMask mask;
  for (const MaskCase& c : cases) {
    fold_stable(mask, c.stable, 0.01);
    expect_all_close(mask.detectors, c.detectors);
    EXPECT_EQ(is_masked(mask), c.is_masked);
  }
}

TEST(StatisticsVectors, PairedTNonInferiority) {
  const std::vector<double> differences = {0,    0, 0.12, -0.08, 0,     0, 0.31, 0,    -0.37, 0,
                                           0.05, 0, 0,    0.02,  -0.11, 0, 0,    0.19, 0,     0};
  const auto result = paired_t_noninferiority(differences, 0.05, 0.05);
  ASSERT_TRUE(result);
  expect_close(result->mean, 0.0065);
  expect_close(result->sd, 0.12650254834129668);
  expect_close(result->t, 1.9973959795321403);
  expect_close(result->p, 0.030153102299676632);
  expect_close(result->lower, -0.04241168544048095);
}

TEST(StatisticsVectors, CounterIncrements) {
  const std::vector<std::pair<std::int64_t, const char*>> samples = {
      {100, "1"}, {130, "1"}, {130, "1"}, {12, "2"}, {40, "2"}};
  const std::vector<std::int64_t> expected = {0, 30, 0, 12, 28};
  CounterLedger ledger;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const std::vector<CounterReading> readings = {
        {.series = "ended", .values = {samples[i].first}}};
    const auto increments = take_increments(ledger, {"router-0", samples[i].second, readings});
    ASSERT_TRUE(increments);
    EXPECT_EQ(increments->at(0), expected[i]);
  }
}

TEST(StatisticsVectors, StepMargin) {
  expect_close(step_margin(0.01, {0.0005, 0.005, 0.05}), 0.05);
  expect_close(step_margin(0.5, {0.0005, 0.005, 0.05}), 0.005);
}

TEST(StatisticsVectors, Eta) {
  const Eta eta01 =
      eta({{20.0, 1980.0, 0.3, 2.1}, {1.0, 0.001, 1.0}, -1.2, 0.01, 10.0}, kErrorRatios);
  expect_close(eta01.growth_per_block, 0.33191899588642143);
  ASSERT_TRUE(eta01.seconds);
  expect_close(*eta01.seconds, 174.8971965429345);
  const Eta eta03 =
      eta({{20.0, 1980.0, 0.02, 2.0}, {1.0, 0.001, 1.0}, -1.2, 0.01, 10.0}, kErrorRatios);
  expect_close(eta03.growth_per_block, -0.011816277958792358);
  EXPECT_FALSE(eta03.seconds);
}

}  // namespace
}  // namespace sluice::analysis
