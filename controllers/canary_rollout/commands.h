#pragma once
// Commands: what a person asks for in the annotation sluice.dev/command,
// "<verb> <revision>[:<step>] <id>". Each id is handled once and recorded with its result; removing
// the annotation means nothing. Pure.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "controllers/canary_rollout/turn.h"

namespace sluice::canary_rollout {

struct Command {
  std::string verb = {};
  std::string revision = {};
  std::optional<std::int32_t> step = {};
  std::string id = {};
  std::string problem = {};  // Why it cannot be understood; the rest may then be empty.
  bool operator==(const Command&) const = default;
};

// Empty for an empty annotation. What cannot be understood has the whole text as its id, so that
// it is answered once.
[[nodiscard]] std::optional<Command> parse_command(std::string_view annotation);

// Handles the rollout's command if it is a new one. Returns whether that moved the rollout on
// (abort, approve, promote), so that there is nothing left to decide in this turn.
[[nodiscard]] bool handle_command(Turn& turn);

}  // namespace sluice::canary_rollout
