#include <algorithm>

#include "controllers/rag_index/build.h"
#include "controllers/rag_index/names.h"
#include "controllers/rag_index/turn.h"

namespace sluice::rag_index {
namespace {

// A rebuild that failed is tried again after this.
constexpr Duration kRebuildAgain = std::chrono::minutes(5);

std::string candidate_builder(const Turn& turn) {
  const api::CandidateStatus* candidate = turn.candidate();
  return candidate == nullptr
             ? std::string{}
             : builder_name(turn.index().metadata.name, candidate->config_hash, candidate->attempt);
}

// The artefacts cannot be made again: the source has moved on, or it is away.
void note_lost(Turn& turn, const Fleet& fleet, const kube::Pod& pod, const std::string& why) {
  turn.lost = fleet.revision + " is held nowhere and cannot be built again: " + why;
  api::CandidateStatus* candidate = turn.candidate();
  if (!fleet.is_stable && candidate != nullptr && !turn.rejection) {
    candidate->phase = api::CandidatePhase::kFailed;
    candidate->message = bounded(turn.lost);
  }
  const Duration age = turn.now - pod.metadata.creation_timestamp.value_or(turn.now);
  if (age >= kRebuildAgain) {
    remove(turn, kube::kPodKind, pod.metadata);
  } else {
    look_again_in(turn, kRebuildAgain - age);
  }
}

void follow_rebuild(Turn& turn, const Fleet& fleet, const kube::Pod& pod) {
  const BuilderState state = state_of_builder(turn.seen, pod, turn.now);
  if (state.was_evicted) {
    remove(turn, kube::kPodKind, pod.metadata);
    return;
  }
  std::string failure = state.failure;
  if (state.report && state.report->phase == wire::BuildPhase::kFailed && failure.empty()) {
    failure = state.report->message;
  }
  if (state.report && state.report->facts &&
      state.report->facts->index_digest != fleet.facts.index_digest) {
    failure = "the same documents gave another index file";
  }
  if (!failure.empty()) {
    note_lost(turn, fleet, pod, failure);
  } else {
    look_again_in(turn, state.check_again);
  }
}

// The index is gone, its documents may still be with another revision that was built from them.
std::vector<std::string> other_holders(const Turn& turn, const std::string& revision) {
  constexpr std::size_t kHoldersMax = 4;
  std::vector<std::string> bases;
  for (const kube::Deployment& each : turn.seen.deployments) {
    const std::string_view component = each.metadata.label(api::kComponentLabel);
    const std::string& name = each.metadata.name;
    if (component == api::kComponentHolder) {
      bases.insert(bases.begin(), holder_url(holder_service(turn.index().metadata.name)));
    } else if (component == api::kComponentWorker && name != revision &&
               has_holding_worker(turn.seen, name)) {
      bases.push_back(holder_url(name));
    }
  }
  bases.resize(std::min(bases.size(), kHoldersMax));
  return bases;
}

void start_rebuild(Turn& turn, const Fleet& fleet) {
  std::optional<api::AnalyzerRecord> words;
  if (const auto& digest = fleet.config.analyzer_digest) {
    words = find_words(turn, *digest);
    if (!words) {
      turn.lost = fleet.revision +
                  " is held nowhere and cannot be built again: the words of its analyzer, sha256 " +
                  *digest + ", are kept nowhere";
      return;
    }
  }
  apply(turn,
        render_builder(turn.index(),
                       {.name = rebuilder_name(fleet.revision),
                        .revision = fleet.revision,
                        .config = fleet.config,
                        .source = fleet.source,
                        .documents_digest = fleet.facts.documents_digest,
                        .documents_from = other_holders(turn, fleet.revision),
                        .has_token = has_token(turn, fleet.revision),
                        .analyzer = std::move(words)}),
        nullptr);
  // Told when it is done: who dies in between does not tell it twice.
  announce(turn, true, "Rebuilding", fleet.revision + " is held nowhere; it is built again");
}

// Either builder of the revision, whatever its state; null when there is none.
const kube::Pod* builder_of(const Turn& turn, const Fleet& fleet) {
  if (const kube::Pod* again = find_pod(turn.seen, rebuilder_name(fleet.revision))) {
    return again;
  }
  return fleet.is_stable ? nullptr : find_pod(turn.seen, candidate_builder(turn));
}

bool has_ended(const kube::Pod& pod) {
  return pod.status.phase == "Failed" || pod.status.phase == "Succeeded" ||
         pod.metadata.deletion_timestamp;
}

// Somebody must hold the revision's artefacts: ready workers, or the holder, else a builder.
void keep_held(Turn& turn, const Fleet& fleet) {
  const kube::Pod* rebuilder = find_pod(turn.seen, rebuilder_name(fleet.revision));
  if (rebuilder != nullptr && !has_enough_workers(turn, fleet.revision)) {
    follow_rebuild(turn, fleet, *rebuilder);
    return;
  }
  const kube::Pod* builder = builder_of(turn, fleet);
  const bool has_builder = builder != nullptr && !has_ended(*builder);
  if (!has_builder && rebuilder == nullptr && !has_holding_worker(turn.seen, fleet.revision) &&
      keeping_of(turn, fleet.revision) == Keeping::kNot) {
    start_rebuild(turn, fleet);
  }
}

// The builder's label leads the workers' fetches to it once the revision has its name.
void name_builder(Turn& turn, const kube::Pod& pod) {
  const std::string& revision = turn.candidate()->revision;
  if (!revision.empty() && pod.metadata.label(api::kRevisionLabel).empty() &&
      !pod.metadata.deletion_timestamp) {
    turn.decision.actions.emplace_back(SetLabel{.kind = kube::kPodKind,
                                                .name = pod.metadata.name,
                                                .uid = pod.metadata.uid,
                                                .label = std::string(api::kRevisionLabel),
                                                .value = revision});
  }
}

bool is_candidate_held(const Turn& turn) {
  const api::CandidateStatus& candidate = *turn.candidate();
  const bool is_built = candidate.phase == api::CandidatePhase::kFetching ||
                        candidate.phase == api::CandidatePhase::kReady;
  return is_built && has_enough_workers(turn, candidate.revision);
}

}  // namespace

// Builders live until enough workers hold what they built; all others are strays.
void keep_holders(Turn& turn) {
  const std::vector<Fleet> kept = fleets(turn);
  const std::string current = candidate_builder(turn);
  const std::string look = look_pod(turn);
  for (const kube::Pod* pod : pods_of(turn.seen, api::kComponentBuilder)) {
    const std::string& name = pod->metadata.name;
    const bool is_rebuilder = std::ranges::any_of(kept, [&](const Fleet& fleet) {
      return name == rebuilder_name(fleet.revision) && !has_enough_workers(turn, fleet.revision);
    });
    const bool is_current = name == current && !is_candidate_held(turn);
    if (turn.is_suspended() || (!is_rebuilder && !is_current && name != look)) {
      remove(turn, kube::kPodKind, pod->metadata);
    } else if (name == current) {
      name_builder(turn, *pod);
    }
  }
  if (turn.is_suspended()) {
    return;
  }
  for (const Fleet& fleet : kept) {
    // A watch may do without the previous one; a return needs it.
    const bool is_spare = is_previous(turn, fleet.revision) && !turn.is_returning;
    const bool is_over =
        is_spare || (!fleet.is_stable &&
                     (turn.rejection || turn.candidate()->phase == api::CandidatePhase::kFailed));
    if (!is_over) {
      keep_held(turn, fleet);
    }
  }
}

}  // namespace sluice::rag_index
