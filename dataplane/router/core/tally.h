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
  std::array<ArmCounts, 2> by_mode = {};  // By wire::CounterMode.

  [[nodiscard]] ArmCounts& of(wire::CounterMode mode) {
    return by_mode[static_cast<std::size_t>(mode)];
  }

  [[nodiscard]] std::int64_t in_flight() const {
    return by_mode[0].in_flight + by_mode[1].in_flight;
  }
};

// Attempts of one worker pod, by mode.
struct PodCounts {
  std::array<std::int64_t, 2> ended = {};
  std::array<std::int64_t, 2> failed = {};
};

using PodKey = std::pair<std::string, std::string>;  // Revision, pod.

struct Tally {
  std::map<std::string, ModeCounts, std::less<>> revisions;
  std::map<PodKey, std::shared_ptr<PodCounts>> pods;

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

  void add(const Tally& lane);
  void write(wire::Counters& counters) const;
};

}  // namespace sluice::router
