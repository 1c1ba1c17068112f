#include "dataplane/router/core/latency.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/check.h"

namespace sluice::router {
namespace {

using Edges = std::array<Duration, kLatencyBuckets>;

Edges make_edges() {
  Edges edges{};
  for (std::size_t i = 0; i < edges.size(); ++i) {
    edges[i] = Duration{std::llround(100'000.0 * std::exp2(static_cast<double>(i) / 8.0))};
  }
  return edges;
}

const Edges& edges() {
  static const Edges kEdges = make_edges();
  return kEdges;
}

}  // namespace

Duration latency_edge(std::size_t bucket) {
  CHECK(bucket < kLatencyBuckets);
  return edges()[bucket];
}

std::size_t latency_bucket(Duration took) {
  const auto at = std::ranges::lower_bound(edges(), took);
  return std::min(static_cast<std::size_t>(at - edges().begin()), kLatencyBuckets - 1);
}

std::size_t pod_latency_bucket(Duration took) {
  return (latency_bucket(took) + kBucketsPerPodBucket - 1) / kBucketsPerPodBucket;
}

}  // namespace sluice::router
