#pragma once
// No data is not a pass. Which blocks count, and what follows when they do not. Pure.

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::analysis {

enum class BlockData {
  kValid,
  kCandidateBlind,  // Nothing fresh about the candidate, while stable's counters arrive.
  kStableBlind,     // Nothing fresh about stable, while the candidate's counters arrive.
  kBothBlind,       // The provider is down.
  kCoverage,        // Routers and workers disagree about what happened.
  kBadCounts,       // Counts that cannot be (bad > n, negative), or arithmetic that failed on them.
};
[[nodiscard]] std::string_view to_string(BlockData data);

// What the caller knows of the data behind a block. Ages are since the newest complete scrape of an
// arm, nullopt when there never was one.
struct DataHealth {
  std::optional<double> candidate_age_seconds = {};
  std::optional<double> stable_age_seconds = {};
  double scrape_seconds = 5;
  // Worker requests / router requests, where workers are scraped too.
  std::optional<double> worker_coverage = {};
};

// Fresh is at most two scrape intervals old. Coverage outside [0.5, 1.1] is invalid; between 0.5
// and 0.9 only the router's metrics count, which the error objective lives on anyway.
[[nodiscard]] BlockData judge_data(const DataHealth& health);

enum class OnNoData { kHold, kRollBack };

struct DataPolicy {
  std::int64_t stale_blocks = 5;  // This many invalid blocks in a row: hold, DataStale.
  // What follows when only the candidate has been blind for so long. While stable is blind too (the
  // provider is down) the answer is always to hold.
  double no_data_abort_seconds = 600;
  OnNoData on_no_data = OnNoData::kRollBack;
};

}  // namespace sluice::analysis
