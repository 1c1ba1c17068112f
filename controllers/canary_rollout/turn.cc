#include "controllers/canary_rollout/turn.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/mutant.h"
#include "base/utf8.h"
#include "controllers/canary_rollout/decide.h"

namespace sluice::canary_rollout {
namespace {

constexpr Duration kShortestWait = std::chrono::milliseconds(50);

}  // namespace

const api::RagIndex& Turn::index() const {
  CHECK(seen.index.has_value());
  return *seen.index;
}

const api::CandidateStatus* Turn::candidate() const {
  const auto& candidate = index().status.candidate;
  return candidate ? &*candidate : nullptr;
}

const api::RouteStatus* Turn::route() const {
  const auto& route = index().status.route;
  return route ? &*route : nullptr;
}

std::string candidate_text(const api::CanaryRolloutStatus& status) {
  return status.candidate_revision.empty() ? "config " + status.candidate_config
                                           : status.candidate_revision;
}

bool is_in_progress(api::RolloutPhase phase) {
  switch (phase) {
    case api::RolloutPhase::kPending:
    case api::RolloutPhase::kEvaluating:
    case api::RolloutPhase::kProgressing:
    case api::RolloutPhase::kPaused:
    case api::RolloutPhase::kPromoting:
    case api::RolloutPhase::kWatching:
    case api::RolloutPhase::kRollingBack:
      return true;
    case api::RolloutPhase::kIdle:
    case api::RolloutPhase::kPromoted:
    case api::RolloutPhase::kRolledBack:
    case api::RolloutPhase::kSuperseded:
    case api::RolloutPhase::kInvalid:
      return false;
  }
  return false;
}

bool is_data_candidate(const Turn& turn) {
  return turn.candidate() != nullptr && turn.candidate()->documents;
}

bool is_drill(const Turn& turn) {
  return turn.index().spec.drill && !is_data_candidate(turn);
}

bool is_our_candidate(const Turn& turn) {
  const api::CandidateStatus* candidate = turn.candidate();
  const api::CanaryRolloutStatus& status = turn.status();
  if (candidate == nullptr || !status.candidate_since) {
    return false;
  }
  const bool may_be_named_so = status.candidate_revision.empty() || candidate->revision.empty() ||
                               candidate->revision == status.candidate_revision;
  return candidate->config_hash == status.candidate_config &&
         candidate->since == *status.candidate_since && may_be_named_so;
}

bool is_committed(const Turn& turn) {
  const std::string& revision = turn.status().candidate_revision;
  return !revision.empty() && turn.index().status.stable_revision == revision;
}

const api::PreviousStatus* control_of(const Turn& turn) {
  const auto& previous = turn.index().status.previous;
  const bool is_ours =
      previous && is_committed(turn) && turn.status().candidate_since == previous->candidate_since;
  return is_ours ? &*previous : nullptr;
}

bool is_traffic_off(const Turn& turn) {
  const api::RouteStatus* route = turn.route();
  return route == nullptr ||
         (route->confirmed && (route->candidate_revision.empty() ||
                               (route->weight == Share{} && route->shadow == Share{})));
}

bool is_split_confirmed(const Turn& turn) {
  const api::RouteStatus* route = turn.route();
  const api::DesiredTraffic& desired = turn.status().desired;
  return route != nullptr && route->confirmed && route->desired_seq == desired.seq &&
         route->candidate_revision == desired.candidate && route->weight == desired.weight &&
         route->shadow == desired.shadow_percent;
}

bool is_in_shadow(const Turn& turn) {
  return turn.status().desired.mode == api::TrafficMode::kShadow;
}

void ask_again(Turn& turn) {
  const api::DesiredTraffic& desired = turn.status().desired;
  ask_for(turn,
          desired.mode,
          is_in_shadow(turn) ? desired.shadow_percent : desired.weight,
          desired.sticky_header);
}

void ask_for(Turn& turn,
             api::TrafficMode mode,
             Share share,
             std::optional<std::string> sticky_header) {
  api::DesiredTraffic& desired = turn.status().desired;
  api::DesiredTraffic next = desired;
  next.index_uid = turn.index().metadata.uid;
  if (const api::CandidateStatus* candidate = turn.candidate();
      candidate != nullptr && is_our_candidate(turn)) {
    next.index_generation = candidate->generation;
  }
  next.candidate = turn.status().candidate_revision;
  next.mode = mode;
  const bool is_shadow = mode == api::TrafficMode::kShadow;
  next.weight = is_shadow ? Share{} : share;
  next.shadow_percent = is_shadow ? share : Share{};
  next.sticky_header = std::move(sticky_header);
  if (next != desired) {
    next.seq += is_planted(Mutant::kSeqKept) ? 0 : 1;
    desired = std::move(next);
  }
}

void look_again_in(Turn& turn, Duration delay) {
  const Duration wait = std::max(delay, kShortestWait);
  auto& look_again = turn.decision.look_again;
  look_again = look_again ? std::min(*look_again, wait) : wait;
}

void announce(Turn& turn, bool is_warning, std::string_view reason, std::string_view note) {
  turn.decision.actions.emplace_back(Announce{.is_warning = is_warning,
                                              .reason = std::string(reason),
                                              .action = "Rollout",
                                              .note = bounded(note, 1024)});
}

std::string bounded(std::string_view text, std::size_t bytes) {
  return std::string(cut_utf8(text, bytes));
}

double finite(double value) {
  return std::isfinite(value) ? value : 0;
}

}  // namespace sluice::canary_rollout
