// What is kept beside the revisions that have workers: one pod for each index, the holder, has the
// artefacts of promoted revisions before stable, so that going back to one needs no build and no
// source. With a volume it has stable's too, and finds all of them again after it was away.

#include <algorithm>

#include "controllers/rag_index/names.h"
#include "controllers/rag_index/turn.h"

namespace sluice::rag_index {
namespace {

// A holder's pod that is not ready by then will not be soon.
constexpr Duration kHolderStarts = std::chrono::minutes(5);
// One that could not keep stable's artefacts tries again after this.
constexpr Duration kKeepAgain = std::chrono::minutes(5);

std::int32_t retained_count(const Turn& turn) {
  return turn.rollout != nullptr ? turn.rollout->spec.rollback.retain_revisions
                                 : api::RollbackOptions{}.retain_revisions;
}

std::optional<api::VolumeClaim> claim_of(const Turn& turn) {
  const auto& artifacts = turn.spec().artifacts;
  return artifacts ? artifacts->persistent_volume_claim : std::nullopt;
}

std::string wanted_holder(const Turn& turn) {
  const auto claim = claim_of(turn);
  return holder_name(turn.index().metadata.name, claim ? claim->claim_name : "");
}

bool is_named(std::string_view names, std::string_view revision) {
  while (!names.empty()) {
    const std::size_t end = names.find(' ');
    if (names.substr(0, end) == revision) {
      return true;
    }
    names.remove_prefix(end == std::string_view::npos ? names.size() : end + 1);
  }
  return false;
}

bool asks_for(const kube::ObjectMeta& holder, const std::string& revision) {
  return is_named(holder.annotation(kHoldsAnnotation), revision);
}

// Some holder was asked for it already, so that it may have it.
bool was_asked_for(const Turn& turn, const std::string& revision) {
  return std::ranges::any_of(turn.seen.deployments, [&](const kube::Deployment& each) {
    return each.metadata.label(api::kComponentLabel) == api::kComponentHolder &&
           asks_for(each.metadata, revision);
  });
}

// The pod has gone through all that it is asked for; null until it says so.
const wire::BuildReport* answer_of(const Turn& turn, const kube::Pod& holder) {
  const auto found = turn.seen.reports.find(holder.metadata.uid);
  const bool is_there = found != turn.seen.reports.end() && found->second.report &&
                        found->second.report->phase == wire::BuildPhase::kReady;
  return is_there ? &*found->second.report : nullptr;
}

std::vector<const kube::Pod*> holders_of(const Turn& turn) {
  std::vector<const kube::Pod*> pods = pods_of(turn.seen, api::kComponentHolder);
  std::erase_if(pods, [](const kube::Pod* pod) { return pod->metadata.deletion_timestamp; });
  return pods;
}

// Digests of all that belongs to a revision; nothing while they are not known.
std::vector<std::string> artifacts_of(const Turn& turn, const Revision& revision) {
  const auto& facts = revision.facts                                     ? revision.facts
                      : revision.name() == turn.status().stable_revision ? turn.status().stable
                                                                         : revision.facts;
  if (!facts) {
    return {};
  }
  std::vector<std::string> digests{facts->index_digest,
                                   facts->evaluation_digest,
                                   facts->documents_digest,
                                   revision.record.config.analyzer_digest.value_or("")};
  std::erase(digests, "");
  return digests;
}

bool has_all(const wire::BuildReport& report, const std::vector<std::string>& digests) {
  return std::ranges::all_of(digests, [&](const std::string& digest) {
    return std::ranges::find(report.held, digest) != report.held.end();
  });
}

// Promoted before stable, newest first, as many as are to be kept. One that was lost counts: what
// came before it does not take its place.
std::vector<const Revision*> retained(const Turn& turn) {
  std::vector<const Revision*> promoted;
  for (const Revision& each : turn.seen.revisions) {
    if (each.metadata.label(api::kVerdictLabel) == kVerdictPromoted &&
        each.name() != turn.status().stable_revision) {
      promoted.push_back(&each);
    }
  }
  std::ranges::sort(promoted, std::ranges::greater{}, &Revision::number);
  promoted.resize(std::min(promoted.size(), static_cast<std::size_t>(retained_count(turn))));
  return promoted;
}

// Without a volume nobody else has stable's artefacts when it has no workers.
bool should_hold_stable(const Turn& turn) {
  const std::string& stable = turn.status().stable_revision;
  if (is_durable(turn)) {
    return true;
  }
  const bool may_be_had = was_asked_for(turn, stable) || has_holding_worker(turn.seen, stable);
  const bool is_needed =
      turn.is_suspended() || (was_asked_for(turn, stable) && !has_enough_workers(turn, stable));
  return retained_count(turn) > 0 && may_be_had && is_needed;
}

// What the holder is asked for, stable first: what a full volume has no room for comes last.
// Without a volume only what somebody has: nothing else could be got.
std::vector<const Revision*> asked_revisions(const Turn& turn) {
  std::vector<const Revision*> all;
  const auto add = [&](const Revision* revision) {
    if (revision != nullptr && !artifacts_of(turn, *revision).empty() &&
        std::ranges::find(all, revision) == all.end()) {
      all.push_back(revision);
    }
  };
  if (turn.stable != nullptr && should_hold_stable(turn)) {
    add(turn.stable);
  }
  for (const Revision* each : retained(turn)) {
    const bool may_be_had = is_durable(turn) || was_asked_for(turn, each->name()) ||
                            has_holding_worker(turn.seen, each->name());
    if (may_be_had && each->metadata.annotation(kLostAtAnnotation).empty()) {
      add(each);
    }
  }
  // A kept revision that is wanted again is held until its workers have it.
  const api::CandidateStatus* candidate = turn.candidate();
  if (candidate != nullptr && was_asked_for(turn, candidate->revision) &&
      !has_enough_workers(turn, candidate->revision)) {
    add(find_revision(turn.seen, candidate->revision));
  }
  return all;
}

HolderWish wish_for(const Turn& turn, const std::vector<const Revision*>& asked) {
  HolderWish wish{
      .name = wanted_holder(turn), .image = turn.seen.settings.image, .claim = claim_of(turn)};
  for (const Revision* revision : asked) {
    wish.revisions.push_back(revision->name());
    for (const std::string& digest : artifacts_of(turn, *revision)) {
      if (std::ranges::find(wish.artifacts, digest) == wish.artifacts.end()) {
        wish.artifacts.push_back(digest);
      }
    }
  }
  return wish;
}

bool has_drifted(const kube::Deployment& known, const HolderWish& wish) {
  const auto& containers = known.spec.pod_template.spec.containers;
  return known.spec.replicas != 1 ||
         (!containers.empty() && containers.front().image != wish.image);
}

// A pod of the wanted holder that has answered what is asked now; null while there is none.
const kube::Pod* answered_pod(const Turn& turn) {
  const std::string name = wanted_holder(turn);
  const kube::Deployment* known = find_deployment(turn.seen, name);
  if (known == nullptr) {
    return nullptr;
  }
  const std::string_view asked = known->metadata.annotation(kHoldsAnnotation);
  for (const kube::Pod* pod : holders_of(turn)) {
    if (pod->metadata.label(kHolderLabel) == name && kube::is_ready(*pod) &&
        pod->metadata.annotation(kHoldsAnnotation) == asked && answer_of(turn, *pod) != nullptr) {
      return pod;
    }
  }
  return nullptr;
}

// A pod that does not start is given up for now; no event tells when.
void follow_starts(Turn& turn) {
  for (const kube::Pod* pod : holders_of(turn)) {
    const Duration age = turn.now - pod->metadata.creation_timestamp.value_or(turn.now);
    if (!kube::is_ready(*pod) && age < kHolderStarts) {
      look_again_in(turn, kHolderStarts - age);
    }
  }
}

// The volume may be mended, or emptied, in the meantime.
void keep_again(Turn& turn) {
  const kube::Pod* pod = answered_pod(turn);
  if (!is_durable(turn) || pod == nullptr ||
      keeping_of(turn, turn.status().stable_revision) == Keeping::kHeld) {
    return;
  }
  const Duration age = turn.now - pod->metadata.creation_timestamp.value_or(turn.now);
  if (age >= kKeepAgain) {
    remove(turn, kube::kPodKind, pod->metadata);
  } else {
    look_again_in(turn, kKeepAgain - age);
  }
}

// Of another place, or of none: it goes when the wanted one has fetched from it what it could.
void remove_old_holders(Turn& turn, bool is_wanted) {
  if (is_wanted && answered_pod(turn) == nullptr) {
    return;
  }
  for (const kube::Deployment& each : turn.seen.deployments) {
    const bool is_holder = each.metadata.label(api::kComponentLabel) == api::kComponentHolder;
    if (is_holder && (!is_wanted || each.metadata.name != wanted_holder(turn))) {
      remove(turn, kube::kDeploymentKind, each.metadata);
    }
  }
}

}  // namespace

bool is_durable(const Turn& turn) {
  return claim_of(turn).has_value();
}

bool has_enough_workers(const Turn& turn, const std::string& revision) {
  return ready_workers(turn.seen, revision) >= std::min(2, turn.spec().serving.replicas);
}

bool is_retained(const Turn& turn, const Revision& revision) {
  const std::vector<const Revision*> all = retained(turn);
  return std::ranges::find(all, &revision) != all.end();
}

Keeping keeping_of(const Turn& turn, const std::string& revision) {
  const Revision* known = find_revision(turn.seen, revision);
  const auto digests = known == nullptr ? std::vector<std::string>{} : artifacts_of(turn, *known);
  if (digests.empty()) {
    return Keeping::kNot;
  }
  bool has_pod = false;
  bool is_coming = false;
  for (const kube::Pod* pod : holders_of(turn)) {
    const wire::BuildReport* answer = answer_of(turn, *pod);
    const bool has_it = answer != nullptr && has_all(*answer, digests);
    if (has_it && kube::is_ready(*pod)) {
      return Keeping::kHeld;
    }
    if (asks_for(pod->metadata, revision)) {
      const Duration age = turn.now - pod->metadata.creation_timestamp.value_or(turn.now);
      has_pod = true;
      is_coming = is_coming || has_it ||
                  (answer == nullptr && (kube::is_ready(*pod) || age < kHolderStarts));
    }
  }
  if (has_pod) {
    return is_coming ? Keeping::kComing : Keeping::kNot;
  }
  const kube::Deployment* holder = find_deployment(turn.seen, wanted_holder(turn));
  const auto* progress =
      holder == nullptr ? nullptr : kube::find_condition(holder->status.conditions, "Progressing");
  const bool is_stuck = progress != nullptr && progress->status == kube::ConditionStatus::kFalse;
  const auto asked = asked_revisions(turn);
  const bool is_asked = std::ranges::find(asked, known) != asked.end();
  return is_asked && !is_stuck ? Keeping::kComing : Keeping::kNot;
}

bool is_awaited_by_holder(const Turn& turn, const std::string& revision) {
  const auto asked = asked_revisions(turn);
  return std::ranges::find(asked, revision, &Revision::name) != asked.end() &&
         keeping_of(turn, revision) == Keeping::kComing;
}

bool is_dropped(const Turn& turn, const Revision& revision) {
  const api::CandidateStatus* candidate = turn.candidate();
  const kube::Pod* pod = answered_pod(turn);
  const bool was_asked = pod != nullptr && asks_for(pod->metadata, revision.name());
  const bool is_wanted = candidate != nullptr && candidate->revision == revision.name();
  // A volume that has no room for stable either may have some later.
  const bool is_certain =
      !is_durable(turn) || keeping_of(turn, turn.status().stable_revision) == Keeping::kHeld;
  return was_asked && !is_wanted && is_certain && is_retained(turn, revision) &&
         keeping_of(turn, revision.name()) == Keeping::kNot &&
         !has_holding_worker(turn.seen, revision.name());
}

void keep_retained(Turn& turn) {
  const std::vector<const Revision*> asked = asked_revisions(turn);
  const std::string service = holder_service(turn.index().metadata.name);
  if (!asked.empty()) {
    const HolderWish wish = wish_for(turn, asked);
    const kube::Deployment* known = find_deployment(turn.seen, wish.name);
    keep(turn, render_holder_service(turn.index()));
    apply(turn,
          render_holder(turn.index(), wish),
          known == nullptr || has_drifted(*known, wish) ? nullptr : &known->metadata);
    follow_starts(turn);
    keep_again(turn);
  } else if (const OwnedObject* known = find_other(turn.seen, kube::kServiceKind, service)) {
    remove(turn, known->kind, known->metadata);
  }
  remove_old_holders(turn, !asked.empty());
}

}  // namespace sluice::rag_index
