#include "controllers/analysis/latency_buckets.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/portable_math.h"
#include "controllers/analysis/bernoulli_interval.h"

namespace sluice::analysis {
namespace {

constexpr double kFirstEdgeSeconds = 1e-4;
// Edges and factors that are equal but for rounding are equal.
constexpr double kRounding = 1e-9;

using Edges = std::array<double, static_cast<std::size_t>(kLatencyBuckets)>;

double power_of_two(double exponent) {
  return portable::exp(exponent * portable::log(2));
}

const Edges& edges() {
  static const Edges kEdges = [] {
    Edges made{};
    for (std::size_t i = 0; i < made.size(); ++i) {
      made[i] = kFirstEdgeSeconds *
                power_of_two(static_cast<double>(i) / static_cast<double>(kBucketsPerDoubling));
    }
    return made;
  }();
  return kEdges;
}

}  // namespace

double latency_edge_seconds(std::int64_t bucket) {
  CHECK(bucket >= 0);
  CHECK(bucket < kLatencyBuckets);
  return edges()[static_cast<std::size_t>(bucket)];
}

EdgesAround edges_around(std::span<const double> edges, double value) {
  EdgesAround around;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    if (edges[i] <= value * (1 + kRounding)) {
      around.below = i;
    }
    if (!around.above && edges[i] >= value * (1 - kRounding)) {
      around.above = i;
    }
  }
  return around;
}

BucketsAround buckets_around(double seconds) {
  const EdgesAround around = edges_around(edges(), seconds);
  return {.below = static_cast<std::int64_t>(around.below.value_or(0)),
          .above = around.above ? static_cast<std::int64_t>(*around.above) : kLatencyBuckets - 1};
}

BucketShift shift_of(double factor) {
  CHECK(factor >= 1);
  const double buckets =
      static_cast<double>(kBucketsPerDoubling) * portable::log(factor) / portable::log(2);
  return {.at_most = static_cast<std::int64_t>(std::floor(buckets + kRounding)),
          .at_least = static_cast<std::int64_t>(std::ceil(buckets - kRounding))};
}

std::int64_t count_above(std::span<const std::int64_t> histogram, std::int64_t bucket) {
  CHECK(bucket >= -1);
  std::int64_t above = 0;
  for (std::size_t i = static_cast<std::size_t>(bucket + 1); i < histogram.size(); ++i) {
    above += histogram[i];
  }
  return above;
}

QuantileInterval quantile_interval(std::span<const Exceedance> exceedances,
                                   const QuantileQuestion& question) {
  QuantileInterval interval;
  for (const Exceedance& one : exceedances) {
    const Interval share =
        bernoulli_cs({.n = question.n, .bad = one.slow}, question.alpha, question.phi);
    if (share.low > 1 - question.q) {
      interval.low = one.edge;
    } else if (!interval.high && share.high < 1 - question.q) {
      interval.high = one.edge;
    }
  }
  return interval;
}

}  // namespace sluice::analysis
