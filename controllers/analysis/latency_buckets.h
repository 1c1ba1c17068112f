#pragma once
// The buckets that routers count answers in, and what a histogram says honestly. Bucket i holds
// what took longer than edge i-1 and at most edge i, edges are 100 us * 2^(i/8): a time between two
// edges cannot be told from its neighbours, so every statement is made at an edge, and a share or a
// quantile between edges is given as the interval that is sure. Pure.

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "controllers/analysis/counts.h"

namespace sluice::analysis {

inline constexpr std::int64_t kLatencyBuckets = 161;
// Fixed by the format of /counters (docs/dataplane.md).
inline constexpr std::int64_t kBucketsPerDoubling = 8;

// The upper edge of a bucket.
[[nodiscard]] double latency_edge_seconds(std::int64_t bucket);

// The edges next to a value, as positions among `edges`, which ascend: the last one at or below it
// and the first one at or above it; the same one when the value is an edge. Empty beyond the ends.
// What took longer than `above` surely took longer than the value; what took longer than the value
// possibly took longer than `below`.
struct EdgesAround {
  std::optional<std::size_t> below = {};
  std::optional<std::size_t> above = {};
};

[[nodiscard]] EdgesAround edges_around(std::span<const double> edges, double value);

// The same among the buckets; a value beyond them gives the outermost bucket.
struct BucketsAround {
  std::int64_t below = 0;
  std::int64_t above = 0;
};

[[nodiscard]] BucketsAround buckets_around(double seconds);

// How many whole buckets later an answer is that takes `factor` (>= 1) times as long: at most and
// at least.
struct BucketShift {
  std::int64_t at_most = 0;
  std::int64_t at_least = 0;
};

[[nodiscard]] BucketShift shift_of(double factor);

// How many answers took longer than the upper edge of `bucket`; -1: all. The histogram may be
// shorter than all buckets: what is missing is 0.
[[nodiscard]] std::int64_t count_above(std::span<const std::int64_t> histogram,
                                       std::int64_t bucket);

// Answers that took longer than an edge.
struct Exceedance {
  double edge = 0;
  std::int64_t slow = 0;
};

// Where the quantile q of `n` answers lies, at level 1 - alpha and at any look: above the last edge
// that surely more than 1 - q of them exceed, at most the first edge that surely fewer exceed.
// Edges ascend. Empty: not above the first edge, or possibly above the last one.
struct QuantileInterval {
  std::optional<double> low = {};
  std::optional<double> high = {};
};

struct QuantileQuestion {
  std::int64_t n = 0;
  double q = 0.95;
  double alpha = 0.05;
  double phi = 1;
};

[[nodiscard]] QuantileInterval quantile_interval(std::span<const Exceedance> exceedances,
                                                 const QuantileQuestion& question);

}  // namespace sluice::analysis
