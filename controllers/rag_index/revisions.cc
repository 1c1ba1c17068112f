#include <algorithm>

#include "base/describe.h"
#include "base/mutant.h"
#include "controllers/rag_index/names.h"
#include "controllers/rag_index/turn.h"

namespace sluice::rag_index {
namespace {

constexpr std::size_t kHistoryMax = 10;

std::int32_t attempt_of(const Revision& revision) {
  const std::string_view text = revision.metadata.annotation(kAttemptAnnotation);
  std::int32_t attempt = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9' || attempt > 100'000'000) {
      return 0;
    }
    attempt = attempt * 10 + (digit - '0');
  }
  return attempt;
}

std::int64_t next_number(const Observation& seen) {
  std::int64_t number = 0;
  for (const Revision& each : seen.revisions) {
    number = std::max(number, each.number);
  }
  return number + 1;
}

void set_rejected(const Turn& turn, RevisionWish& wish) {
  wish.verdict = kVerdictRejected;
  wish.rejection = turn.rejection->message;
  if (wish.rejected_at.empty()) {
    wish.rejected_at = format_time(turn.second);
  }
}

// Once what was to be kept is held nowhere, that is noted and it is given up: it is not asked for
// for ever. It may be built anew, as any other.
std::string lost_at(const Turn& turn, const Revision& known) {
  const bool is_there = has_holding_worker(turn.seen, known.name()) ||
                        keeping_of(turn, known.name()) == Keeping::kHeld;
  if (is_there) {
    return {};
  }
  const std::string_view noted = known.metadata.annotation(kLostAtAnnotation);
  return noted.empty() && is_dropped(turn, known) ? format_time(turn.second) : std::string(noted);
}

// The newest of those that users were given: stable, also when it was stable before. What comes
// before it is counted from there (retention.cc).
std::int64_t number_of(const Turn& turn, const Revision& known) {
  const bool is_stable = known.name() == turn.status().stable_revision;
  const bool is_newest = std::ranges::none_of(turn.seen.revisions, [&](const Revision& each) {
    return each.number > known.number &&
           each.metadata.label(api::kVerdictLabel) == kVerdictPromoted;
  });
  return is_stable && !is_newest ? next_number(turn.seen) : known.number;
}

// What the revision should say of itself, beginning with what it says now.
RevisionWish wish_of(const Turn& turn, const Revision& known) {
  const kube::ObjectMeta& meta = known.metadata;
  RevisionWish wish{.name = meta.name,
                    .data = known.data,
                    .number = number_of(turn, known),
                    .facts = known.facts,
                    .role = std::string(kRoleRetired),
                    .verdict = std::string(meta.label(api::kVerdictLabel)),
                    .rejection = std::string(meta.annotation(api::kRejectionAnnotation)),
                    .rejected_at = std::string(meta.annotation(kRejectedAtAnnotation)),
                    .retried = std::string(meta.annotation(kRetriedAnnotation)),
                    .lost_at = lost_at(turn, known),
                    .attempt = attempt_of(known)};
  const api::CandidateStatus* candidate = turn.candidate();
  const auto forget_verdict = [&wish] {
    wish.verdict.clear();
    wish.rejection.clear();
    wish.rejected_at.clear();
  };
  const bool is_rejected_now = turn.rejection && turn.rejection->revision == meta.name;
  if (meta.name == turn.status().stable_revision) {
    wish.role = kRoleStable;
    if (!is_rejected_now) {
      forget_verdict();
      wish.verdict = kVerdictPromoted;
    }
  } else if (candidate != nullptr && meta.name == candidate->revision) {
    wish.role = kRoleCandidate;
    wish.attempt = candidate->attempt;
    wish.facts = candidate->facts ? candidate->facts : wish.facts;
    // It may be rejected already as far as this very attempt goes: settle.cc waits for that. That
    // users had it once remains true.
    if (!turn.rejection && known.is_rejected()) {
      forget_verdict();
    }
  }
  if (is_rejected_now && !is_planted(Mutant::kVerdictUnwritten)) {
    set_rejected(turn, wish);
  }
  if (turn.retried == &known) {
    forget_verdict();
    wish.retried = turn.rollout->status.last_command->id;
  }
  return wish;
}

