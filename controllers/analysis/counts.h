#pragma once
// The words that all tests share: an *arm* is the candidate or stable, *bad* is an event that
// counts against an arm (here: a failed request), a *block* is one interval of counter increments.
// Plain values, no lifetime, any thread.

#include <array>
#include <cstdint>
#include <string>

namespace sluice::analysis {

// What one arm did: requests that ended, and how many of them were bad. 0 <= bad <= n.
struct ArmCounts {
  std::int64_t n = 0;
  std::int64_t bad = 0;
  auto operator<=>(const ArmCounts&) const = default;
};

// Queries that went to both arms (quarantine): as many requests on either side.
struct PairCounts {
  std::int64_t n = 0;
  std::int64_t bad_candidate = 0;
  std::int64_t bad_stable = 0;
  auto operator<=>(const PairCounts&) const = default;
};

// Latencies are compared at so many edges of buckets at most.
inline constexpr std::size_t kLatencyEdgesMax = 4;

// Answers of either arm that took longer than an edge, which may be a later one for the candidate.
struct SlowCounts {
  std::int64_t candidate = 0;
  std::int64_t stable = 0;
  auto operator<=>(const SlowCounts&) const = default;
};

// How many of the arms' n requests took how long, at the edges that a LatencyState has fixed.
struct LatencyCounts {
  // Stable beyond an edge, the candidate beyond that edge moved by the rollback margin.
  std::array<SlowCounts, kLatencyEdgesMax> edges = {};
  // The candidate alone; stable's beyond the same edge, not moved, is among those above.
  std::int64_t gate = 0;      // Beyond the gate's edge moved by the promotion margin.
  std::int64_t limit = 0;     // Beyond the limit's edge: with a max surely above it.
  std::int64_t possibly = 0;  // With a max: possibly above it.
  auto operator<=>(const LatencyCounts&) const = default;
};

// One stable pod's part of a block. `pod` is its name; it ties the blocks of one pod together.
struct PodCounts {
  std::string pod = {};
  std::int64_t n = 0;
  std::int64_t bad = 0;
  std::array<std::int64_t, kLatencyEdgesMax> slow = {};  // Beyond each edge, about.
  auto operator<=>(const PodCounts&) const = default;
};

// Both arms as the formulas take them; fractions are allowed (mean counts, projections).
struct TwoArmCounts {
  double n_candidate = 0;
  double n_stable = 0;
  double bad_candidate = 0;
  double bad_stable = 0;
  bool operator==(const TwoArmCounts&) const = default;
};

struct Interval {
  double low = 0;
  double high = 0;
  auto operator<=>(const Interval&) const = default;
};

}  // namespace sluice::analysis
