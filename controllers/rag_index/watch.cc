// After a promotion: the old stable keeps its workers and a few users until the rollout has seen
// enough of the new one. Then it goes, or it becomes stable again without a build.

#include "base/mutant.h"
#include "controllers/rag_index/turn.h"

namespace sluice::rag_index {
namespace {

// The attached rollout's status speaks of the promotion that is being watched.
bool is_judging_stable(const Turn& turn) {
  if (turn.rollout == nullptr || !turn.is_judged()) {
    return false;
  }
  const api::CanaryRolloutStatus& rollout = turn.rollout->status;
  return rollout.index_uid == turn.index().metadata.uid &&
         rollout.candidate_revision == turn.status().stable_revision &&
         rollout.candidate_since == turn.status().previous->candidate_since;
}

bool is_over(api::RolloutPhase phase) {
  return phase == api::RolloutPhase::kPromoted || phase == api::RolloutPhase::kSuperseded ||
         phase == api::RolloutPhase::kIdle || phase == api::RolloutPhase::kInvalid;
}

// Why nobody watches any longer; empty while somebody does.
std::string reason_to_end(const Turn& turn) {
  if (turn.is_suspended()) {
    return "serving.replicas is 0";
  }
  if (!is_judging_stable(turn)) {
    return "no CanaryRollout judges it any more";
  }
  return is_over(turn.rollout->status.phase) ? "its rollout has ended" : "";
}

// What was decided against the present stable. Once it is noted on the ControllerRevision, it holds
// whatever becomes of the rollout.
std::optional<Rejection> rejection_of(const Turn& turn) {
  const std::string& revision = turn.status().stable_revision;
  if (turn.stable != nullptr && turn.stable->is_rejected()) {
    const std::string_view why = turn.stable->metadata.annotation(api::kRejectionAnnotation);
    return Rejection{.revision = revision, .message = std::string(why)};
  }
  if (!is_judging_stable(turn)) {
    return std::nullopt;
  }
  const api::RolloutPhase phase = turn.rollout->status.phase;
  const bool is_against =
      phase == api::RolloutPhase::kRollingBack || phase == api::RolloutPhase::kRolledBack;
  return is_against ? std::optional(Rejection{.revision = revision,
                                              .message = bounded(verdict_of(turn, revision))})
                    : std::nullopt;
}

// The spec went back from what is watched to what was before: its config, or its source.
bool is_asked_for_again(const Turn& turn, const Revision& old) {
  if (old.record.config != turn.wanted || turn.stable == nullptr) {
    return false;
  }
  const auto& asked = turn.spec().source;
  return turn.stable->record.config != turn.wanted ||
         (old.record.source == asked && turn.stable->record.source != asked);
}

void end_watch(Turn& turn, const std::string& why) {
  announce(turn,
           false,
           "WatchEnded",
           turn.status().previous->revision + " is not kept beside " +
               turn.status().stable_revision + " any longer: " + why);
  turn.status().previous.reset();
}

void note_readiness(Turn& turn, api::PreviousStatus& previous) {
  if (ready_workers(turn.seen, previous.revision) == 0) {
    previous.ready_since.reset();
  } else if (!previous.ready_since) {
    previous.ready_since = turn.second;
  }
}

}  // namespace

void begin_watch(Turn& turn, const api::CandidateStatus& promoted) {
  api::RagIndexStatus& status = turn.status();
  const api::ResolvedPolicy* policy = policy_of(turn);
  if (is_planted(Mutant::kNoWatch) || !turn.is_judged() || turn.stable == nullptr ||
      policy == nullptr || policy->rollback.watch_after_promotion <= Duration::zero()) {
    return;
  }
  status.previous = api::PreviousStatus{.revision = status.stable_revision,
                                        .facts = status.stable,
                                        .since = turn.second,
                                        .candidate_since = promoted.since};
  note_readiness(turn, *status.previous);
}

void follow_watch(Turn& turn) {
  auto& previous = turn.status().previous;
  if (!previous) {
    return;
  }
  const Revision* old = find_revision(turn.seen, previous->revision);
  if (old == nullptr) {
    end_watch(turn, "its ControllerRevision is gone");
    return;
  }
  previous->has_successor = false;
  note_readiness(turn, *previous);
  turn.rejection = rejection_of(turn);
  const std::string back = "users go back to " + previous->revision;
  if (turn.rejection) {
    turn.is_returning = true;
    hold(turn, false, "RollingBack", back + ": " + turn.rejection->message);
  } else if (const std::string why = reason_to_end(turn); !why.empty()) {
    end_watch(turn, why);
  } else if (is_asked_for_again(turn, *old)) {
    turn.is_returning = true;
    hold(turn, false, "Superseding", back + ": the spec is its again");
  }
}

// The commit point of a return: one status write, when all users are back already. Before it the
// verdict is noted on the ControllerRevision, so that a crash at any point returns all the same.
void settle_watch(Turn& turn) {
  api::RagIndexStatus& status = turn.status();
  if (!status.previous || !turn.is_returning) {
    return;
  }
  const bool is_noted = !turn.rejection || (turn.stable != nullptr && turn.stable->is_rejected()) ||
                        is_planted(Mutant::kReturnUnnoted);
  // The rollout says when all is confirmed, unless it is gone.
  const bool is_pending =
      is_judging_stable(turn) && turn.rollout->status.phase == api::RolloutPhase::kRollingBack;
  const auto& route = status.route;
  const bool is_confirmed = route && (route->confirmed || is_planted(Mutant::kReturnUnconfirmed));
  const bool is_back = is_confirmed && route->candidate_revision.empty() &&
                       route->stable_revision == status.previous->revision;
  if (!is_noted || is_pending || !is_back) {
    return;
  }
  announce(turn,
           turn.rejection.has_value(),
           "Returned",
           status.previous->revision + " is stable again, in place of " + status.stable_revision);
  turn.stable = find_revision(turn.seen, status.previous->revision);
  status.stable_revision = status.previous->revision;
  status.stable = turn.stable->facts ? turn.stable->facts : status.previous->facts;
  status.previous.reset();
  look_again_in(turn, Duration{0});  // What the spec means beside this stable is next.
}

TrafficShares watched_shares(const Turn& turn) {
  const api::DesiredTraffic& desired = turn.rollout->status.desired;
  const bool is_meant = desired.index_uid == turn.index().metadata.uid &&
                        desired.candidate == turn.status().stable_revision &&
                        desired.mode == api::TrafficMode::kSplit &&
                        turn.rollout->status.phase == api::RolloutPhase::kWatching;
  return is_meant ? TrafficShares{.weight = desired.weight, .sticky_header = desired.sticky_header}
                  : TrafficShares{.weight = kWhole};
}

}  // namespace sluice::rag_index
