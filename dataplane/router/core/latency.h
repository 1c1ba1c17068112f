#pragma once
// The fixed latency buckets of /counters: edges 100 us * 2^(i/8), i = 0…160. Bucket i holds what
// took longer than edge i-1 and at most edge i; the last one also holds everything above. Pure.

#include <cstddef>

#include "base/time.h"

namespace sluice::router {

inline constexpr std::size_t kLatencyBuckets = 161;

// Worker pods are counted in coarser buckets, each of so many of these.
inline constexpr std::size_t kBucketsPerPodBucket = 4;
inline constexpr std::size_t kPodLatencyBuckets = kLatencyBuckets / kBucketsPerPodBucket + 1;

[[nodiscard]] Duration latency_edge(std::size_t bucket);
[[nodiscard]] std::size_t latency_bucket(Duration took);
[[nodiscard]] std::size_t pod_latency_bucket(Duration took);

}  // namespace sluice::router
