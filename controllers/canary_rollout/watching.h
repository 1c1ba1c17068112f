#pragma once
// Watching: the candidate is stable, the old stable keeps a few users as the control, and the
// comparison goes on for rollback.watchAfterPromotion. What would roll a candidate back leads back
// to the old stable. Internal to the core; on_watching() is in phases.h.

#include "controllers/canary_rollout/split_verdict.h"
#include "controllers/canary_rollout/turn.h"

namespace sluice::canary_rollout {

// What follows from a block that rolls nothing back: the watch goes on, or it is over.
void act_in_watch(Turn& turn, const JudgedBlock& judged);

}  // namespace sluice::canary_rollout
