#pragma once
// Tally: the counts of one lane, behind GET /counters. All are cumulative. A logical query's end,
// failure and latency bucket are counted together, so any sum over lanes is consistent. Pure; the
// shell reads them under the lane's lock.

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "base/time.h"
#include "dataplane/router/core/latency.h"
#include "dataplane/wire/counters.h"

namespace sluice::router {

enum class FailureClass { kConnect, kReset, kStatus, kBody, kTimeout };
inline constexpr std::size_t kFailureClasses = 5;

// One revision in one mode; the fields of wire::RevisionCounters.
struct ArmCounts {
  std::int64_t assigned = 0;
  std::int64_t ended = 0;
  std::array<std::int64_t, kFailureClasses> failed = {};
  std::int64_t rescued = 0;
  std::int64_t lost = 0;
  std::int64_t streamed = 0;
  std::int64_t client_gone = 0;
  std::int64_t answered = 0;
  std::int64_t empty = 0;
  std::int64_t in_flight = 0;
  std::int64_t diverted = 0;
  std::array<std::int64_t, kLatencyBuckets> latency = {};

  void end(Duration took);
  void add(const ArmCounts& other);
};

struct ModeCounts {
  std::array<ArmCounts, wire::kCounterModes> by_mode = {};

  [[nodiscard]] ArmCounts& of(wire::CounterMode mode) {
    return by_mode[static_cast<std::size_t>(mode)];
  }

  [[nodiscard]] std::int64_t in_flight() const;
};

// Attempts of one worker pod, by mode.
struct PodCounts {
  std::array<std::int64_t, wire::kCounterModes> ended = {};
  std::array<std::int64_t, wire::kCounterModes> failed = {};
  std::array<std::int64_t, kPodLatencyBuckets> latency = {};  // Of live attempts.
};

using PodKey = std::pair<std::string, std::string>;  // Revision, pod.

// Copies of live queries, compared; the fields of wire::PairCounters.
inline constexpr std::size_t kDifferenceBuckets = 41;

struct PairTally {
  std::int64_t in_flight = 0;
  std::int64_t dropped = 0;
  std::array<std::array<std::int64_t, 2>, 2> ended = {};  // By: stable failed, the copy failed.
  std::array<std::int64_t, 11> overlap = {};
  std::int64_t rbo_sum = 0;
  std::int64_t incomparable = 0;
  std::array<std::int64_t, kDifferenceBuckets> latency_difference = {};

  void add(const PairTally& other);
};

using PairKey = std::pair<std::string, std::string>;  // Stable; who was asked the copies.

struct Tally {
  std::map<std::string, ModeCounts, std::less<>> revisions;
  std::map<PodKey, std::shared_ptr<PodCounts>> pods;
  std::map<PairKey, PairTally> pairs;  // An entry stands while copies of it are in flight.

  // The counts of a revision; the reference stands until forget() drops it, which happens neither
  // while queries are in flight nor while `in_use` names it.
  [[nodiscard]] ModeCounts& revision(const std::string& name);
  [[nodiscard]] std::shared_ptr<PodCounts> pod(const std::string& revision, const std::string& pod);
  // Keeps the answer bounded when revisions and pods come and go for weeks.
  void forget(const std::set<std::string>& in_use);
};

// The sum over lanes, in the form of /counters.
struct TallySum {
  std::map<std::string, ModeCounts, std::less<>> revisions;
  std::map<PodKey, PodCounts> pods;
  std::map<PairKey, PairTally> pairs;

  void add(const Tally& lane);
  void write(wire::Counters& counters) const;
};

}  // namespace sluice::router
