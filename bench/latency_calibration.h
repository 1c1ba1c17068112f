#pragma once
// Random rollouts that are judged by their latency: how often a candidate as fast as stable is
// rolled back, and how soon a slow one is. Each run has a seed of its own, so that the figures are
// the same everywhere.

#include <cstdint>

#include "bench/calibration.h"

namespace sluice::bench {

// One hour at 200 requests a second, the candidate with 1, 5, 25 and 50 % for a quarter each, after
// ten minutes of stable alone. Ten stable pods; an answer takes a lognormal time, median 80 ms and
// p95 215 ms, and the objective is a p95 of 300 ms, at most 20 % slower than stable.
struct LatencyScene {
  double slower = 1;         // The candidate takes so many times as long.
  double pod_sd = 0;         // Of the logarithm of a pod's speed, which wanders (AR(1)).
  double pod_seconds = 60;   // For so long.
  double stable_slower = 1;  // Both arms, in the minute from shared_at on.
  double shared_at = -1;     // Seconds; none before 0.
  double requests_per_second = 200;
  double block_seconds = 5;
  std::int64_t runs = 1000;
  std::uint64_t seed = 1;
};

// Rollbacks by evidence within the hour; times are from the first request, slow answers those of
// the candidate surely beyond the objective by then.
struct LatencyOutcome {
  Rate rolled_back;
  double seconds_median = 0;
  double seconds_p95 = 0;
  double slow_median = 0;
  double slow_p95 = 0;
};

[[nodiscard]] LatencyOutcome latency_outcome(const LatencyScene& scene);

}  // namespace sluice::bench
