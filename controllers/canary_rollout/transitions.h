#pragma once
// How a rollout moves from one phase to another: each function changes the status once, keeps a
// decision record, and tells people. Internal to the core.

#include <string>
#include <string_view>

#include "controllers/canary_rollout/turn.h"

namespace sluice::canary_rollout {

// What was decided and why, as a record keeps it.
struct Finding {
  std::string verdict = {};    // RolledBack, Refused, Advanced, Promoted, Held, Superseded.
  std::string reason = {};     // One CamelCase word.
  std::string objective = {};  // The objective that failed, if one did.
  std::string message = {};
  std::string one_line = {};  // For `kubectl get`; empty: reason and message.
  std::string inputs = "{}";  // JSON.
};

// Adds to status.decisions; the oldest of more than ten goes.
void record(Turn& turn, const Finding& finding);

// A candidate that the status does not speak of yet: everything of the last one is put away.
void begin_rollout(Turn& turn, const api::ResolvedPolicy& policy);

// Enters a step of the policy. For a split step this asks for its weight.
void enter_step(Turn& turn, std::int32_t step_index);

// Into this step of the policy, or past the last: its promotion, the wait for a person who asks for
// that, or the end of a drill.
void enter_step_or_promote(Turn& turn, std::int32_t step_index);

// The present step is passed: the next one.
void advance(Turn& turn, const Finding& finding);

// The candidate becomes stable, whatever steps are left: the index is asked for it.
void promote(Turn& turn);

// The candidate failed. Weight 0 is asked for in the same write; where it never had traffic, that
// is the end.
void roll_back(Turn& turn, const Finding& finding);

// The end of a rollback: weight 0 is confirmed, or there never was any.
void conclude_rollback(Turn& turn);

// The index let the candidate go, or somebody else's policy rules: nothing is remembered against
// it.
void supersede(Turn& turn, const Finding& finding);

// The index has committed to the candidate and keeps the old stable: they are compared further.
void begin_watch(Turn& turn);

// The index has committed to the candidate and keeps nothing beside it, or need not any longer.
void conclude_promotion(Turn& turn,
                        std::string_view reason = "Committed",
                        std::string_view why = "");

// Everything that spoke of an index that is gone is forgotten.
void forget_index(Turn& turn);

// "2/3 split 10%"; past the last step "3/3 promotion".
[[nodiscard]] std::string step_summary(const api::ResolvedPolicy& policy, std::int32_t step_index);

}  // namespace sluice::canary_rollout
