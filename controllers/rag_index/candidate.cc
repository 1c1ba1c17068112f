#include <algorithm>

#include "base/mutant.h"
#include "base/text.h"
#include "controllers/rag_index/names.h"
#include "controllers/rag_index/turn.h"

namespace sluice::rag_index {
namespace {

void let_go(Turn& turn, const std::string& why) {
  announce(turn, false, "CandidateWithdrawn", "the candidate is let go: " + why);
  turn.status().candidate.reset();
  turn.status().candidate_revision.clear();
}

// Why the present candidate should not go on; empty when it should.
std::string reason_to_let_go(const Turn& turn) {
  if (turn.is_suspended()) {
    return "serving.replicas is 0";
  }
  const bool is_stables =
      turn.candidate()->documents ? is_source_reverted(turn) : is_stable_wanted(turn);
  if (is_stables) {
    return "the spec is stable's again";
  }
  if (!is_candidate_wanted(turn) && !is_planted(Mutant::kNewerIgnored)) {
    return "the spec has changed";
  }
  if (turn.wanted.drill && !turn.is_judged()) {
    return "a drill needs a CanaryRollout";
  }
  if (turn.is_judged() && turn.rollout == nullptr) {
    return "no CanaryRollout names this index any more";
  }
  return {};
}

std::int32_t next_attempt(const Revision* known) {
  if (known == nullptr) {
    return 0;
  }
  const std::string_view last = known->metadata.annotation(kAttemptAnnotation);
  return parse_number<std::int32_t>(last).value_or(0) + 1;
}

void begin(Turn& turn) {
  api::CandidateStatus candidate;
  if (turn.has_stable()) {
    // Built from stable's documents, so that a verdict has one cause; and so it has a name already.
    const std::string documents = stable_documents(turn);
    const Revision* known = find_pair(turn, turn.wanted, documents);
    candidate.revision = known != nullptr
                             ? known->name()
                             : revision_name(turn.index().metadata.name, turn.wanted, documents);
    candidate.config_hash = config_hash(turn.wanted);
    candidate.attempt = next_attempt(known);
    candidate.phase = api::CandidatePhase::kBuilding;
  } else {
    candidate.config_hash = first_config_hash(turn.wanted, turn.spec());
  }
  begin_candidate(turn, std::move(candidate));
}

// Whether a candidate of this config would wait or be refused; says so.
bool is_held_back(Turn& turn) {
  if (const Outcome& trouble = turn.model_trouble; !trouble.reason.empty()) {
    hold(turn, trouble.is_stalled, "ModelMissing", trouble.message + "; nothing is built");
    return true;
  }
  if (turn.wanted.drill && !turn.is_judged()) {
    hold(turn, true, "DrillRefused", "a drill never becomes stable, so it needs a CanaryRollout");
    return true;
  }
  if (turn.has_stable() && stable_documents(turn).empty()) {
    hold(turn,
         true,
         "RevisionLost",
         "the ControllerRevision of stable is gone and its documents are not known; restore it");
    return true;
  }
  if (!turn.is_judged()) {
    return false;
  }
  if (const Revision* known = find_rejected_config(turn)) {
    if (is_retry_asked(turn, *known)) {
      turn.retried = known;  // keep_revisions takes the verdict away; then it begins.
      hold(turn, false, "Retrying", known->name() + " will be tried again");
    } else {
      hold(turn,
           true,
           "Rejected",
           known->name() + " was rejected: " +
               std::string(known->metadata.annotation(api::kRejectionAnnotation)));
    }
    return true;
  }
  if (turn.rollout == nullptr) {
    hold(turn,
         false,
         "AwaitingRollout",
         "a new revision is wanted and no CanaryRollout names this index; nothing is built");
    return true;
  }
  return false;
}

}  // namespace

void begin_candidate(Turn& turn, api::CandidateStatus candidate) {
  candidate.since = turn.now;
  candidate.generation = turn.index().metadata.generation;
  if (turn.wanted.analyzer_digest && !candidate.documents) {
    candidate.analyzer = api::CandidateAnalyzer{
        .model_version = turn.spec().retrieval.analyzer->model_version_ref.name,
        .digest = *turn.wanted.analyzer_digest};
  }
  announce(turn,
           false,
           "CandidateFound",
           "a new revision is wanted: " +
               (candidate.revision.empty() ? candidate.config_hash : candidate.revision));
  turn.status().candidate = std::move(candidate);
}

// What was decided against a candidate is carried out whatever the spec says by now (settle.cc):
// otherwise a rejection could be lost by a change of mind.
void choose_candidate(Turn& turn) {
  if (turn.candidate() != nullptr) {
    if (turn.is_policy_lost || is_rolled_back(turn)) {
      return;
    }
    const std::string why = reason_to_let_go(turn);
    if (why.empty()) {
      return;
    }
    let_go(turn, why);
  }
  if (turn.is_suspended()) {
    hold(turn, true, "Suspended", "serving.replicas is 0: nothing is built and nothing serves");
    return;
  }
  if (is_stable_wanted(turn)) {
    return;
  }
  if (turn.stable == nullptr && turn.has_stable() &&
      revision_name(turn.index().metadata.name, turn.wanted, stable_documents(turn)) ==
          turn.status().stable_revision) {
    return;  // Its ControllerRevision was deleted; keep_revisions writes it again.
  }
  if (is_held_back(turn)) {
    return;
  }
  if (auto& previous = turn.status().previous) {
    previous->has_successor = !turn.is_returning;
    hold(turn,
         false,
         "Superseding",
         "a new revision waits until " + turn.status().stable_revision + " is watched no longer");
    return;
  }
  if (!is_traffic_off(turn) && !is_planted(Mutant::kNextAtOnce)) {
    hold(turn, false, "Superseding", "traffic leaves the last candidate before a new one begins");
    return;
  }
  begin(turn);
}

}  // namespace sluice::rag_index
