#pragma once
// Increments from cumulative counters. A ledger remembers, for each source (a router process) and
// series, the value last seen; a scrape is turned into what happened since. Increments are summed
// over sources, sums are never differenced: a source that restarts, vanishes or joins late can then
// neither invent nor swallow the others' requests. Pure values; the ledger is part of the rollout's
// stored state, because a snapshot and the evidence drawn from it must be one write.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sluice::analysis {

inline constexpr std::size_t kSourcesMax = 64;
inline constexpr std::size_t kSeriesPerSourceMax = 512;

// 64-bit FNV-1a. Names are stored as hashes, which keeps a ledger of twenty pods under 2 kB.
[[nodiscard]] std::uint64_t name_hash(std::string_view name);

// No series has more values than these.
inline constexpr std::size_t kValuesPerSeriesMax = 16;

struct SeriesTrack {
  std::uint64_t series = 0;
  std::vector<std::int64_t> values = {};
  auto operator<=>(const SeriesTrack&) const = default;
};

struct SourceTrack {
  std::uint64_t source = 0;
  std::uint64_t process_start = 0;
  std::vector<SeriesTrack> series = {};
  auto operator<=>(const SourceTrack&) const = default;
};

struct CounterLedger {
  std::vector<SourceTrack> sources = {};
  auto operator<=>(const CounterLedger&) const = default;
};

// Counters that belong together, e.g. requests and failed ones.
struct CounterReading {
  std::string_view series = {};  // Any name that is the same in each scrape, e.g. "rev-2/live".
  std::vector<std::int64_t> values = {};  // Cumulative since the process started.
};

// All counters of one source, read at one instant.
struct CounterScrape {
  std::string_view source = {};            // e.g. the router pod's name.
  std::string_view process_start_id = {};  // A new id means that all counters began again at 0.
  std::span<const CounterReading> readings;
};

// What each value has grown by since the source was last seen, in the order of the readings and
// their values, and the ledger moves on. A source seen for the first time is a baseline: all 0; so
// is a series that has another number of values than before. A new start id, or a value that fell,
// counts the new value in full (what happened between the last scrape and the restart is lost). A
// series that is new in a known process counts in full: it was 0 before. kInvalid for a negative
// value, a series named twice, too many values or a ledger that is full; nothing has then changed.
[[nodiscard]] Result<std::vector<std::int64_t>> take_increments(CounterLedger& ledger,
                                                                const CounterScrape& scrape);

// Drops what is known of a source; should it come back, its first scrape is a baseline again.
void forget_source(CounterLedger& ledger, std::string_view source);

}  // namespace sluice::analysis
