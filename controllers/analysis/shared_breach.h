#pragma once
// Stable breaks the objective as well. Normally nobody is to blame: hold. But when it began soon
// after the candidate's weight went up, the candidate may be what harms stable (a shared database,
// evicted caches), which no comparison of the arms can show. Pure.

#include <optional>

namespace sluice::analysis {

struct SharedBreachPolicy {
  double lasts_seconds = 120;        // A breach longer than this …
  double after_raise_seconds = 600;  // … that began within this of a raise: roll back.
};

// Seconds on the rollout's clock.
struct SharedBreach {
  double now = 0;
  std::optional<double> breach_since = {};      // Empty: stable is within its objective.
  std::optional<double> weight_raised_at = {};  // Empty: never raised.
};

[[nodiscard]] bool candidate_may_harm_stable(const SharedBreach& breach,
                                             const SharedBreachPolicy& policy);

}  // namespace sluice::analysis
