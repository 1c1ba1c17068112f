#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "controllers/rag_index/build.h"
#include "controllers/rag_index/names.h"
#include "controllers/rag_index/turn.h"

namespace sluice::rag_index {
namespace {

// A holder that does not say by then what it has is not waited for: the candidate is built.
constexpr Duration kHolderSays = std::chrono::minutes(3);

void fail_candidate(Turn& turn, const std::string& why, std::string_view reason = {}) {
  api::CandidateStatus& candidate = *turn.candidate();
  candidate.phase = api::CandidatePhase::kFailed;
  candidate.failure = reason;
  candidate.message = bounded(why);
  announce(turn, true, "BuildFailed", why);
}

// The gates of its model, and the absolute one of revisions that no rollout judges; empty when they
// are passed.
std::string below_floor(const Turn& turn, const api::RevisionFacts& facts) {
  if (std::string why = below_gates(turn, facts); !why.empty()) {
    return why;
  }
  const auto& floor = turn.spec().slo.ndcg_at_10;
  if (turn.is_judged() || !floor) {
    return {};
  }
  if (!facts.evaluation) {
    return "slo.ndcgAt10 is set and the build brought no evaluation";
  }
  if (facts.evaluation->ndcg_at_10 >= *floor) {
    return {};
  }
  return fmt::format("nDCG@10 is {:.4f}, below slo.ndcgAt10 {:.4f} ({} queries)",
                     facts.evaluation->ndcg_at_10,
                     *floor,
                     facts.evaluation->queries);
}

void take_facts(Turn& turn, const api::RevisionFacts& facts) {
  api::CandidateStatus& candidate = *turn.candidate();
  const std::string pinned = candidate_documents(turn);
  const api::RevisionConfig& config = candidate_config(turn);
  if (turn.has_stable() && facts.documents_digest != pinned) {
    fail_candidate(turn, "built from documents " + facts.documents_digest + ", not " + pinned);
    return;
  }
  if (facts.analyzer_digest != config.analyzer_digest) {
    fail_candidate(turn,
                   "built with the analyzer " + facts.analyzer_digest.value_or("of no model") +
                       ", not " + config.analyzer_digest.value_or("of no model"));
    return;
  }
  if (candidate.revision.empty()) {
    candidate.revision =
        revision_name(turn.index().metadata.name, turn.wanted, facts.documents_digest);
  }
  candidate.facts = facts;
  if (const std::string why = count_trouble(turn, facts); !why.empty()) {
    fail_candidate(turn, why, "DocumentCountChanged");
    return;
  }
  if (const std::string why = below_floor(turn, facts); !why.empty()) {
    fail_candidate(turn, why);
    return;
  }
  candidate.phase = api::CandidatePhase::kFetching;
  candidate.message = "built; workers are starting";
  announce(turn,
           false,
           "Built",
           fmt::format("{}: {} documents, {} chunks, index {} bytes",
                       candidate.revision,
                       facts.documents,
                       facts.chunks,
                       facts.index_bytes));
}

void take_report(Turn& turn, const wire::BuildReport& report) {
  api::CandidateStatus& candidate = *turn.candidate();
  switch (report.phase) {
    case wire::BuildPhase::kFailed:
      fail_candidate(turn, report.message.empty() ? "the build failed" : report.message);
      return;
    case wire::BuildPhase::kReady:
      if (report.facts) {
        take_facts(turn, *report.facts);
      } else {
        fail_candidate(turn, "the builder is ready and reports no facts");
      }
      return;
    case wire::BuildPhase::kDownloading:
    case wire::BuildPhase::kBuilding:
    case wire::BuildPhase::kEvaluating:
      break;
  }
  // Progress is only told by phase: a percentage would be a status write each second.
  candidate.message = report.phase == wire::BuildPhase::kDownloading ? "downloading documents"
                      : report.phase == wire::BuildPhase::kBuilding  ? "building the index"
                                                                     : "evaluating";
  if (candidate.revision.empty() && !report.documents_digest.empty()) {
    candidate.revision =
        revision_name(turn.index().metadata.name, turn.wanted, report.documents_digest);
    candidate.phase = api::CandidatePhase::kBuilding;
  }
}

void start_builder(Turn& turn, const std::string& name) {
  api::CandidateStatus& candidate = *turn.candidate();
  BuilderWish wish{.name = name,
                   .revision = candidate.revision,
                   .config = candidate_config(turn),
                   .source = turn.spec().source,
                   .has_token = has_token(turn, candidate.revision)};
  if (const auto& documents = candidate.documents) {
    wish.source = present_source(turn, documents->source);
    wish.documents_digest = documents->digest;
    wish.known_documents = {stable_documents(turn)};
  } else if (turn.has_stable()) {
    wish.documents_digest = stable_documents(turn);
    wish.documents_from = {holder_url(turn.status().stable_revision),
                           holder_url(builder_service(turn.status().stable_revision))};
    if (turn.stable != nullptr) {
      wish.source = present_source(turn, turn.stable->record.source);
    }
  }
  if (const auto& digest = wish.config.analyzer_digest) {
    wish.analyzer = find_words(turn, *digest);
    if (!wish.analyzer) {
      candidate.message = "waits for the words of its ModelVersion";
      hold(turn, true, "ModelMissing", candidate.message);
      return;
    }
  }
  candidate.message = "starting a builder";
  apply(turn, render_builder(turn.index(), wish), nullptr);
}

void follow_build(Turn& turn) {
  api::CandidateStatus& candidate = *turn.candidate();
  const Revision* known = find_revision(turn.seen, candidate.revision);
  const Keeping keeping = keeping_of(turn, candidate.revision);
  if (known != nullptr && known->facts &&
      (has_holding_worker(turn.seen, candidate.revision) || keeping == Keeping::kHeld)) {
    // A retry, a way back to a revision that was kept, or it was recovered: nothing is built.
    take_facts(turn, *known->facts);
    return;
  }
  const Duration waited = turn.now - candidate.since;
  if (keeping == Keeping::kComing && waited < kHolderSays) {
    candidate.message = "the holder looks for its artefacts";
    look_again_in(turn, kHolderSays - waited);
    return;
  }
  const std::string name =
      builder_name(turn.index().metadata.name, candidate.config_hash, candidate.attempt);
  const kube::Pod* pod = find_pod(turn.seen, name);
  if (pod == nullptr) {
    start_builder(turn, name);
    return;
  }
  const BuilderState state = state_of_builder(turn.seen, *pod, turn.now);
  if (state.was_evicted) {
    candidate.message = "the builder was evicted and starts again";
    remove(turn, kube::kPodKind, pod->metadata);
    return;
  }
  if (!state.failure.empty()) {
    fail_candidate(turn, state.failure);
    return;
  }
  if (state.report) {
    take_report(turn, *state.report);
  } else {
    candidate.message = state.waiting.empty() ? "the builder is starting" : state.waiting;
  }
  const Duration silence = turn.now - state.last_sign;
  if (silence >= kBuilderSilenceMax) {
    fail_candidate(turn, "the builder has said nothing for 30 minutes");
  } else if (candidate.phase == api::CandidatePhase::kResolving ||
             candidate.phase == api::CandidatePhase::kBuilding) {
    look_again_in(turn, std::min(kBuilderSilenceMax - silence, state.check_again));
  }
}

void follow_workers(Turn& turn) {
  api::CandidateStatus& candidate = *turn.candidate();
  const std::int32_t needed = workers_for(turn, present_shares(turn).load());
  candidate.ready_replicas = ready_workers(turn.seen, candidate.revision);
  candidate.phase = candidate.ready_replicas >= needed ? api::CandidatePhase::kReady
                                                       : api::CandidatePhase::kFetching;
  candidate.message = fmt::format("{} of {} workers ready", candidate.ready_replicas, needed);
  if (candidate.ready_replicas > 0 || present_shares(turn).load() > Share{}) {
    return;  // Whoever gives it traffic judges it.
  }
  const kube::Deployment* workers = find_deployment(turn.seen, candidate.revision);
  const auto* progress = workers == nullptr
                             ? nullptr
                             : kube::find_condition(workers->status.conditions, "Progressing");
  if (progress != nullptr && progress->status == kube::ConditionStatus::kFalse) {
    fail_candidate(turn,
                   "no worker became ready: " + trouble_of_pods(turn.seen, candidate.revision));
  } else if (const std::string trouble = trouble_of_pods(turn.seen, candidate.revision);
             !trouble.empty()) {
    candidate.message = bounded(candidate.message + "; " + trouble);
  }
}

// A failed candidate of a rollout waits for the rollout's verdict. Others are tried again, later
// and later, unless they were built and found wanting: then only another slo or spec helps.
void follow_failure(Turn& turn) {
  api::CandidateStatus& candidate = *turn.candidate();
  if (turn.is_judged() || candidate.documents) {
    return;  // New documents are given up by settle_candidate.
  }
  if (candidate.facts) {
    if (below_floor(turn, *candidate.facts).empty()) {
      candidate.phase = api::CandidatePhase::kFetching;
    }
    return;
  }
  const kube::Condition* stalled = kube::find_condition(turn.status().conditions, "Stalled");
  if (stalled == nullptr || stalled->status != kube::ConditionStatus::kTrue) {
    return;  // conclude() stamps the moment now.
  }
  const Duration delay = back_off(candidate.attempt + 1);
  const Duration waited = turn.now - stalled->last_transition_time;
  if (waited < delay) {
    look_again_in(turn, delay - waited);
    return;
  }
  ++candidate.attempt;
  candidate.since = turn.now;
  candidate.message.clear();
  candidate.phase =
      turn.has_stable() ? api::CandidatePhase::kBuilding : api::CandidatePhase::kResolving;
  candidate.revision = turn.has_stable() ? candidate.revision : std::string{};
}

}  // namespace

void build_candidate(Turn& turn) {
  api::CandidateStatus* candidate = turn.candidate();
  if (candidate == nullptr || turn.is_policy_lost || is_rolled_back(turn)) {
    return;
  }
  if (candidate->phase == api::CandidatePhase::kFailed) {
    follow_failure(turn);
  }
  switch (candidate->phase) {
    case api::CandidatePhase::kResolving:
    case api::CandidatePhase::kBuilding:
      follow_build(turn);
      break;
    case api::CandidatePhase::kFetching:
    case api::CandidatePhase::kReady:
      follow_workers(turn);
      break;
    case api::CandidatePhase::kFailed:
      break;
  }
  turn.status().candidate_revision = candidate->revision;
}

}  // namespace sluice::rag_index
