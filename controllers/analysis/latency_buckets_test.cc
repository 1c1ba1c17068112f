#include "controllers/analysis/latency_buckets.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::analysis {
namespace {

TEST(LatencyBuckets, EdgesAreThoseOfTheRouters) {
  EXPECT_DOUBLE_EQ(latency_edge_seconds(0), 0.0001);
  EXPECT_NEAR(latency_edge_seconds(8), 0.0002, 1e-15);
  EXPECT_NEAR(latency_edge_seconds(80), 0.1024, 1e-12);
  EXPECT_NEAR(latency_edge_seconds(160), 104.8576, 1e-9);
}

TEST(LatencyBuckets, ATimeThatIsAnEdgeIsExactAndAnyOtherLiesBetweenTwo) {
  const BucketsAround edge = buckets_around(0.1024);
  EXPECT_EQ(edge.below, 80);
  EXPECT_EQ(edge.above, 80);
  const BucketsAround between = buckets_around(0.3);
  EXPECT_EQ(between.below, 92);
  EXPECT_EQ(between.above, 93);
  EXPECT_LT(latency_edge_seconds(between.below), 0.3);
  EXPECT_GT(latency_edge_seconds(between.above), 0.3);
  EXPECT_EQ(buckets_around(1000).above, kLatencyBuckets - 1);
  EXPECT_EQ(buckets_around(1e-6).below, 0);
}

TEST(LatencyBuckets, AFactorMovesByWholeBucketsRoundedEitherWay) {
  struct Case {
    double factor;
    std::int64_t at_most;
    std::int64_t at_least;
  };

  for (const Case& c : {Case{1, 0, 0}, {1.04, 0, 1}, {1.2, 2, 3}, {2, 8, 8}, {1.05, 0, 1}}) {
    EXPECT_EQ(shift_of(c.factor).at_most, c.at_most) << c.factor;
    EXPECT_EQ(shift_of(c.factor).at_least, c.at_least) << c.factor;
  }
}

TEST(LatencyBuckets, CountsWhatIsBeyondAnEdge) {
  const std::vector<std::int64_t> histogram = {5, 0, 3, 2};
  EXPECT_EQ(count_above(histogram, -1), 10);
  EXPECT_EQ(count_above(histogram, 0), 5);
  EXPECT_EQ(count_above(histogram, 2), 2);
  EXPECT_EQ(count_above(histogram, 3), 0);
  EXPECT_EQ(count_above(histogram, 160), 0);
}

TEST(LatencyBuckets, AQuantileBeyondTheJudgedEdgesHasAnOpenEnd) {
  const std::vector<Exceedance> all_slow = {{0.1, 1000}, {0.2, 900}};
  const QuantileInterval above = quantile_interval(all_slow, {.n = 1000});
  EXPECT_EQ(above.low, 0.2);
  EXPECT_FALSE(above.high);
  const std::vector<Exceedance> all_fast = {{0.1, 0}, {0.2, 0}};
  const QuantileInterval below = quantile_interval(all_fast, {.n = 1000});
  EXPECT_FALSE(below.low);
  EXPECT_EQ(below.high, 0.1);
  const QuantileInterval unknown = quantile_interval(all_fast, {.n = 0});
  EXPECT_FALSE(unknown.low);
  EXPECT_FALSE(unknown.high);
}

// Expected values as in statistics_vectors_test.cc.
TEST(LatencyBuckets, MatchTheVectors) {
  const std::vector<double> edges = {50, 75, 100, 150, 200, 250, 300, 400, 500, 1000};
  const std::vector<std::int64_t> cumulative = {
      812, 1711, 2390, 3205, 3601, 3779, 3868, 3951, 3982, 3999};
  const std::int64_t n = 4000;
  const EdgesAround at_300 = edges_around(edges, 300);
  EXPECT_EQ(n - cumulative[*at_300.above], 132);
  EXPECT_EQ(n - cumulative[*at_300.below], 132);
  const EdgesAround at_320 = edges_around(edges, 320);
  EXPECT_EQ(n - cumulative[*at_320.above], 49);
  EXPECT_EQ(n - cumulative[*at_320.below], 132);
  EXPECT_FALSE(edges_around(edges, 10).below);
  EXPECT_FALSE(edges_around(edges, 2000).above);
  std::vector<Exceedance> exceedances;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    exceedances.push_back({.edge = edges[i], .slow = n - cumulative[i]});
  }
  const QuantileInterval p95 = quantile_interval(exceedances, {.n = n, .q = 0.95, .alpha = 0.05});
  EXPECT_EQ(p95.low, 200);
  EXPECT_EQ(p95.high, 300);
}

}  // namespace
}  // namespace sluice::analysis