// What is known of the words of the wanted config's model; nothing when it has none.
std::optional<api::AnalyzerRecord> analyzer_record(const Turn& turn) {
  if (!turn.wanted.analyzer_digest) {
    return std::nullopt;
  }
  const auto found = find_words(turn, *turn.wanted.analyzer_digest);
  api::AnalyzerRecord record = found.value_or(api::AnalyzerRecord{});
  if (const auto& chosen = turn.spec().retrieval.analyzer) {
    record.model_version = chosen->model_version_ref.name;
  }
  return record;
}

std::optional<api::AnalyzerRecord> analyzer_of_candidate(const Turn& turn) {
  const bool has_stables = turn.candidate()->documents && turn.stable != nullptr;
  return has_stables ? turn.stable->record.analyzer : analyzer_record(turn);
}

api::DocumentSource source_of_candidate(const Turn& turn) {
  if (const auto& documents = turn.candidate()->documents) {
    return documents->source;
  }
  return turn.stable != nullptr ? turn.stable->record.source : turn.spec().source;
}

// The candidate's record is written when it is built, or when it is rejected unbuilt.
void add_candidate(Turn& turn) {
  const api::CandidateStatus* candidate = turn.candidate();
  const bool is_due = candidate != nullptr && !candidate->revision.empty() &&
                      (candidate->facts || turn.rejection) && is_candidate_wanted(turn);
  if (!is_due || find_revision(turn.seen, candidate->revision) != nullptr) {
    return;
  }
  const api::RevisionRecord record{.config = candidate_config(turn),
                                   .documents_digest = candidate->facts
                                                           ? candidate->facts->documents_digest
                                                           : candidate_documents(turn),
                                   .source = source_of_candidate(turn),
                                   .analyzer = analyzer_of_candidate(turn)};
  RevisionWish wish{.name = candidate->revision,
                    .data = to_json(record),
                    .number = next_number(turn.seen),
                    .facts = candidate->facts,
                    .role = std::string(kRoleCandidate),
                    .attempt = candidate->attempt};
  if (turn.rejection) {
    set_rejected(turn, wish);
  }
  apply(turn, render_revision(turn.index(), wish), nullptr);
}

// Somebody deleted stable's ControllerRevision while the spec is still the one it was made from.
void restore_stable(Turn& turn) {
  const std::string documents = stable_documents(turn);
  const std::string& name = turn.status().stable_revision;
  if (turn.stable != nullptr || documents.empty() ||
      revision_name(turn.index().metadata.name, turn.wanted, documents) != name) {
    return;
  }
  const api::RevisionRecord record{.config = turn.wanted,
                                   .documents_digest = documents,
                                   .source = turn.spec().source,
                                   .analyzer = analyzer_record(turn)};
  apply(turn,
        render_revision(turn.index(),
                        {.name = name,
                         .data = to_json(record),
                         .number = next_number(turn.seen),
                         .facts = turn.status().stable,
                         .role = std::string(kRoleStable),
                         .verdict = std::string(kVerdictPromoted)}),
        nullptr);
}

void trim_history(Turn& turn) {
  std::vector<const Revision*> retired;
  std::size_t retained = 0;  // They count, and stay.
  for (const Revision& each : turn.seen.revisions) {
    retained += is_retained(turn, each) ? 1 : 0;
    const bool is_in_use = each.name() == turn.status().stable_revision ||
                           each.name() == turn.status().candidate_revision ||
                           is_previous(turn, each.name()) || is_retained(turn, each) ||
                           find_deployment(turn.seen, each.name()) != nullptr;
    if (!is_in_use) {
      retired.push_back(&each);
    }
  }
  std::ranges::sort(retired, std::ranges::greater{}, &Revision::number);
  for (std::size_t i = kHistoryMax - std::min(kHistoryMax, retained); i < retired.size(); ++i) {
    remove(turn, kube::kControllerRevisionKind, retired[i]->metadata);
  }
}

}  // namespace

void keep_revisions(Turn& turn) {
  for (const Revision& known : turn.seen.revisions) {
    const RevisionWish wish = wish_of(turn, known);
    apply(turn, render_revision(turn.index(), wish), &known.metadata);
    if (!wish.lost_at.empty() && known.metadata.annotation(kLostAtAnnotation).empty()) {
      announce(turn,
               true,
               "RetainedLost",
               known.name() + " was to be kept and is held nowhere any more: it is dropped");
    }
  }
  if (turn.has_stable()) {
    restore_stable(turn);
  }
  add_candidate(turn);
  trim_history(turn);
}

}  // namespace sluice::rag_index
