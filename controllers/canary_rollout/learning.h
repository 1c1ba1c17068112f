#pragma once
// Learning from stable before the candidate has traffic, while it is being built and evaluated: how
// much stable's errors clump, and whether it keeps its objective. The first split step then begins
// with that, and a stable that was broken before is not laid at the candidate's door. Internal to
// the core.

#include "controllers/canary_rollout/turn.h"

namespace sluice::canary_rollout {

// Folds the block that has ended, if one has and every router's counters are fresh. What was
// learned is part of the evidence in the status, one write a block, of a bounded size. Does nothing
// while a candidate has traffic or for a policy without a split step.
void learn_from_stable(Turn& turn);

}  // namespace sluice::canary_rollout
