#include "dataplane/router/core/query.h"

namespace sluice::router {

bool is_settled(const Query& query) {
  return query.user != UserState::kWaiting && query.user != UserState::kStreaming;
}

bool is_running(const Query& query, Slot slot) {
  return slot < query.attempt_count && query.attempts[slot].state == AttemptState::kRunning;
}

bool is_for_user(const Query& query, const Attempt& attempt) {
  return attempt.arm == Arm::kStable ||
         (attempt.arm == Arm::kCandidate && query.kind == QueryKind::kCandidate);
}

bool is_copy(const Query& query, Arm arm) {
  return arm == Arm::kTwin || (arm == Arm::kCandidate && query.kind == QueryKind::kStable);
}

const Attempt* first_of(const Query& query, Arm arm) {
  for (Slot slot = 0; slot < query.attempt_count; ++slot) {
    if (query.attempts[slot].arm == arm) {
      return &query.attempts[slot];
    }
  }
  return nullptr;
}

bool counts_against_nobody(const Query& query, const Attempt& attempt) {
  const bool is_late =
      attempt.state == AttemptState::kCancelled ||
      (attempt.state == AttemptState::kFailed && attempt.failure == FailureClass::kTimeout);
  return query.is_hurried && is_late;
}

bool is_void(const Query& query) {
  if (query.user == UserState::kGone) {
    return true;
  }
  const Attempt* stable = first_of(query, Arm::kStable);
  const Attempt* candidate = first_of(query, Arm::kCandidate);
  const bool is_stables = query.kind != QueryKind::kCandidate;
  const bool is_candidates = query.kind != QueryKind::kStable;
  return (is_stables && stable != nullptr && counts_against_nobody(query, *stable)) ||
         (is_candidates && candidate != nullptr && counts_against_nobody(query, *candidate));
}

}  // namespace sluice::router
