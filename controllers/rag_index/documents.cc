// New documents under stable's config. A builder pod looks at the source: told which documents need
// not be built, it ends when it finds these; others it goes on to build, as the candidate that they
// make. While nothing is due there is no pod, and a look writes the status once, at its end.

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "controllers/rag_index/build.h"
#include "controllers/rag_index/names.h"
#include "controllers/rag_index/turn.h"
#include "crds/names.h"

namespace sluice::rag_index {
namespace {

api::Refresh refresh_of(const Turn& turn) {
  return turn.spec().refresh.value_or(api::Refresh{});
}

// What earlier looks found at the spec's present source; null: nobody has looked at it.
const api::RefreshStatus* seen_of(const Turn& turn) {
  const auto& refresh = turn.status().refresh;
  return refresh && refresh->source == turn.spec().source ? &*refresh : nullptr;
}

bool is_pinned(const Turn& turn) {
  return turn.spec().source.http && turn.spec().source.http->sha256;
}

// Digest of the documents that the spec's source has, as far as is known; empty: not at all.
std::string found_documents(const Turn& turn) {
  if (is_pinned(turn)) {
    return *turn.spec().source.http->sha256;
  }
  const api::RefreshStatus* seen = seen_of(turn);
  if (seen != nullptr && !seen->documents_digest.empty()) {
    return seen->documents_digest;
  }
  return turn.stable->record.source == turn.spec().source ? stable_documents(turn) : std::string();
}

// The revision of stable's config and these documents, if it was rejected; else null.
const Revision* find_rejected(const Turn& turn, const std::string& documents) {
  if (documents.empty() || documents == stable_documents(turn)) {
    return nullptr;
  }
  const Revision* known = find_pair(turn, turn.stable->record.config, documents);
  return known != nullptr && known->is_rejected() ? known : nullptr;
}

// A config on its way goes first, and so does whatever else is in progress; afterwards the newest
// documents are looked at.
bool may_look(const Turn& turn) {
  return is_config_settled(turn) && turn.candidate() == nullptr && !turn.status().previous &&
         !turn.is_suspended() && (!turn.is_judged() || turn.rollout != nullptr);
}

// Empty: not before the spec changes.
std::optional<WallTime> next_look(const Turn& turn) {
  const api::RefreshStatus* seen = seen_of(turn);
  const std::string documents = found_documents(turn);
  if (documents != stable_documents(turn) && find_rejected(turn, documents) == nullptr) {
    return seen != nullptr && seen->failures > 0 ? seen->checked_at + back_off(seen->failures)
                                                 : turn.now;
  }
  const Duration every = refresh_of(turn).every;
  if (every <= Duration::zero() || is_pinned(turn)) {
    return std::nullopt;
  }
  return seen != nullptr ? seen->checked_at + every : turn.now;
}

std::string look_hash(const Turn& turn) {
  return first_config_hash(turn.stable->record.config, turn.spec());
}

// A look has ended: the one write that it makes.
api::RefreshStatus& note_look(Turn& turn) {
  auto& refresh = turn.status().refresh;
  if (!refresh) {
    refresh.emplace();
  }
  if (refresh->source != turn.spec().source) {
    *refresh = {.source = turn.spec().source, .looks = refresh->looks};
  }
  refresh->checked_at = turn.second;
  ++refresh->looks;
  return *refresh;
}

void note_documents(Turn& turn, const std::string& digest) {
  api::RefreshStatus& refresh = note_look(turn);
  refresh.documents_digest = digest;
  refresh.failures = 0;
  refresh.message.clear();
}

void note_failure(Turn& turn, const std::string& why) {
  api::RefreshStatus& refresh = note_look(turn);
  ++refresh.failures;
  refresh.message = bounded(why);
  announce(turn, true, "RefreshFailed", "new documents could not be had: " + refresh.message);
}

// Stable's documents, and those that were rejected under its config.
std::vector<std::string> known_documents(const Turn& turn) {
  std::vector<std::string> known{stable_documents(turn)};
  for (const Revision& each : turn.seen.revisions) {
    if (find_rejected(turn, each.record.documents_digest) == &each) {
      known.push_back(each.record.documents_digest);
    }
  }
  return known;
}

void start_look(Turn& turn, const std::string& name) {
  BuilderWish wish{.name = name,
                   .config = turn.stable->record.config,
                   .source = turn.spec().source,
                   .known_documents = known_documents(turn),
                   .has_token = has_token(turn, {})};
  if (const auto& digest = wish.config.analyzer_digest) {
    wish.analyzer = find_words(turn, *digest);
    if (!wish.analyzer) {
      note_failure(turn, "the words of the analyzer, sha256 " + *digest + ", are kept nowhere");
      return;
    }
  }
  apply(turn, render_builder(turn.index(), wish), nullptr);
}

void begin(Turn& turn, const std::string& digest) {
  note_documents(turn, digest);
  const api::RevisionConfig& config = turn.stable->record.config;
  const Revision* known = find_pair(turn, config, digest);
  begin_candidate(
      turn,
      {.revision = known != nullptr ? known->name()
                                    : revision_name(turn.index().metadata.name, config, digest),
       .config_hash = look_hash(turn),
       .phase = api::CandidatePhase::kBuilding,
       .attempt = turn.status().refresh->looks,  // Its builder is the pod that looked.
       .documents = api::NewDocuments{.source = turn.spec().source, .digest = digest}});
}

// The pod that found them goes on to build them.
void take_documents(Turn& turn, const std::string& digest) {
  if (digest == stable_documents(turn) || find_rejected(turn, digest) != nullptr) {
    note_documents(turn, digest);
  } else if (is_traffic_off(turn)) {
    begin(turn, digest);
  }
}

// What a builder said at its end: that it found these documents and needs to build nothing.
std::string unchanged_documents(const kube::Pod& pod) {
  for (const kube::ContainerStatus& each : pod.status.container_statuses) {
    if (each.state.terminated && each.state.terminated->exit_code == 0) {
      return wire::unchanged_documents(each.state.terminated->message);
    }
  }
  return {};
}

void follow_look(Turn& turn, const kube::Pod& pod) {
  if (const std::string digest = unchanged_documents(pod); !digest.empty()) {
    note_documents(turn, digest);
    return;
  }
  const BuilderState state = state_of_builder(turn.seen, pod, turn.now);
  if (state.was_evicted) {
    remove(turn, kube::kPodKind, pod.metadata);
    return;
  }
  if (state.report && !state.report->documents_digest.empty()) {
    take_documents(turn, state.report->documents_digest);
    return;
  }
  const bool has_said = state.report && state.report->phase == wire::BuildPhase::kFailed;
  const Duration silence = turn.now - state.last_sign;
  if (!state.failure.empty()) {
    note_failure(turn, state.failure);
  } else if (has_said) {
    note_failure(turn, state.report->message);
  } else if (silence >= kBuilderSilenceMax) {
    note_failure(turn, "the pod that reads the source has said nothing for 30 minutes");
  } else {
    look_again_in(turn, std::min(kBuilderSilenceMax - silence, state.check_again));
  }
}

std::string name_or(const std::string& revision, const char* otherwise) {
  return revision.empty() ? otherwise : revision;
}

// Why stable's documents are not those that the spec's source has; no reason: they are.
Outcome documents_trouble(const Turn& turn) {
  const api::CandidateStatus* candidate = turn.candidate();
  if (candidate != nullptr && candidate->documents) {
    return {.reason = "NewDocuments",
            .message = name_or(candidate->revision, "a revision") + " with new documents is tried"};
  }
  const std::string documents = found_documents(turn);
  const api::RefreshStatus* seen = seen_of(turn);
  if (const Revision* rejected = find_rejected(turn, documents)) {
    return {
        .reason = "DocumentsRejected",
        .message = bounded(rejected->name() + ", with new documents, was rejected: " +
                           std::string(rejected->metadata.annotation(api::kRejectionAnnotation))),
        .is_stalled = true};
  }
  if (documents != stable_documents(turn) && turn.is_judged() && turn.rollout == nullptr) {
    return {.reason = "AwaitingRollout",
            .message =
                "spec.source has changed and no CanaryRollout names this index; it is not "
                "read"};
  }
  if (seen != nullptr && seen->failures > 0) {
    return {.reason = "RefreshFailed",
            .message = bounded("new documents could not be had: " + seen->message)};
  }
  if (documents != stable_documents(turn)) {
    return {.reason = "SourceChanged",
            .message = may_look(turn) ? "the documents of spec.source are being read"
                                      : "new documents are queued until what is in progress ends"};
  }
  return {};
}

}  // namespace

std::string look_pod(const Turn& turn) {
  if (!may_look(turn)) {
    return {};
  }
  const auto& refresh = turn.status().refresh;
  return builder_name(
      turn.index().metadata.name, look_hash(turn), (refresh ? refresh->looks : 0) + 1);
}

void look_at_documents(Turn& turn) {
  const std::string name = look_pod(turn);
  if (name.empty()) {
    return;
  }
  if (const kube::Pod* pod = find_pod(turn.seen, name)) {
    follow_look(turn, *pod);
    return;
  }
  if (const Revision* rejected = find_rejected(turn, found_documents(turn));
      rejected != nullptr && is_retry_asked(turn, *rejected)) {
    turn.retried = rejected;  // keep_revisions takes the verdict away; then a look is due.
    return;
  }
  const std::optional<WallTime> due = next_look(turn);
  if (due && *due > turn.now) {
    look_again_in(turn, *due - turn.now);
  } else if (due && is_traffic_off(turn)) {
    start_look(turn, name);
  }
}

bool is_source_reverted(const Turn& turn) {
  const auto& documents = turn.candidate()->documents;
  const api::DocumentSource& asked = turn.spec().source;
  return documents && documents->source != asked && turn.stable != nullptr &&
         turn.stable->record.source == asked;
}

std::string count_trouble(const Turn& turn, const api::RevisionFacts& facts) {
  const api::Refresh refresh = refresh_of(turn);
  const auto& stable = turn.status().stable;
  const bool is_gated = refresh.policy == api::RefreshPolicy::kGate || !turn.is_judged();
  if (!turn.candidate()->documents || !stable || !is_gated || refresh.max_count_change == kWhole) {
    return {};
  }
  const std::int64_t change = std::abs(facts.documents - stable->documents);
  const std::int64_t most = refresh.max_count_change.ten_thousandths * stable->documents;
  if (change * kWhole.ten_thousandths <= most) {
    return {};
  }
  return fmt::format(
      "the new documents are {} and stable has {}: a change of {:.1f} %, more than "
      "refresh.maxCountChange {}",
      facts.documents,
      stable->documents,
      100.0 * static_cast<double>(change) /
          static_cast<double>(std::max<std::int64_t>(stable->documents, 1)),
      format_share(refresh.max_count_change));
}

void note_failed_build(Turn& turn) {
  api::RagIndexStatus& status = turn.status();
  const api::CandidateStatus failed = *status.candidate;
  status.candidate.reset();
  status.candidate_revision.clear();
  if (failed.documents->source == turn.spec().source) {
    note_failure(turn, failed.message);
  }
}

void explain_documents(Turn& turn) {
  if (turn.stable == nullptr) {
    return;
  }
  const Outcome trouble = documents_trouble(turn);
  const bool is_current = trouble.reason.empty();
  set_condition(turn,
                "DocumentsCurrent",
                is_current,
                is_current ? Outcome{.reason = "SameSource",
                                     .message = "stable has the documents of the spec's source"}
                           : trouble);
  // What the source has come to have by itself was not asked for: the spec is served.
  if (!is_current && turn.stable->record.source != turn.spec().source) {
    hold(turn, trouble.is_stalled, trouble.reason, trouble.message);
  }
}

}  // namespace sluice::rag_index
