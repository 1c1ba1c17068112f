#pragma once
// Query: one logical query of a user, from its arrival to its last attempt's end, and what the lane
// wants done about it. Plain values, kept by the shell between two calls of Lane.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/time.h"
#include "dataplane/router/core/endpoints.h"
#include "dataplane/router/core/tally.h"

namespace sluice::router {

enum class Arm { kStable, kCandidate };

// Which arm a query was given to. A pair is a candidate's query under quarantine: the user gets
// stable's answer, the candidate is asked as well, and both are counted.
enum class QueryKind { kStable, kCandidate, kPair };

enum class AttemptState { kRunning, kAnswered, kFailed, kCancelled };

struct Attempt {
  EndpointPointer endpoint = {};
  Arm arm = Arm::kStable;
  AttemptState state = AttemptState::kRunning;
  FailureClass failure = FailureClass::kConnect;  // Of a failed one.
  bool has_response = false;  // Failed, but with an answer that could be passed on.
  bool is_empty = false;
  MonotonicTime deadline = {};
  MonotonicTime ended = {};
};

// First, two more at stable, and the candidate's in a pair.
inline constexpr std::size_t kAttemptsMax = 4;
using Slot = std::size_t;

enum class UserState { kWaiting, kStreaming, kAnswered, kRefused, kGone };

struct Query {
  QueryKind kind = QueryKind::kStable;
  MonotonicTime started = {};
  MonotonicTime deadline = {};
  MonotonicTime settled = {};  // When the user was served.
  MonotonicTime hedge_at = {};
  // The client allowed less time than the table: a timeout says nothing about the revision.
  bool is_hurried = false;
  bool is_counted = false;
  UserState user = UserState::kWaiting;
  std::optional<Slot> answered_by = {};
  std::array<Attempt, kAttemptsMax> attempts = {};
  std::size_t attempt_count = 0;
  int retries = 0;
  ArmCounts* stable_counts = nullptr;     // Of a stable query or a pair.
  ArmCounts* candidate_counts = nullptr;  // Of a candidate query or a pair.
};

// How an attempt ended. No failure: an answer for the user.
struct AttemptEnd {
  std::optional<FailureClass> failure = {};
  bool has_response = false;
  bool is_empty = false;
};

// What the user is told when no attempt has an answer.
enum class Refusal { kNoUpstream, kUpstreamFailed, kDeadline };

// For the quarantine board. The name lives as long as its query.
struct Sample {
  std::string_view revision = {};
  bool has_failed = false;
};

// What the shell is to do, in this order.
struct Actions {
  std::array<Slot, kAttemptsMax> start = {};
  std::size_t start_count = 0;
  std::array<Slot, kAttemptsMax> cancel = {};
  std::size_t cancel_count = 0;
  std::optional<Slot> answer = {};     // Send this attempt's response to the user.
  std::optional<Refusal> refuse = {};  // Or this.
  std::array<Sample, 2> samples = {};
  std::size_t sample_count = 0;
};

}  // namespace sluice::router
