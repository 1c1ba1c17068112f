#pragma once
// Turn: one call of decide() under way. Internal to the core. The phase functions read `seen` and
// change `decision`; helpers below say what several of them need.

#include <optional>
#include <string>
#include <string_view>

#include "controllers/canary_rollout/decision.h"
#include "controllers/canary_rollout/observation.h"

namespace sluice::canary_rollout {

struct Turn {
  const Observation& seen;
  WallTime now;     // As fine as the clock, for measured times.
  WallTime second;  // Cut to seconds, for all else that is stored.
  // Of the rollout in progress; empty while there is none or it is not in our cache yet.
  std::optional<api::ResolvedPolicy> policy = {};
  Decision decision = {};

  [[nodiscard]] api::CanaryRolloutStatus& status() { return decision.status; }

  [[nodiscard]] const api::CanaryRolloutStatus& status() const { return decision.status; }

  // CHECKs that the guards have found an index.
  [[nodiscard]] const api::RagIndex& index() const;
  // Null when the index has none.
  [[nodiscard]] const api::CandidateStatus* candidate() const;
  [[nodiscard]] const api::RouteStatus* route() const;
};

// "packages-4f1c…" or, while it has no name yet, its config hash.
[[nodiscard]] std::string candidate_text(const api::CanaryRolloutStatus& status);

// New documents have stable's config and are tried under the index's `refresh`.
[[nodiscard]] bool is_data_candidate(const Turn& turn);
// The candidate fails on purpose: it must not become stable.
[[nodiscard]] bool is_drill(const Turn& turn);

// The index's candidate is the one that the status speaks of.
[[nodiscard]] bool is_our_candidate(const Turn& turn);
// The index made our candidate its stable revision: the commit point of a rollout.
[[nodiscard]] bool is_committed(const Turn& turn);

// The old stable that the index keeps beside ours since it committed; null where it keeps none.
[[nodiscard]] const api::PreviousStatus* control_of(const Turn& turn);

// The route is confirmed by all routers and gives no candidate any traffic, or there is no route.
[[nodiscard]] bool is_traffic_off(const Turn& turn);
// All routers confirm exactly what the status desires.
[[nodiscard]] bool is_split_confirmed(const Turn& turn);

// Changes what the index is asked for; the sequence number grows if anything did change. The share
// is that of the mode: of copies in Shadow, else of users.
void ask_for(Turn& turn,
             api::TrafficMode mode,
             Share share,
             std::optional<std::string> sticky_header = {});
// The same again, of the candidate as the index knows it now.
void ask_again(Turn& turn);

// The candidate is asked copies of stable's queries.
[[nodiscard]] bool is_in_shadow(const Turn& turn);

// Look again no later than `delay` from now (never sooner than 50 ms).
void look_again_in(Turn& turn, Duration delay);

void announce(Turn& turn, bool is_warning, std::string_view reason, std::string_view note);

// At most `bytes` bytes, cut between characters. Everything stored has a bound in the schema: a
// status that the API server refuses would stop the rollout.
[[nodiscard]] std::string bounded(std::string_view text, std::size_t bytes);
inline constexpr std::size_t kTextMax = 2048;
inline constexpr std::size_t kNameMax = 253;

// NaN and infinities become 0: JSON has neither, and a null would not read back.
[[nodiscard]] double finite(double value);

}  // namespace sluice::canary_rollout
