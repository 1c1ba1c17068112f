#pragma once
// The words that all tests share: an *arm* is the candidate or stable, *bad* is an event that
// counts against an arm (here: a failed request), a *block* is one interval of counter increments.
// Plain values, no lifetime, any thread.

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

// One stable pod's part of a block. `pod` is its name; it ties the blocks of one pod together.
struct PodCounts {
  std::string pod = {};
  std::int64_t n = 0;
  std::int64_t bad = 0;
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
