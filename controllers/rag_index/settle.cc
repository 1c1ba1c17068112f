#include "base/mutant.h"
#include "controllers/rag_index/turn.h"

namespace sluice::rag_index {
namespace {

// The verdict is written on the ControllerRevision (keep_revisions), the traffic taken away
// (direct_traffic); when both are seen to be done, the candidate leaves the status. In this order a
// crash at any point rejects it all the same.
void reject(Turn& turn, const std::string& message) {
  api::RagIndexStatus& status = turn.status();
  const std::string revision = turn.candidate()->revision;
  turn.rejection = Rejection{.revision = revision, .message = bounded(message)};
  const Revision* known = find_revision(turn.seen, revision);
  const bool is_noted =
      (known != nullptr && known->is_rejected()) || is_planted(Mutant::kVerdictNotAwaited);
  // A build that failed before the spec moved on has no record that could still be written.
  const bool cannot_be_noted = known == nullptr && !is_candidate_wanted(turn);
  const bool is_over = turn.is_policy_lost || !turn.is_judged() ||
                       turn.rollout->status.phase == api::RolloutPhase::kRolledBack;
  if ((!is_noted && !cannot_be_noted) || !is_over || !is_traffic_off(turn)) {
    hold(turn, false, "RollingBack", message);
    return;
  }
  announce(turn, true, "Rejected", revision + " was rejected: " + message);
  if (!turn.candidate()->documents) {
    hold(turn, true, "Rejected", revision + " was rejected: " + message);
  }
  status.candidate.reset();
  status.candidate_revision.clear();
  if (turn.is_policy_lost) {
    turn.is_policy_lost = false;
    status.policy_uid.clear();
    status.policy_name.clear();
    look_again_in(turn, Duration{0});  // Another policy may be waiting.
  }
}

// New documents that no rollout judges: found wanting, they are rejected; not built, they are
// looked at again later. So the next ones need not wait for anybody.
bool is_given_up(const Turn& turn) {
  const api::CandidateStatus& candidate = *turn.candidate();
  return candidate.documents && !turn.is_judged() &&
         candidate.phase == api::CandidatePhase::kFailed;
}

// Ready to become stable: the first revision when all its workers are ready, any other when all
// routers confirm that it has the whole traffic.
bool should_commit(const Turn& turn) {
  const api::CandidateStatus& candidate = *turn.candidate();
  const Revision* known = find_revision(turn.seen, candidate.revision);
  const bool is_built = candidate.facts && known != nullptr && known->facts &&
                        (candidate.phase == api::CandidatePhase::kFetching ||
                         candidate.phase == api::CandidatePhase::kReady);
  if (!is_built || turn.is_suspended() || known->record.config.drill) {
    return false;
  }
  const std::int32_t ready = ready_workers(turn.seen, candidate.revision);
  if (!turn.has_stable()) {
    return ready >= turn.spec().serving.replicas;
  }
  const bool has_all =
      present_shares(turn).weight == kWhole || is_planted(Mutant::kCommitBeforeWhole);
  const bool is_confirmed =
      turn.status().route->confirmed || is_planted(Mutant::kCommitUnconfirmed);
  return asked_shares(turn).weight == kWhole && has_all && ready > 0 && is_confirmed;
}

// The commit point: the status write that sets stableRevision. Labels, route and the old stable's
// workers follow from it.
void commit(Turn& turn) {
  api::RagIndexStatus& status = turn.status();
  const api::CandidateStatus& candidate = *turn.candidate();
  announce(turn,
           false,
           "Promoted",
           candidate.revision + " is stable now" +
               (turn.has_stable() ? ", in place of " + status.stable_revision : ""));
  begin_watch(turn, candidate);
  turn.stable = find_revision(turn.seen, candidate.revision);
  status.stable_revision = candidate.revision;
  status.stable = candidate.facts;
  status.candidate.reset();
  status.candidate_revision.clear();
}

}  // namespace

void settle_candidate(Turn& turn) {
  if (turn.candidate() == nullptr) {
    return;
  }
  if (turn.is_policy_lost) {
    reject(turn, "PolicyRemoved: the CanaryRollout " + turn.status().policy_name + " was deleted");
  } else if (is_rolled_back(turn)) {
    reject(turn, verdict_of(turn, turn.candidate()->revision));
  } else if (is_given_up(turn) && turn.candidate()->facts) {
    reject(turn, turn.candidate()->message);
  } else if (is_given_up(turn)) {
    note_failed_build(turn);
  } else if (should_commit(turn)) {
    commit(turn);
  }
}

}  // namespace sluice::rag_index
