#pragma once
// LiveStep: a step that sends the candidate queries, as what all of them have in common: shadow
// copies some of stable's, split gives it a share of users. Internal to the core. Pure.

#include <optional>
#include <string>

#include "crds/canary_rollout.h"

namespace sluice::canary_rollout {

struct LiveStep {
  bool is_shadow = false;
  Share share = {};
  Duration min_duration = {};
  Duration max_duration = {};
  std::int32_t min_samples = 0;
  std::optional<std::string> sticky_header = {};  // The share is of users, whom it names.

  [[nodiscard]] api::TrafficMode mode() const {
    return is_shadow ? api::TrafficMode::kShadow : api::TrafficMode::kSplit;
  }

  // Of the users.
  [[nodiscard]] Share weight() const { return is_shadow ? Share{} : share; }
};

// What the new stable has of the users while it is watched; the old stable, its control, the rest.
inline constexpr Share kWatchedShare{9500};

// Empty for a step that sends it none.
[[nodiscard]] std::optional<LiveStep> live_step(const api::Step& step);

// The policy judges live queries at all: in a step, or after the promotion.
[[nodiscard]] bool has_live_step(const api::ResolvedPolicy& policy);
[[nodiscard]] bool has_shadow_step(const api::ResolvedPolicy& policy);
// Of the last split: who was the candidate's there keeps it after the promotion too.
[[nodiscard]] std::optional<std::string> last_sticky_header(const api::ResolvedPolicy& policy);

}  // namespace sluice::canary_rollout
