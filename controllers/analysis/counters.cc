#include "controllers/analysis/counters.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::analysis {
namespace {

// Series beyond twice those shown that a source may have stopped showing.
constexpr std::size_t kVanishedSeriesMax = 16;

SourceTrack* find_source(CounterLedger& ledger, std::uint64_t source) {
  const auto found = std::ranges::find(ledger.sources, source, &SourceTrack::source);
  return found == ledger.sources.end() ? nullptr : &*found;
}

Status check_scrape(const CounterLedger& ledger, const CounterScrape& scrape, bool is_known) {
  if (!is_known && ledger.sources.size() >= kSourcesMax) {
    return fail(ErrorCode::kInvalid,
                fmt::format("counters of {}: more than {} sources", scrape.source, kSourcesMax));
  }
  if (scrape.readings.size() > kSeriesPerSourceMax) {
    return fail(
        ErrorCode::kInvalid,
        fmt::format("counters of {}: more than {} series", scrape.source, kSeriesPerSourceMax));
  }
  std::vector<std::uint64_t> names;
  names.reserve(scrape.readings.size());
  for (const CounterReading& reading : scrape.readings) {
    if (reading.values.size() > kValuesPerSeriesMax) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("counter {} of {} has more than {} values",
                              reading.series,
                              scrape.source,
                              kValuesPerSeriesMax));
    }
    if (std::ranges::any_of(reading.values, [](std::int64_t value) { return value < 0; })) {
      return fail(ErrorCode::kInvalid,
                  fmt::format("counter {} of {} is negative", reading.series, scrape.source));
    }
    names.push_back(name_hash(reading.series));
  }
  std::ranges::sort(names);
  if (std::ranges::adjacent_find(names) != names.end()) {
    return fail(ErrorCode::kInvalid,
                fmt::format("counters of {}: a series is there twice", scrape.source));
  }
  return {};
}

// Appends the increments of one reading in a source already known; the track moves on.
void advance(SourceTrack& track,
             const CounterReading& reading,
             std::vector<std::int64_t>& increments) {
  const std::uint64_t series = name_hash(reading.series);
  const auto found = std::ranges::find(track.series, series, &SeriesTrack::series);
  if (found == track.series.end()) {
    track.series.push_back({.series = series, .values = reading.values});
    increments.insert(increments.end(), reading.values.begin(), reading.values.end());
    return;
  }
  const bool is_comparable = found->values.size() == reading.values.size();
  for (std::size_t i = 0; i < reading.values.size(); ++i) {
    const std::int64_t value = reading.values[i];
    const std::int64_t before = is_comparable ? found->values[i] : value;
    increments.push_back(value >= before ? value - before : value);
  }
  found->values = reading.values;
}

// Drops the series that a scrape does not show. Normally they are kept, because one that comes back
// must not count twice; but pods that come and go for weeks may not fill the ledger.
void keep_shown(SourceTrack& track, std::span<const CounterReading> readings) {
  std::vector<std::uint64_t> shown;
  shown.reserve(readings.size());
  for (const CounterReading& reading : readings) {
    shown.push_back(name_hash(reading.series));
  }
  std::ranges::sort(shown);
  std::erase_if(track.series, [&shown](const SeriesTrack& series) {
    return !std::ranges::binary_search(shown, series.series);
  });
}

}  // namespace

std::uint64_t name_hash(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : name) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  }
  return hash;
}

Result<std::vector<std::int64_t>> take_increments(CounterLedger& ledger,
                                                  const CounterScrape& scrape) {
  const std::uint64_t source = name_hash(scrape.source);
  const std::uint64_t process_start = name_hash(scrape.process_start_id);
  SourceTrack* track = find_source(ledger, source);
  if (Status status = check_scrape(ledger, scrape, track != nullptr); !status) {
    return fail(std::move(status.error()));
  }
  const bool is_first = track == nullptr;
  if (is_first) {
    ledger.sources.push_back({.source = source, .process_start = process_start, .series = {}});
    track = &ledger.sources.back();
  } else if (track->process_start != process_start) {
    // A new process: every counter began again at zero.
    track->process_start = process_start;
    track->series.clear();
  }
  std::vector<std::int64_t> increments;
  for (const CounterReading& reading : scrape.readings) {
    advance(*track, reading, increments);
  }
  if (is_first) {
    std::ranges::fill(increments, 0);
  }
  if (track->series.size() > 2 * scrape.readings.size() + kVanishedSeriesMax) {
    keep_shown(*track, scrape.readings);
  }
  return increments;
}

void forget_source(CounterLedger& ledger, std::string_view source) {
  std::erase_if(ledger.sources, [hash = name_hash(source)](const SourceTrack& track) {
    return track.source == hash;
  });
}

}  // namespace sluice::analysis
