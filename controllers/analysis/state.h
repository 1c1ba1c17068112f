#pragma once
// Everything an analysis must remember across a restart, as plain data, and its text form. The same
// state and the same blocks give the same verdicts, bit for bit. One State belongs to one rollout
// of one candidate; stored together with the intent that rests on it, in one write.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "controllers/analysis/counters.h"
#include "controllers/analysis/dispersion.h"
#include "controllers/analysis/e_process.h"
#include "controllers/analysis/latency_state.h"
#include "controllers/analysis/noninferiority.h"
#include "controllers/analysis/stable_mask.h"

namespace sluice::analysis {

// What happened in the present step, for display and for minimum samples.
struct StepTotals {
  std::int64_t blocks = 0;  // Valid blocks.
  ArmCounts candidate;      // Live requests only.
  ArmCounts stable;
  PairCounts pairs;
  bool operator==(const StepTotals&) const = default;
};

// Mean counts of about the last five minutes of the step, for estimates of time: weighted sums over
// `weight`.
struct RecentCounts {
  double weight = 0;
  TwoArmCounts live;
  TwoArmCounts pairs;
  bool operator==(const RecentCounts&) const = default;
};

// Block indices that mark since when something has been so; -1 is "not so" or "never".
struct Marks {
  std::int64_t masked_since = -1;
  std::int64_t weight_raised_at = -1;       // First that can have the new weight.
  std::int64_t blind_since = -1;            // First of the present run of invalid blocks.
  std::int64_t candidate_blind_since = -1;  // The same, for "only the candidate is blind".
  bool operator==(const Marks&) const = default;
};

struct State {
  std::int64_t block_index = -1;  // Of the last block folded; strictly grows.
  std::int64_t blocks_used = 0;   // Valid blocks with which something was judged.
  std::int64_t blocks_invalid = 0;
  std::int64_t invalid_in_a_row = 0;
  double weight = 0;    // The present step's, a share.
  double phi = 1;       // The dispersion that the last valid block was judged with.
  EProcess relative;    // K1 at the rollback margin.
  EProcess absolute;    // K2 at the objective's max; has no blocks when there is none.
  NonInferiority step;  // Reset at each weight change.
  Dispersion dispersion;
  StableMask mask;
  StepTotals totals;
  RecentCounts recent;
  LatencyState latency;
  Marks marks;
  CounterLedger counters;  // The scrape snapshot behind all this.
  bool operator==(const State&) const = default;
};

// Base64 of: version byte, block index, fields (IEEE bytes, little endian; integers as varints),
// checksum. Under 4 kB for two routers and twenty pods, under 8 kB with a latency objective.
[[nodiscard]] std::string encode(const State& state);
// kInvalid, saying what is wrong, for text that is truncated, corrupt, of another version, or too
// long. Never a partial state.
[[nodiscard]] Result<State> decode(std::string_view text);

}  // namespace sluice::analysis
