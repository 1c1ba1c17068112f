#pragma once
// Pace: how fast the things around the operator are. A span is drawn from anew for each request,
// pod or query; one whose ends are equal is always the same and costs no chance. Plain values.

#include <chrono>
#include <cstdint>

#include "base/rng.h"
#include "base/time.h"

namespace sluice {

struct Span {
  Duration min = {};
  Duration max = {};
};

[[nodiscard]] inline Duration draw(Rng& rng, Span span) {
  const Duration width = span.max - span.min;
  return width <= Duration{0} ? span.min
                              : span.min + Duration{static_cast<std::int64_t>(rng.below(
                                               static_cast<std::uint64_t>(width.count()) + 1))};
}

struct Pace {
  // Of a request to the API server or to a pod, each way.
  Span latency{std::chrono::milliseconds(1), std::chrono::milliseconds(1)};
  Span watch_delay{std::chrono::milliseconds(1), std::chrono::milliseconds(1)};
  // Until a new pod has an address.
  Span pod_start{std::chrono::seconds(1), std::chrono::seconds(1)};
  Span build{std::chrono::seconds(3), std::chrono::seconds(3)};
  // Of an answer of a worker's that rehearses nothing.
  Span answer{std::chrono::milliseconds(5), std::chrono::milliseconds(20)};
  int queries_per_second = 200;  // Of all users; they come evenly.
};

}  // namespace sluice
