#pragma once
// Render: the bytes of what this controller applies. Pure, so that they can be tested.

#include <string>

#include "controllers/canary_rollout/decision.h"
#include "crds/canary_rollout.h"

namespace sluice::canary_rollout {

// The ControllerRevision that keeps a rollout's policy, as server-side apply wants it.
[[nodiscard]] std::string policy_revision_json(const api::CanaryRollout& owner,
                                               const StorePolicy& action);

}  // namespace sluice::canary_rollout
