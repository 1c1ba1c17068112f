#include "controllers/canary_rollout/conditions.h"

#include <array>
#include <string>

namespace sluice::canary_rollout {
namespace {

struct Missing {
  std::string_view type;
  std::string_view reason;
};

// What each says of a rollout that has not begun.
constexpr std::array kInitial{Missing{kProgressingCondition, "NoCandidate"},
                              Missing{kRolledBackCondition, "NotRolledBack"},
                              Missing{kDataStale, "NothingJudged"}};

void update_traffic_unconfirmed(Turn& turn) {
  const api::CanaryRolloutStatus& status = turn.status();
  if (turn.seen.index) {
    const kube::Condition* theirs =
        kube::find_condition(turn.index().status.conditions, kTrafficUnconfirmed);
    if (theirs != nullptr && theirs->status == kube::ConditionStatus::kTrue) {
      set_condition(
          turn, kTrafficUnconfirmed, true, {.reason = theirs->reason, .message = theirs->message});
      return;
    }
  }
  if (status.phase == api::RolloutPhase::kRollingBack && status.last_rollback &&
      status.last_rollback->verdict_at) {
    const Duration within =
        turn.policy ? turn.policy->rollback.within : api::RollbackOptions{}.within;
    const Duration waited = turn.now - *status.last_rollback->verdict_at;
    if (waited > within) {
      set_condition(turn,
                    kTrafficUnconfirmed,
                    true,
                    {.reason = "RollbackUnconfirmed",
                     .message = "weight 0 is not confirmed by every router within " +
                                format_duration(within)});
      return;
    }
    look_again_in(turn, within - waited + std::chrono::milliseconds(1));
  }
  set_condition(turn, kTrafficUnconfirmed, false, {.reason = "Confirmed", .message = ""});
}

}  // namespace

void set_condition(Turn& turn, std::string_view type, bool is_true, const ConditionText& text) {
  kube::set_condition(
      turn.status().conditions,
      {.type = std::string(type),
       .status = is_true ? kube::ConditionStatus::kTrue : kube::ConditionStatus::kFalse,
       .observed_generation = turn.seen.rollout.metadata.generation,
       .last_transition_time = turn.second,
       .reason = std::string(text.reason),
       .message = bounded(text.message, kTextMax)});
}

std::string_view condition_reason(const Turn& turn, std::string_view type) {
  const kube::Condition* condition = kube::find_condition(turn.status().conditions, type);
  return condition == nullptr ? std::string_view{} : std::string_view(condition->reason);
}

void set_progressing(Turn& turn, std::string_view reason, std::string_view message) {
  set_condition(turn, kProgressingCondition, true, {.reason = reason, .message = message});
}

void set_not_progressing(Turn& turn, std::string_view reason, std::string_view message) {
  set_condition(turn, kProgressingCondition, false, {.reason = reason, .message = message});
}

void complete_conditions(Turn& turn) {
  for (const Missing& missing : kInitial) {
    if (kube::find_condition(turn.status().conditions, missing.type) == nullptr) {
      set_condition(turn, missing.type, false, {.reason = missing.reason, .message = ""});
    }
  }
  update_traffic_unconfirmed(turn);
  for (kube::Condition& condition : turn.status().conditions) {
    condition.observed_generation = turn.seen.rollout.metadata.generation;
  }
}

}  // namespace sluice::canary_rollout
