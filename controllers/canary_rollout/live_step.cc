#include "controllers/canary_rollout/live_step.h"

#include <algorithm>

namespace sluice::canary_rollout {

std::optional<LiveStep> live_step(const api::Step& step) {
  if (step.shadow) {
    return LiveStep{.is_shadow = true,
                    .share = step.shadow->share,
                    .min_duration = step.shadow->min_duration,
                    .max_duration = step.shadow->max_duration,
                    .min_samples = step.shadow->min_samples};
  }
  if (step.split) {
    return LiveStep{.share = step.split->weight,
                    .min_duration = step.split->min_duration,
                    .max_duration = step.split->max_duration,
                    .min_samples = step.split->min_samples,
                    .sticky_header = step.split->sticky_by
                                         ? std::optional(step.split->sticky_by->header)
                                         : std::nullopt};
  }
  return std::nullopt;
}

bool has_live_step(const api::ResolvedPolicy& policy) {
  return policy.rollback.watch_after_promotion > Duration::zero() ||
         std::ranges::any_of(policy.steps,
                             [](const api::Step& step) { return live_step(step).has_value(); });
}

bool has_shadow_step(const api::ResolvedPolicy& policy) {
  return std::ranges::any_of(policy.steps,
                             [](const api::Step& step) { return step.shadow.has_value(); });
}

std::optional<std::string> last_sticky_header(const api::ResolvedPolicy& policy) {
  const auto last =
      std::ranges::find_if(policy.steps.rbegin(), policy.steps.rend(), [](const api::Step& step) {
        return step.split.has_value();
      });
  return last == policy.steps.rend() ? std::nullopt : live_step(*last)->sticky_header;
}

}  // namespace sluice::canary_rollout
