#include "controllers/canary_rollout/pauses.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/mutant.h"
#include "controllers/canary_rollout/conditions.h"
#include "controllers/canary_rollout/decide.h"
#include "controllers/canary_rollout/transitions.h"
#include "crds/names.h"

namespace sluice::canary_rollout {
namespace {

Duration at_least_zero(Duration duration) {
  return std::max(duration, Duration::zero());
}

api::PauseStatus pause_of(const Turn& turn) {
  return turn.status().pause.value_or(api::PauseStatus{});
}

// Held by the present hold, up to now.
Duration held_now(const Turn& turn) {
  const auto since = pause_of(turn).since;
  return since ? at_least_zero(turn.now - *since) : Duration::zero();
}

api::PauseStatus& make_pause(Turn& turn) {
  auto& pause = turn.status().pause;
  return pause ? *pause : pause.emplace();
}

// Puts the time of a hold away that is over.
void close_hold(Turn& turn) {
  auto& pause = turn.status().pause;
  if (!pause || !pause->since) {
    return;
  }
  const Duration held = at_least_zero(turn.second - *pause->since);
  pause->in_step += held;
  pause->in_rollout += held;
  pause->since.reset();
}

// The pause step that the rollout is in; null while it waits for a promotion.
const api::PauseStep* present_pause(const Turn& turn) {
  CHECK(turn.status().phase == api::RolloutPhase::kPaused && turn.policy.has_value());
  if (awaits_promotion(turn)) {
    return nullptr;
  }
  const auto& pause = turn.policy->steps.at(static_cast<std::size_t>(turn.status().step_index));
  CHECK(pause.pause.has_value());
  return &*pause.pause;
}

std::string why_held(const Turn& turn) {
  const kube::ObjectMeta& meta = turn.seen.rollout.metadata;
  const std::string where = turn.status().step_summary;
  if (turn.seen.rollout.spec.paused) {
    return fmt::format(
        "spec.paused holds it in step {}; to go on: kubectl patch cro/{} -n {} --type=merge "
        "-p '{{\"spec\":{{\"paused\":false}}}}'",
        where,
        meta.name,
        meta.namespace_name);
  }
  return fmt::format("the command {} holds it in step {}; to go on: {}",
                     pause_of(turn).command,
                     where,
                     command_line(turn, "resume"));
}

std::string_view reason_of(const Turn& turn) {
  if (is_held(turn)) {
    return turn.seen.rollout.spec.paused ? "SpecPaused" : "PausedByCommand";
  }
  if (turn.status().phase == api::RolloutPhase::kPaused) {
    return awaits_promotion(turn) ? "AwaitingPromotion" : "PauseStep";
  }
  return {};
}

void show(Turn& turn) {
  const std::string_view reason = reason_of(turn);
  const std::string_view before = condition_reason(turn, kPausedCondition);
  if (!reason.empty()) {
    const std::string message = what_person_must_do(turn);
    if (before != reason) {
      announce(turn, false, "Paused", message);
    }
    set_condition(turn, kPausedCondition, true, {.reason = reason, .message = message});
    return;
  }
  const bool was_held = before == "SpecPaused" || before == "PausedByCommand";
  if (was_held && is_in_progress(turn.status().phase)) {
    announce(turn, false, "Resumed", "nobody holds the rollout any more");
  }
  set_condition(turn, kPausedCondition, false, {.reason = "NotPaused", .message = ""});
}

}  // namespace

bool is_held(const Turn& turn) {
  const api::RolloutPhase phase = turn.status().phase;
  const bool has_steps_left = is_in_progress(phase) && phase != api::RolloutPhase::kPromoting &&
                              phase != api::RolloutPhase::kRollingBack;
  return has_steps_left && !is_planted(Mutant::kPauseIgnored) &&
         (turn.seen.rollout.spec.paused || !pause_of(turn).command.empty());
}

bool awaits_promotion(const Turn& turn) {
  const api::CanaryRolloutStatus& status = turn.status();
  return status.phase == api::RolloutPhase::kPaused && status.step_index >= status.step_count;
}

Duration time_in_step(const Turn& turn) {
  const WallTime started = turn.status().step_started_at.value_or(turn.now);
  return at_least_zero(turn.now - started - pause_of(turn).in_step - held_now(turn));
}

Duration time_in_rollout(const Turn& turn) {
  const WallTime started = turn.status().started_at.value_or(turn.now);
  return at_least_zero(turn.now - started - pause_of(turn).in_rollout - held_now(turn));
}

std::string command_line(const Turn& turn, std::string_view verb) {
  const kube::ObjectMeta& meta = turn.seen.rollout.metadata;
  const api::CanaryRolloutStatus& status = turn.status();
  const std::string& candidate =
      status.candidate_revision.empty() ? status.candidate_config : status.candidate_revision;
  // With its step, so that an approve that comes late does not end the next pause.
  const std::string step = verb == "approve" ? fmt::format(":{}", status.step_index) : "";
  return fmt::format("kubectl annotate cro/{} -n {} --overwrite {}=\"{} {}{} $USER-$(date +%s)\"",
                     meta.name,
                     meta.namespace_name,
                     api::kCommandAnnotation,
                     verb,
                     candidate,
                     step);
}

std::string what_person_must_do(const Turn& turn) {
  const api::CanaryRolloutStatus& status = turn.status();
  if (is_held(turn)) {
    return bounded(why_held(turn), kTextMax);
  }
  if (status.phase != api::RolloutPhase::kPaused) {
    return {};
  }
  const bool is_last = awaits_promotion(turn);
  const std::string waits =
      is_last ? "all steps are passed and promotion is Manual; to make it stable: "
              : fmt::format("step {} waits for a person; to go on: ", status.step_summary);
  return bounded(fmt::format("{}{}; to go back: {}",
                             waits,
                             command_line(turn, is_last ? "promote" : "approve"),
                             command_line(turn, "abort")),
                 kTextMax);
}

void end_late_pause(Turn& turn, bool may_advance) {
  const api::PauseStep* pause = present_pause(turn);
  if (pause == nullptr || !pause->max_duration || is_held(turn)) {
    return;
  }
  const Duration left = *pause->max_duration - time_in_step(turn);
  if (left > Duration::zero()) {
    look_again_in(turn, left);
    return;
  }
  Finding finding{.verdict = "Held",
                  .reason = "Inconclusive",
                  .message = "nobody approved within " + format_duration(*pause->max_duration)};
  const api::Inconclusive policy = turn.policy->analysis.inconclusive;
  if (policy == api::Inconclusive::kRollback) {
    finding.verdict = "RolledBack";
    roll_back(turn, finding);
  } else if (policy == api::Inconclusive::kAdvance && may_advance) {
    finding.verdict = "Advanced";
    advance(turn, finding);
  } else if (condition_reason(turn, kProgressingCondition) != finding.reason) {
    record(turn, finding);
    announce(turn, true, finding.reason, finding.message);
    set_not_progressing(turn, finding.reason, finding.message);
  }
}

void leave_pauses(Turn& turn) {
  close_hold(turn);
  if (turn.status().phase == api::RolloutPhase::kPaused) {
    make_pause(turn).in_rollout += std::chrono::floor<std::chrono::seconds>(time_in_step(turn));
  }
  if (turn.status().pause) {
    turn.status().pause->in_step = {};
  }
}

void follow_pauses(Turn& turn) {
  if (!is_in_progress(turn.status().phase)) {
    turn.status().pause.reset();
  } else if (is_held(turn)) {
    api::PauseStatus& pause = make_pause(turn);
    pause.since = pause.since.value_or(turn.second);
  } else {
    close_hold(turn);
  }
  show(turn);
}

}  // namespace sluice::canary_rollout
