#pragma once
// Scenario: a story as data: what people and the world do to an index, each when something is seen,
// and how it must end, whatever goes wrong beside it. A new one is a row in scenario.cc.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crds/canary_rollout.h"
#include "tests/sim/world.h"

namespace sluice {

struct Beat {
  std::function<bool(World&)> is_due;
  Duration then_after = {};  // From when it is due.
  std::function<void(World&)> act;
};

struct Scenario {
  std::string name = {};  // In CamelCase; names tests, and --scenario.
  std::string what = {};  // For people.
  std::string policy = "examples/rollout.yaml";
  std::string rollback_option = {};  // One more line of its spec.rollback.
  std::vector<Beat> beats = {};      // In this order.
  // The end: no rollout when there is no phase; the reason of the index's Ready condition.
  std::optional<api::RolloutPhase> phase = {};
  std::string ready = {};
  bool loses_lease = false;  // The operator itself ends on the way, for want of an API server.
};

// In the order of the story; the first one is the plainest.
[[nodiscard]] const std::vector<Scenario>& all_scenarios();
// Null when there is none of this name.
[[nodiscard]] const Scenario* find_scenario(std::string_view name);
// The policy that it is played under, as a manifest.
[[nodiscard]] std::string policy_of(const Scenario& scenario);

}  // namespace sluice
