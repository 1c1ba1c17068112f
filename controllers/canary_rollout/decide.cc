#include "controllers/canary_rollout/decide.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/mutant.h"
#include "controllers/canary_rollout/commands.h"
#include "controllers/canary_rollout/conditions.h"
#include "controllers/canary_rollout/pauses.h"
#include "controllers/canary_rollout/phases.h"
#include "controllers/canary_rollout/policy.h"
#include "controllers/canary_rollout/transitions.h"

namespace sluice::canary_rollout {
namespace {

// A policy that was stored a moment ago may not be in our cache yet.
constexpr Duration kPolicyGrace = std::chrono::seconds(30);

// By the index's refresh policy new documents pass gates instead of walking the steps.
SpecPolicy policy_for_candidate(const Turn& turn) {
  const api::RagIndexSpec& index = turn.index().spec;
  const bool is_gated = is_data_candidate(turn) &&
                        index.refresh.value_or(api::Refresh{}).policy == api::RefreshPolicy::kGate;
  const api::CanaryRolloutSpec& spec = turn.seen.rollout.spec;
  return is_gated ? resolve_gates(spec, index) : resolve_policy(spec, index);
}

// The index as seen is older than what the status was decided on: a cache of another age.
bool is_index_stale(const Turn& turn) {
  const api::CanaryRolloutStatus& status = turn.status();
  return status.index_uid == turn.index().metadata.uid &&
         turn.index().metadata.generation < status.desired.index_generation &&
         !is_planted(Mutant::kStaleIndexJudged);
}

// Whether this policy is the one that the index follows. Ready says which.
bool is_attached(Turn& turn, const SpecPolicy& spec_policy) {
  const api::RagIndexStatus& index = turn.index().status;
  if (!index.policy_uid.empty() && index.policy_uid != turn.seen.rollout.metadata.uid) {
    const std::string message =
        fmt::format("the index follows the CanaryRollout {}; this one waits until it is deleted",
                    index.policy_name);
    set_condition(turn, kReady, false, {.reason = "AnotherPolicyAttached", .message = message});
    return false;
  }
  if (!spec_policy) {
    set_condition(
        turn, kReady, false, {.reason = "InvalidPolicy", .message = spec_policy.error().message});
  } else if (index.policy_uid.empty()) {
    set_condition(turn,
                  kReady,
                  false,
                  {.reason = "AwaitingAttachment", .message = "the index has not taken it up yet"});
  } else {
    set_condition(turn, kReady, true, {.reason = "Attached", .message = ""});
  }
  return true;
}

void on_foreign_index(Turn& turn) {
  if (is_in_progress(turn.status().phase)) {
    supersede(turn,
              {.verdict = "Superseded",
               .reason = "AnotherPolicyAttached",
               .message = "the index follows another policy now"});
  } else if (turn.status().phase == api::RolloutPhase::kIdle) {
    turn.status().message = "the index follows another policy";
  }
}

// As it was stored at the rollout's start; false when it is not there.
bool load_stored_policy(Turn& turn) {
  for (const StoredPolicy& stored : turn.seen.policies) {
    if (stored.name == turn.status().policy_revision && stored.policy &&
        check_policy(*stored.policy)) {
      turn.policy = stored.policy;
      return true;
    }
  }
  return false;
}

// The policy of the rollout in progress, as it was stored at its start. False when there is nothing
// to go by: just stored (wait), or removed by somebody (then the rollout cannot go on).
bool load_policy(Turn& turn, const SpecPolicy& spec_policy) {
  if (is_planted(Mutant::kEditCountsAtOnce) && spec_policy) {
    turn.policy = *spec_policy;
    return true;
  }
  if (load_stored_policy(turn)) {
    return true;
  }
  const api::CanaryRolloutStatus& status = turn.status();
  const std::string& rollout = turn.seen.rollout.metadata.name;
  if (spec_policy && policy_name(rollout, *spec_policy) == status.policy_revision) {
    turn.policy = *spec_policy;
    // Stored again in case it was removed; this changes nothing if our cache is only late.
    turn.decision.actions.emplace_back(
        StorePolicy{.name = status.policy_revision, .policy = *spec_policy});
    return true;
  }
  return false;
}

void on_lost_policy(Turn& turn) {
  const WallTime started = turn.status().started_at.value_or(WallTime{});
  if (turn.now - started < kPolicyGrace) {
    look_again_in(turn, std::chrono::seconds(1));
    return;
  }
  if (turn.status().phase == api::RolloutPhase::kWatching) {
    // It has passed every step: what cannot be judged any further stays.
    conclude_promotion(turn, "PolicyLost", "the stored policy of its rollout is gone");
    return;
  }
  roll_back(turn,
            {.verdict = "RolledBack",
             .reason = "PolicyLost",
             .message = fmt::format("the stored policy {} of this rollout is gone",
                                    turn.status().policy_revision)});
}

// The index made our candidate stable. Returns whether that moved the rollout on.
bool was_committed(Turn& turn) {
  const bool is_watched = turn.status().phase == api::RolloutPhase::kWatching;
  if (control_of(turn) == nullptr && is_watched) {
    conclude_promotion(turn, "WatchEnded", "the index keeps the old stable no longer");
    return true;
  }
  if (control_of(turn) == nullptr) {
    conclude_promotion(turn);
    return true;
  }
  if (!is_watched) {
    // How its users were split stands there; without it they are split by chance.
    static_cast<void>(load_stored_policy(turn));
    begin_watch(turn);
  }
  return !is_watched;
}

// Whether the index let our candidate go. If so the rollout ends here.
bool was_let_go(Turn& turn) {
  const api::CanaryRolloutStatus& status = turn.status();
  if (status.phase == api::RolloutPhase::kRollingBack || is_our_candidate(turn)) {
    return false;
  }
  if (is_committed(turn)) {
    return was_committed(turn);
  }
  if (status.phase == api::RolloutPhase::kWatching) {
    supersede(turn,
              {.verdict = "Superseded",
               .reason = "Returned",
               .message = turn.index().status.stable_revision + " is the stable revision again"});
    return true;
  }
  const api::CandidateStatus* next = turn.candidate();
  supersede(turn,
            {.verdict = "Superseded",
             .reason = next == nullptr ? "CandidateLetGo" : "NewerCandidate",
             .message = next == nullptr
                            ? "the index let the candidate go: its spec asks for stable again, or "
                              "for yet another revision"
                            : fmt::format("generation {} of the index asks for another revision",
                                          next->generation)});
  return true;
}

// What the index says of our candidate since the last look: its name once it is known, and the
// generation that the index knows it by.
void follow_candidate(Turn& turn) {
  const api::CandidateStatus* candidate = turn.candidate();
  if (candidate == nullptr || !is_our_candidate(turn)) {
    return;
  }
  api::CanaryRolloutStatus& status = turn.status();
  if (status.candidate_revision.empty()) {
    status.candidate_revision = bounded(candidate->revision, kNameMax);
  }
  ask_again(turn);
}

// The index cannot build the candidate, or keep it. Returns whether that ended the rollout.
bool has_failed(Turn& turn) {
  const api::CandidateStatus* candidate = turn.candidate();
  const api::RolloutPhase phase = turn.status().phase;
  if (candidate == nullptr || candidate->phase != api::CandidatePhase::kFailed ||
      phase == api::RolloutPhase::kRollingBack) {
    return false;
  }
  const bool is_build = phase == api::RolloutPhase::kPending;
  if (!candidate->failure.empty()) {
    roll_back(
        turn,
        {.verdict = "RolledBack", .reason = candidate->failure, .message = candidate->message});
    return true;
  }
  roll_back(
      turn,
      {.verdict = "RolledBack",
       .reason = is_build ? "BuildFailed" : "CandidateFailed",
       .message = (is_build ? "the candidate could not be built: " : "the candidate failed: ") +
                  candidate->message});
  return true;
}

void run_phase(Turn& turn, const SpecPolicy& spec_policy) {
  switch (turn.status().phase) {
    case api::RolloutPhase::kPending:
      on_pending(turn);
      return;
    case api::RolloutPhase::kEvaluating:
      on_evaluating(turn);
      return;
    case api::RolloutPhase::kProgressing:
      on_progressing(turn);
      return;
    case api::RolloutPhase::kPaused:
      on_paused(turn);
      return;
    case api::RolloutPhase::kPromoting:
      on_promoting(turn);
      return;
    case api::RolloutPhase::kWatching:
      on_watching(turn);
      return;
    case api::RolloutPhase::kRollingBack:
      on_rolling_back(turn);
      return;
    case api::RolloutPhase::kIdle:
    case api::RolloutPhase::kPromoted:
    case api::RolloutPhase::kRolledBack:
    case api::RolloutPhase::kSuperseded:
    case api::RolloutPhase::kInvalid:
      on_settled(turn, spec_policy);
      return;
  }
}

// A rollout in progress; true if it ended or was moved on by something else than its phase.
bool was_diverted(Turn& turn, const SpecPolicy& spec_policy) {
  const api::RolloutPhase before = turn.status().phase;
  if (!is_in_progress(before)) {
    return false;
  }
  if (was_let_go(turn)) {
    return true;
  }
  follow_candidate(turn);
  if (has_failed(turn)) {
    return true;
  }
  if (!load_policy(turn, spec_policy) && before != api::RolloutPhase::kRollingBack) {
    on_lost_policy(turn);
    return true;
  }
  return false;
}

void walk(Turn& turn) {
  api::CanaryRolloutStatus& status = turn.status();
  const api::RagIndex& index = turn.index();
  if (!status.index_uid.empty() && status.index_uid != index.metadata.uid) {
    forget_index(turn);
  }
  status.index_uid = index.metadata.uid;
  const api::PreviousStatus* control = control_of(turn);
  const bool is_compared = control != nullptr && status.phase != api::RolloutPhase::kPromoted;
  status.stable_revision = is_compared ? control->revision : index.status.stable_revision;
  const SpecPolicy spec_policy = policy_for_candidate(turn);
  if (!is_attached(turn, spec_policy)) {
    on_foreign_index(turn);
    static_cast<void>(handle_command(turn));
    return;
  }
  if (was_diverted(turn, spec_policy)) {
    return;
  }
  if (!handle_command(turn)) {
    run_phase(turn, spec_policy);
  }
}

void on_missing_index(Turn& turn) {
  const std::string message =
      fmt::format("there is no RagIndex {}", turn.seen.rollout.spec.index_ref.name);
  if (!turn.status().index_uid.empty()) {
    forget_index(turn);
  }
  turn.status().phase = api::RolloutPhase::kIdle;
  turn.status().message = message;
  set_condition(turn, kReady, false, {.reason = "IndexNotFound", .message = message});
  static_cast<void>(handle_command(turn));
}

void summarise(Turn& turn) {
  api::CanaryRolloutStatus& status = turn.status();
  status.desired_weight = status.desired.weight;
  const api::RouteStatus* route = turn.seen.index ? turn.route() : nullptr;
  if (route == nullptr) {
    status.observed_weight = Share{0};
  } else if (route->confirmed) {
    const bool is_ours = !status.candidate_revision.empty() &&
                         route->candidate_revision == status.candidate_revision;
    // Watched without its control it has all users.
    const bool is_alone = status.phase == api::RolloutPhase::kWatching &&
                          route->stable_revision == status.candidate_revision;
    status.observed_weight = is_ours ? route->weight : is_alone ? kWhole : Share{0};
  }
  status.weight_summary = fmt::format(
      "{}/{}", format_share(status.observed_weight), format_share(status.desired_weight));
  if (is_in_shadow(turn)) {
    const bool is_copied = route != nullptr && route->confirmed &&
                           route->candidate_revision == status.candidate_revision;
    status.weight_summary = fmt::format("shadow {}/{}",
                                        format_share(is_copied ? route->shadow : Share{}),
                                        format_share(status.desired.shadow_percent));
  }
  follow_pauses(turn);
  complete_conditions(turn);
}

}  // namespace

Decision decide(const Observation& seen, WallTime now) {
  Turn turn{.seen = seen, .now = now, .second = truncate_to_seconds(now)};
  turn.decision.status = seen.rollout.status;
  const bool is_going = seen.rollout.metadata.deletion_timestamp.has_value() ||
                        (seen.index && seen.index->metadata.deletion_timestamp.has_value());
  // What is being deleted goes by itself; what we know too little of waits for a newer look.
  if (is_going || (seen.index && is_index_stale(turn))) {
    return std::move(turn.decision);
  }
  turn.status().observed_generation = seen.rollout.metadata.generation;
  if (seen.index) {
    walk(turn);
  } else {
    on_missing_index(turn);
  }
  summarise(turn);
  return std::move(turn.decision);
}

}  // namespace sluice::canary_rollout
