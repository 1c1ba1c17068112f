#include "controllers/rag_index/turn.h"

#include <algorithm>

#include "base/utf8.h"
#include "controllers/rag_index/names.h"

namespace sluice::rag_index {
namespace {

constexpr std::size_t kTextMax = 2000;
constexpr Duration kSoonest = std::chrono::milliseconds(50);

}  // namespace

api::CandidateStatus* Turn::candidate() {
  return decision.status.candidate ? &*decision.status.candidate : nullptr;
}

const api::CandidateStatus* Turn::candidate() const {
  return decision.status.candidate ? &*decision.status.candidate : nullptr;
}

void apply(Turn& turn, Manifest manifest, const kube::ObjectMeta* known) {
  if (known == nullptr || known->annotation(kAppliedAnnotation) != manifest.hash) {
    turn.decision.actions.emplace_back(Apply{std::move(manifest)});
  }
}

void remove(Turn& turn, const kube::ResourceKind& kind, const kube::ObjectMeta& known) {
  if (!known.deletion_timestamp) {
    turn.decision.actions.emplace_back(Delete{.kind = kind, .name = known.name, .uid = known.uid});
  }
}

void keep(Turn& turn, Manifest manifest) {
  const OwnedObject* known = find_other(turn.seen, manifest.kind, manifest.name);
  apply(turn, std::move(manifest), known == nullptr ? nullptr : &known->metadata);
}

void keep_budget(Turn& turn, Manifest budget, std::int32_t pods) {
  if (pods >= 2) {
    keep(turn, std::move(budget));
  } else if (const OwnedObject* known = find_other(turn.seen, budget.kind, budget.name)) {
    remove(turn, budget.kind, known->metadata);
  }
}

void announce(Turn& turn, bool is_warning, std::string_view reason, std::string note) {
  turn.decision.actions.emplace_back(
      Announce{.is_warning = is_warning, .reason = std::string(reason), .note = std::move(note)});
}

void look_again_in(Turn& turn, Duration delay) {
  const Duration wait = std::max(delay, kSoonest);
  auto& look_again = turn.decision.look_again;
  look_again = look_again ? std::min(*look_again, wait) : wait;
}

void set_condition(Turn& turn,
                   std::string_view type,
                   kube::ConditionStatus status,
                   const Outcome& why) {
  kube::set_condition(turn.status().conditions,
                      {.type = std::string(type),
                       .status = status,
                       .observed_generation = turn.index().metadata.generation,
                       .last_transition_time = turn.second,
                       .reason = why.reason,
                       .message = bounded(why.message)});
}

void set_condition(Turn& turn, std::string_view type, bool is_true, const Outcome& why) {
  set_condition(
      turn, type, is_true ? kube::ConditionStatus::kTrue : kube::ConditionStatus::kFalse, why);
}

void hold(Turn& turn, bool is_stalled, std::string_view reason, std::string_view message) {
  if (turn.outcome.reason.empty()) {
    turn.outcome = {
        .reason = std::string(reason), .message = bounded(message), .is_stalled = is_stalled};
  }
}

std::string bounded(std::string_view text) {
  return std::string(cut_utf8(text, kTextMax));
}

bool is_judging_candidate(const Turn& turn) {
  const api::CandidateStatus* candidate = turn.candidate();
  if (turn.rollout == nullptr || candidate == nullptr || !turn.is_judged()) {
    return false;
  }
  const api::CanaryRolloutStatus& rollout = turn.rollout->status;
  return rollout.index_uid == turn.index().metadata.uid &&
         rollout.candidate_config == candidate->config_hash &&
         rollout.candidate_since == candidate->since;
}

std::string verdict_of(const Turn& turn, const std::string& revision) {
  const api::CanaryRolloutStatus& rollout = turn.rollout->status;
  if (rollout.last_rollback && rollout.last_rollback->revision == revision &&
      !rollout.last_rollback->message.empty()) {
    return rollout.last_rollback->message;
  }
  return rollout.verdict.empty() ? rollout.message : rollout.verdict;
}

bool is_rolled_back(const Turn& turn) {
  if (!is_judging_candidate(turn)) {
    return false;
  }
  const api::RolloutPhase phase = turn.rollout->status.phase;
  return phase == api::RolloutPhase::kRollingBack || phase == api::RolloutPhase::kRolledBack;
}

api::DesiredTraffic obeyed(const Turn& turn) {
  if (!is_judging_candidate(turn) || is_rolled_back(turn)) {
    return {};
  }
  const api::DesiredTraffic& desired = turn.rollout->status.desired;
  const api::CandidateStatus& candidate = *turn.candidate();
  const bool is_meant = desired.index_uid == turn.index().metadata.uid &&
                        desired.index_generation == candidate.generation &&
                        desired.candidate == candidate.revision && !candidate.revision.empty();
  return is_meant ? desired : api::DesiredTraffic{};
}

Duration keep_candidate_for(const Turn& turn) {
  if (const api::ResolvedPolicy* policy = policy_of(turn)) {
    return policy->rollback.keep_candidate_for;
  }
  return turn.rollout != nullptr ? turn.rollout->spec.rollback.keep_candidate_for
                                 : api::RollbackOptions{}.keep_candidate_for;
}

const api::ResolvedPolicy* policy_of(const Turn& turn) {
  if (turn.rollout == nullptr) {
    return nullptr;
  }
  const auto found = turn.seen.policies.find(turn.rollout->status.policy_revision);
  return found == turn.seen.policies.end() ? nullptr : &found->second;
}

std::string stable_documents(const Turn& turn) {
  if (turn.stable != nullptr) {
    return turn.stable->record.documents_digest;
  }
  const auto& facts = turn.status().stable;
  return facts && turn.has_stable() ? facts->documents_digest : std::string{};
}

api::DocumentSource present_source(const Turn& turn, api::DocumentSource stored) {
  const auto& now = turn.spec().source.http;
  if (stored.http && now && stored.http->url == now->url) {
    stored.http->secret_ref = now->secret_ref;
  }
  return stored;
}

std::string candidate_documents(const Turn& turn) {
  const api::CandidateStatus* candidate = turn.candidate();
  return candidate != nullptr && candidate->documents ? candidate->documents->digest
                                                      : stable_documents(turn);
}

const api::RevisionConfig& candidate_config(const Turn& turn) {
  const api::CandidateStatus* candidate = turn.candidate();
  const bool has_stables = candidate != nullptr && candidate->documents && turn.stable != nullptr;
  return has_stables ? turn.stable->record.config : turn.wanted;
}

bool is_stable_wanted(const Turn& turn) {
  return turn.stable != nullptr && turn.stable->record.config == turn.wanted;
}

// A stored config is compared field by field; the hash only names what is not stored yet.
bool is_candidate_wanted(const Turn& turn) {
  const api::CandidateStatus& candidate = *turn.candidate();
  if (candidate.documents) {
    return is_config_settled(turn);
  }
  if (const Revision* known = find_revision(turn.seen, candidate.revision)) {
    return known->record.config == turn.wanted;
  }
  return candidate.config_hash == (turn.has_stable() ? config_hash(turn.wanted)
                                                     : first_config_hash(turn.wanted, turn.spec()));
}

const Revision* find_pair(const Turn& turn,
                          const api::RevisionConfig& config,
                          const std::string& documents) {
  const auto found = std::ranges::find_if(turn.seen.revisions, [&](const Revision& each) {
    return each.record.documents_digest == documents && each.record.config == config;
  });
  return found == turn.seen.revisions.end() ? nullptr : &*found;
}

// It is remembered whatever documents stable has by now. A config that was stable once was not
// rejected for itself: those were documents.
const Revision* find_rejected_config(const Turn& turn) {
  const Revision* found = find_pair(turn, turn.wanted, stable_documents(turn));
  if (found == nullptr) {
    for (const Revision& each : turn.seen.revisions) {
      if (each.record.config != turn.wanted) {
        continue;
      }
      if (each.metadata.label(api::kVerdictLabel) == kVerdictPromoted) {
        return nullptr;
      }
      found = found == nullptr || found->number < each.number ? &each : found;
    }
  }
  return found != nullptr && found->is_rejected() ? found : nullptr;
}

bool is_config_settled(const Turn& turn) {
  if (turn.stable == nullptr || is_stable_wanted(turn)) {
    return turn.stable != nullptr;
  }
  const Revision* rejected = turn.is_judged() ? find_rejected_config(turn) : nullptr;
  return rejected != nullptr && !is_retry_asked(turn, *rejected);
}

bool is_retry_asked(const Turn& turn, const Revision& rejected) {
  if (turn.rollout == nullptr || !turn.rollout->status.last_command) {
    return false;
  }
  const api::CommandRecord& command = *turn.rollout->status.last_command;
  return command.verb == "retry" && command.revision == rejected.name() &&
         command.result.starts_with("accepted") &&
         rejected.metadata.annotation(kRetriedAnnotation) != command.id;
}

std::vector<Fleet> fleets(const Turn& turn) {
  std::vector<Fleet> all;
  const auto add_stable = [&all, &turn](const Revision* known,
                                        const std::optional<api::RevisionFacts>& built) {
    const auto& facts = known != nullptr && known->facts ? known->facts : built;
    if (known != nullptr && facts) {
      all.push_back({.revision = known->name(),
                     .config = known->record.config,
                     .source = present_source(turn, known->record.source),
                     .facts = *facts,
                     .is_stable = true});
    }
  };
  add_stable(turn.stable, turn.status().stable);
  if (const auto& previous = turn.status().previous) {
    add_stable(find_revision(turn.seen, previous->revision), previous->facts);
  }
  const api::CandidateStatus* candidate = turn.candidate();
  // One that was found wanting before it had workers gets none.
  const bool may_have_workers = candidate != nullptr && candidate->facts &&
                                !candidate->revision.empty() &&
                                (candidate->phase != api::CandidatePhase::kFailed ||
                                 find_deployment(turn.seen, candidate->revision) != nullptr);
  if (may_have_workers) {
    const Revision* known = find_revision(turn.seen, candidate->revision);
    if (known != nullptr) {
      all.push_back({.revision = candidate->revision,
                     .config = known->record.config,
                     .source = present_source(turn, known->record.source),
                     .facts = *candidate->facts});
    }
  }
  return all;
}

std::int32_t workers_for(const Turn& turn, Share share) {
  const std::int32_t stable = turn.spec().serving.replicas;
  if (share == kWhole) {
    return stable;
  }
  // ceil(1.25 * stable * share), in whole numbers.
  const std::int64_t scaled = std::int64_t{125} * stable * share.ten_thousandths;
  const auto needed = static_cast<std::int32_t>((scaled + 999'999) / 1'000'000);
  return std::max(std::min(2, stable), needed);
}

TrafficShares asked_shares(const Turn& turn) {
  const api::CandidateStatus* candidate = turn.candidate();
  if (candidate == nullptr || turn.is_suspended() || turn.is_policy_lost || !turn.has_stable()) {
    return {};
  }
  if (candidate->phase != api::CandidatePhase::kFetching &&
      candidate->phase != api::CandidatePhase::kReady) {
    return {};
  }
  if (!turn.is_judged()) {
    return {.weight = kWhole};
  }
  const api::DesiredTraffic desired = obeyed(turn);
  switch (desired.mode) {
    case api::TrafficMode::kNone:
      return {};
    case api::TrafficMode::kSplit:
      return {.weight = desired.weight, .sticky_header = desired.sticky_header};
    case api::TrafficMode::kShadow:
      return {.shadow = desired.shadow_percent};
    case api::TrafficMode::kPromote:
      return {.weight = kWhole};
  }
  return {};
}

TrafficShares shares_of(const api::RouteStatus& route) {
  return {.weight = route.weight, .shadow = route.shadow, .sticky_header = route.sticky_header};
}

TrafficShares present_shares(const Turn& turn) {
  const auto& route = turn.status().route;
  const api::CandidateStatus* candidate = turn.candidate();
  const bool is_its = route && candidate != nullptr && !candidate->revision.empty() &&
                      route->candidate_revision == candidate->revision;
  return is_its ? shares_of(*route) : TrafficShares{};
}

bool is_traffic_off(const Turn& turn) {
  const auto& route = turn.status().route;
  return !route || (route->candidate_revision.empty() && route->confirmed);
}

bool is_previous(const Turn& turn, std::string_view revision) {
  const auto& previous = turn.status().previous;
  return previous && previous->revision == revision;
}

bool may_have_traffic(const Turn& turn, std::string_view revision) {
  const auto& route = turn.status().route;
  return route && (!route->confirmed || route->stable_revision == revision ||
                   route->candidate_revision == revision);
}

}  // namespace sluice::rag_index
