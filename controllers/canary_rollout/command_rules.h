#pragma once
// Which commands make sense when. Internal to the core.

#include <string>

#include "controllers/canary_rollout/commands.h"

namespace sluice::canary_rollout {

// Why a command is refused, for the person who gave it; empty: it is accepted.
[[nodiscard]] std::string refuse_command(const Turn& turn, const Command& command);

}  // namespace sluice::canary_rollout
