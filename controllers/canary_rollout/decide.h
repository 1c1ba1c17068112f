#pragma once
// decide: the heart of a rollout. Guards in a fixed order, then one function for each phase. Total:
// no I/O, no clock, no logging, no throw; the same input gives the same bits. All that it must
// remember is in the status it returns.

#include "controllers/canary_rollout/decision.h"
#include "controllers/canary_rollout/observation.h"

namespace sluice::canary_rollout {

[[nodiscard]] Decision decide(const Observation& seen, WallTime now);

// A candidate is on its way in this phase: Pending, Evaluating, Progressing, Paused, Promoting,
// RollingBack.
[[nodiscard]] bool is_in_progress(api::RolloutPhase phase);

}  // namespace sluice::canary_rollout
