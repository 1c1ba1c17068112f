#pragma once
// Pauses: what waits for a person. A pause step and the wait for a promotion are steps of the
// rollout; spec.paused and the pause command hold it wherever it is. In all of them the weight
// stays, and what rolls back goes on: liveness, quarantine and evidence. Internal to the core.

#include <string>
#include <string_view>

#include "controllers/canary_rollout/turn.h"

namespace sluice::canary_rollout {

// spec.paused or a pause command keeps the rollout where it is: no step ends, no weight rises.
[[nodiscard]] bool is_held(const Turn& turn);
// All steps are passed and the policy leaves the promotion to a person.
[[nodiscard]] bool awaits_promotion(const Turn& turn);

// Time since the start of the step or the rollout, less what a person held; the rollout's also less
// what it spent in pause steps.
[[nodiscard]] Duration time_in_step(const Turn& turn);
[[nodiscard]] Duration time_in_rollout(const Turn& turn);

// The command, ready to be typed: "kubectl annotate cro/… sluice.dev/command=…".
[[nodiscard]] std::string command_line(const Turn& turn, std::string_view verb);
// What the rollout waits for and who ends that how; empty when it waits for nobody.
[[nodiscard]] std::string what_person_must_do(const Turn& turn);

// A pause step that nobody approved in its time: analysis.inconclusive decides. Advance only where
// `may_advance` says that nothing speaks against the candidate. CHECKs the phase.
void end_late_pause(Turn& turn, bool may_advance);

// The present step is left: its held time is put away with the rollout's.
void leave_pauses(Turn& turn);

// Brings status.pause and the condition Paused up to date, and tells people when it changed.
void follow_pauses(Turn& turn);

}  // namespace sluice::canary_rollout
