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
void on_rolling_back(Turn& turn);

// Facts about the candidate's pods that need no statistics. Rolls back and returns true if one
// holds.
[[nodiscard]] bool fails_hard(Turn& turn);

}  // namespace sluice::canary_rollout
