#pragma once
// Blocks: from the routers' cumulative counters to the increments that the analysis judges. What
// was last seen of each router is the ledger inside analysis::State, so that a snapshot and the
// evidence drawn from it are one text in one status write. Internal to the core. Pure.

#include <optional>
#include <string>

#include "controllers/analysis/rollout_analysis.h"
#include "controllers/canary_rollout/turn.h"

namespace sluice::canary_rollout {

// The newest counters of every expected router arrived after `since` and not longer than `age_max`
// ago; there is at least one router. `detail` names a router for which it does not hold.
struct Freshness {
  bool is_fresh = false;
  std::string detail = {};
};

[[nodiscard]] Freshness freshness(const Turn& turn, WallTime since, Duration age_max);

// Every expected router's newest counters were taken under the route's present table or a later
// one.
[[nodiscard]] bool all_run_the_table(const Turn& turn);

// A router keeps the candidate from users at this moment.
[[nodiscard]] bool is_quarantined(const Turn& turn);

// The evidence so far; empty if there is none or it cannot be read (a newer operator wrote it).
[[nodiscard]] std::optional<analysis::State> stored_state(const Turn& turn);
// Keeps it in the status; a block has ended now.
void store_state(Turn& turn, const analysis::State& state);

struct EndedBlock {
  Freshness fresh = {};
  std::int64_t intervals = 1;  // Of the clock that it covers: counted as they pass, not as folded.
};

// A block ends when its time has passed and every router has told its counters since; without them
// it ends half a block later and is not fresh, but not within a block of this process's first look.
// Empty while it goes on, with the next look arranged.
// CHECKs that a block has begun.
[[nodiscard]] std::optional<EndedBlock> ended_block(Turn& turn);

// Forgets what was counted before: the next block begins here.
void take_baseline(const Turn& turn, analysis::State& state);

struct TakenBlock {
  analysis::Block block = {};
  api::RankingAgreement compared = {};  // In shadow.
};

// What happened since the ledger's counters, by the newest counters of every router, those that are
// gone included; the ledger moves on. Counters that cannot be read give a block that does not
// count, and the ledger stays.
[[nodiscard]] TakenBlock take_block(const Turn& turn, analysis::State& state);

}  // namespace sluice::canary_rollout
