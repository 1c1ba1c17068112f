#pragma once
// The conditions of a CanaryRollout: Ready, Progressing, Paused, RolledBack, DataStale,
// TrafficUnconfirmed. Internal to the core.
//   Ready               the policy is valid and attached to its index
//   Progressing         a rollout is on its way; the reason says where, or why it holds
//   Paused              a person holds it, or it waits for one; the message has the command to type
//   RolledBack          the last candidate was rolled back or refused; the reason says why
//   DataStale           there is no usable data to judge the candidate by
//   TrafficUnconfirmed  a router has not confirmed its table in time

#include <string_view>

#include "controllers/canary_rollout/turn.h"

namespace sluice::canary_rollout {

inline constexpr std::string_view kReady = "Ready";
inline constexpr std::string_view kProgressingCondition = "Progressing";
inline constexpr std::string_view kPausedCondition = "Paused";
inline constexpr std::string_view kRolledBackCondition = "RolledBack";
inline constexpr std::string_view kDataStale = "DataStale";
inline constexpr std::string_view kTrafficUnconfirmed = "TrafficUnconfirmed";

struct ConditionText {
  std::string_view reason;
  std::string_view message;
};

void set_condition(Turn& turn, std::string_view type, bool is_true, const ConditionText& text);

// The reason of a condition; empty when there is no such condition.
[[nodiscard]] std::string_view condition_reason(const Turn& turn, std::string_view type);

// Progressing=True with a reason: the rollout is on its way.
void set_progressing(Turn& turn, std::string_view reason, std::string_view message);
// Progressing=False: it holds, or there is nothing on its way.
void set_not_progressing(Turn& turn, std::string_view reason, std::string_view message);

// Adds the conditions that are missing and brings TrafficUnconfirmed up to date.
void complete_conditions(Turn& turn);

}  // namespace sluice::canary_rollout
