#pragma once
// Decision: what decide() makes of an Observation. The status is the intent and is written before
// anything of it happens; the actions are few, idempotent, and touch nothing but what this
// controller owns.

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/time.h"
#include "controllers/canary_rollout/observation.h"
#include "crds/canary_rollout.h"

namespace sluice::canary_rollout {

// Keeps the resolved policy of the rollout that begins. Done before the status that names it is
// written; harmless if that write then fails.
struct StorePolicy {
  std::string name = {};
  api::ResolvedPolicy policy = {};
  bool operator==(const StorePolicy&) const = default;
};

// Drops a stored policy that no rollout needs any more. Done after the status is written.
struct DropPolicy {
  std::string name = {};
  bool operator==(const DropPolicy&) const = default;
};

// An Event about the rollout. Done after the status is written, so that none tells of what was not
// stored.
struct Announce {
  bool is_warning = false;
  std::string reason = {};
  std::string action = {};
  std::string note = {};
  bool operator==(const Announce&) const = default;
};

using Action = std::variant<StorePolicy, DropPolicy, Announce>;

struct Decision {
  api::CanaryRolloutStatus status = {};
  std::vector<Action> actions = {};
  std::optional<Duration> look_again = {};  // Empty: an event will come.
};

}  // namespace sluice::canary_rollout
