#pragma once
// Query: one logical query of a user, from its arrival to its last attempt's end, and what the lane
// wants done about it. Plain values, kept by the shell between two calls of Lane.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/time.h"
#include "dataplane/router/core/comparison.h"
#include "dataplane/router/core/endpoints.h"
#include "dataplane/router/core/tally.h"

namespace sluice::router {

// Whom an attempt asks. A twin is another worker of stable's that is asked a copy.
enum class Arm { kStable, kCandidate, kTwin };

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
  std::optional<Ranking> ranking = {};  // Of an answer that is to be compared.
  MonotonicTime started = {};
  MonotonicTime deadline = {};
  MonotonicTime ended = {};
};

// First, two more at stable, and the candidate's in a pair or a copy.
inline constexpr std::size_t kAttemptsMax = 4;
using Slot = std::size_t;

// The copy of a stable query, asked beside it; what comes of it is counted and shown to nobody.
struct Copy {
  Arm arm = Arm::kCandidate;  // Or kTwin.
  std::size_t bytes = 0;      // Kept for it.
  PairTally* pair = nullptr;
  ArmCounts* stable_counts = nullptr;  // Of pairs with the candidate.
  ArmCounts* candidate_counts = nullptr;
  bool is_counted = false;
};

enum class UserState { kWaiting, kStreaming, kAnswered, kRefused, kGone };

struct Query {
  QueryKind kind = QueryKind::kStable;
  MonotonicTime started = {};
  MonotonicTime deadline = {};
  MonotonicTime settled = {};  // When the user was served.
  MonotonicTime hedge_at = {};
  // The client allowed less time than the table: a timeout says nothing about the revision.
  bool is_hurried = false;
  bool is_counted = false;  // But for its copy.
  UserState user = UserState::kWaiting;
  std::optional<Slot> answered_by = {};
  std::array<Attempt, kAttemptsMax> attempts = {};
  std::size_t attempt_count = 0;
  int retries = 0;
  ArmCounts* stable_counts = nullptr;     // Of a stable query or a pair.
  ArmCounts* candidate_counts = nullptr;  // Of a candidate query or a pair.
  std::optional<Copy> copy = {};
};

[[nodiscard]] bool is_settled(const Query& query);
[[nodiscard]] bool is_running(const Query& query, Slot slot);
// The user is never given what is said to a copy, or by the candidate in a pair.
[[nodiscard]] bool is_for_user(const Query& query, const Attempt& attempt);
[[nodiscard]] bool is_copy(const Query& query, Arm arm);
// The attempt by which an arm of a query is counted; null when there was none.
[[nodiscard]] const Attempt* first_of(const Query& query, Arm arm);
// It came too late for a client that allowed less time than the table.
[[nodiscard]] bool counts_against_nobody(const Query& query, const Attempt& attempt);
// Its counts tell nothing about the revisions: the client left, or gave them too little time. Pairs
// count both arms or neither.
[[nodiscard]] bool is_void(const Query& query);

// How an attempt ended. No failure: an answer for the user.
struct AttemptEnd {
  std::optional<FailureClass> failure = {};
  bool has_response = false;
  bool is_empty = false;
  std::optional<std::string_view> hits =
      {};  // X-Sluice-Hits, if it is there. Read during the call.
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
