#pragma once
// Counters: what a router answers to GET /counters: one pass, one consistent instant, at most 256
// KiB of JSON. Every verdict on errors rests on these. All counts are cumulative since
// `process_start_id`; they never go down while it stands.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/field.h"

namespace sluice::wire {

// Live: the arm answered users. Quarantine: pairs sent to both arms while the candidate is kept
// from users. Shadow: pairs of a live query of stable's and its copy at the candidate; stable's
// part of them is in its live counts too. Stable's and the candidate's counts of pairs are equal.
enum class CounterMode { kLive, kQuarantine, kShadow };
inline constexpr std::size_t kCounterModes = 3;

// One revision in one mode. A logical query is counted once, when it ends or passes its deadline;
// attempts that were rescued count as failed here, against the arm that failed.
struct RevisionCounters {
  std::string revision = {};
  CounterMode mode = CounterMode::kLive;
  std::int64_t assigned = 0;  // Queries given to this arm.
  std::int64_t ended = 0;     // Of those, ended. ended >= failed.
  std::int64_t failed = 0;    // Ended badly: the sum of the classes.
  std::int64_t failed_connect = 0;
  std::int64_t failed_reset = 0;   // Reset or truncated.
  std::int64_t failed_status = 0;  // 5xx or 429.
  std::int64_t failed_body = 0;    // Not a response that could be parsed.
  std::int64_t failed_timeout = 0;
  std::int64_t rescued = 0;      // Of the failed: answered by stable, the user saw no error.
  std::int64_t lost = 0;         // Of the failed: the user saw the error.
  std::int64_t streamed = 0;     // Too large to be held, so not rescuable.
  std::int64_t client_gone = 0;  // The client hung up: counts against nobody, not in `ended`.
  std::int64_t answered = 0;     // Users who got this arm's own answer.
  std::int64_t empty = 0;        // Answers without hits (by X-Sluice-Hits).
  std::int64_t in_flight = 0;
  // Queries that were this arm's share, but went to the other because this one has no worker (or,
  // in quarantine, is too slow to be asked). In no other count of this arm.
  std::int64_t diverted = 0;
  std::vector<std::int64_t> latency = {};  // 161 buckets; edges 100 us * 2^(i/8); of ended queries.
  bool operator==(const RevisionCounters&) const = default;
};

struct UpstreamCounters {
  std::string revision = {};
  std::string pod = {};  // Pod name, else its address.
  CounterMode mode = CounterMode::kLive;
  std::int64_t ended = 0;
  std::int64_t failed = 0;
  // Of live queries' attempts, trailing zeros left out; up to 41 buckets, each four of a
  // revision's: edges 100 us * 2^(i/2).
  std::vector<std::int64_t> latency = {};
  bool operator==(const UpstreamCounters&) const = default;
};

// Copies of live queries, compared with what stable said, query by query.
struct PairCounters {
  std::string stable = {};
  std::string revision = {};   // Who was asked the copies; `stable` itself: another of its workers.
  std::int64_t dropped = 0;    // Not asked: too many copies are running, or no worker is there.
  std::int64_t both_good = 0;  // How the two ended; the four are all pairs that ended.
  std::int64_t only_failed = 0;  // The copy failed, stable did not.
  std::int64_t only_stable_failed = 0;
  std::int64_t both_failed = 0;
  // Of the good ones: how many hits of the first ten are the same, by tenths; what lies between two
  // of them (fewer than ten hits) is rounded to either at random, so that the mean is kept.
  std::vector<std::int64_t> overlap = {};  // 11.
  std::int64_t rbo_sum = 0;       // Of rank-biased overlap (p 0.9, depth 10), in ten-thousandths.
  std::int64_t incomparable = 0;  // Of the good ones: an answer does not name its hits as it must.
  // Of the good ones, how much longer the copy took: bucket 20 + n holds n latency buckets (each a
  // factor of 2^(1/8)) more than stable; the first and the last hold what is beyond.
  std::vector<std::int64_t> latency_difference = {};  // 41.
  bool operator==(const PairCounters&) const = default;
};

struct QuarantineState {
  std::string revision = {};
  bool active = false;
  double level = 0;  // Of the detector: trips at 9.2, released at 0.
  std::int64_t trips = 0;
  std::optional<WallTime> first_failure_at = {};  // First failed attempt of this revision.
  std::optional<WallTime> tripped_at = {};        // First trip.
  bool operator==(const QuarantineState&) const = default;
};

struct TableSeen {
  std::string uid = {};
  std::int64_t epoch = 0;
  std::int64_t generation = 0;
  bool operator==(const TableSeen&) const = default;
};

struct Counters {
  std::string process_start_id = {};
  std::string router = {};  // Pod name.
  WallTime at = {};
  TableSeen table = {};
  Share candidate_weight = {};  // As this router runs it.
  std::vector<RevisionCounters> revisions = {};
  std::vector<UpstreamCounters> upstreams = {};
  std::vector<PairCounters> pairs = {};
  std::vector<QuarantineState> quarantine = {};
  bool operator==(const Counters&) const = default;
};

template <class Io>
void describe(Io& io, Counters& value);

}  // namespace sluice::wire
