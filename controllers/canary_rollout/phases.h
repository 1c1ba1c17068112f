#pragma once
// One function for each phase; decide() calls the one that the status names. Internal to the core.

#include "controllers/canary_rollout/turn.h"

namespace sluice::canary_rollout {

// What the spec says now, which counts for the next rollout.
using SpecPolicy = Result<api::ResolvedPolicy>;

void on_settled(Turn& turn, const SpecPolicy& spec_policy);  // Idle, Invalid and all ends.
void on_pending(Turn& turn);
void on_evaluating(Turn& turn);
void on_progressing(Turn& turn);
void on_paused(Turn& turn);
void on_promoting(Turn& turn);
void on_watching(Turn& turn);  // watching.cc
void on_rolling_back(Turn& turn);

// Evidence from the live queries that the candidate has: awaits its traffic, then block by block.
void judge_live(Turn& turn);

// How long the candidate may be without a ready worker once it has traffic.
inline constexpr Duration kUnreadyMax = std::chrono::seconds(60);

// The same as things are now: before it has traffic the workers may still be fetching. Then it is
// noDataTimeout, but no less: who has made that short meant queries, not pods.
[[nodiscard]] Duration unready_max(const Turn& turn);

// Facts about the candidate's pods that need no statistics. Rolls back and returns true if one
// holds. `unready_max` is how long it may be without a ready worker.
[[nodiscard]] bool fails_hard(Turn& turn, Duration unready_max);

}  // namespace sluice::canary_rollout
