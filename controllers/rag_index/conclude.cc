#include <fmt/format.h>

#include <algorithm>

#include "controllers/rag_index/names.h"
#include "controllers/rag_index/turn.h"
#include "crds/names.h"

namespace sluice::rag_index {
namespace {

bool has_ready_router(const Turn& turn) {
  const auto routers = pods_of(turn.seen, api::kComponentRouter);
  return std::ranges::any_of(routers, [](const kube::Pod* pod) { return kube::is_ready(*pod); });
}

void summarize(Turn& turn) {
  api::RagIndexStatus& status = turn.status();
  const kube::ObjectMeta& meta = turn.index().metadata;
  status.observed_generation = meta.generation;
  status.url = query_url(meta.name, meta.namespace_name);
  const api::RevisionFacts facts = status.stable.value_or(api::RevisionFacts{});
  status.documents = facts.documents;
  status.chunks = facts.chunks;
  status.index_digest = facts.index_digest;
  status.index_bytes = facts.index_bytes;
  status.evaluation = facts.evaluation;
  const std::string& stable = status.stable_revision;
  const kube::Deployment* workers = stable.empty() ? nullptr : find_deployment(turn.seen, stable);
  status.replicas = workers == nullptr ? 0 : workers->status.replicas;
  status.ready_replicas = ready_workers(turn.seen, stable);
  status.selector = stable.empty() ? ""
                                   : fmt::format("{}={},{}={},{}={}",
                                                 api::kIndexLabel,
                                                 meta.name,
                                                 api::kComponentLabel,
                                                 api::kComponentWorker,
                                                 api::kRevisionLabel,
                                                 stable);
}

std::string manual_message(const Turn& turn) {
  return "a person moves the traffic until " + format_time(*turn.manual_until) +
         "; then, or when the annotation is removed, the route is put back";
}

// Said from the first time that the route bears the annotation.
void set_manual_route(Turn& turn) {
  constexpr std::string_view kType = "ManualRoute";
  const std::string_view text =
      turn.seen.route ? turn.seen.route->metadata.annotation(api::kManualAnnotation) : "";
  const auto until = parse_time(text);
  if (turn.manual_until) {
    set_condition(turn, kType, true, {.reason = "EditedByHand", .message = manual_message(turn)});
  } else if (!text.empty() && !until) {
    set_condition(
        turn,
        kType,
        false,
        {.reason = "InvalidExpiry",
         .message = "sluice.dev/manual is no time such as 2026-11-21T18:00:00Z; the edit is put "
                    "back"});
  } else if (until && *until > turn.now) {
    set_condition(
        turn,
        kType,
        false,
        {.reason = "InvalidTable", .message = "the edited table cannot be read; it is put back"});
  } else if (kube::find_condition(turn.status().conditions, kType) != nullptr) {
    set_condition(turn, kType, false, {.reason = "Over", .message = "the route is the operator's"});
  }
}

void explain_candidate(Turn& turn) {
  const api::CandidateStatus& candidate = *turn.candidate();
  const std::string text = (candidate.revision.empty() ? "the new revision" : candidate.revision) +
                           ": " + candidate.message;
  switch (candidate.phase) {
    case api::CandidatePhase::kResolving:
    case api::CandidatePhase::kBuilding:
      hold(turn, false, "Building", text);
      break;
    case api::CandidatePhase::kFetching:
      hold(turn, false, "Fetching", text);
      break;
    case api::CandidatePhase::kReady:
      hold(turn,
           false,
           turn.is_judged() ? "RolloutInProgress" : "ChangingOver",
           turn.is_judged()
               ? text + "; the CanaryRollout " + turn.status().policy_name + " judges it"
               : text);
      break;
    case api::CandidatePhase::kFailed:
      hold(turn,
           !turn.is_judged(),
           !candidate.failure.empty() ? candidate.failure
           : candidate.facts          ? "BelowFloor"
                                      : "BuildFailed",
           text);
      break;
  }
}

// Users are with stable: all of them, or all but those of the previous stable while it is watched.
bool is_route_settled(const Turn& turn) {
  const api::RagIndexStatus& status = turn.status();
  const bool is_watched = status.previous && !turn.is_returning && status.route->confirmed &&
                          status.route->candidate_revision == status.stable_revision;
  return is_watched ||
         (is_traffic_off(turn) && status.route->stable_revision == status.stable_revision);
}

// What still keeps a settled index from Ready.
void explain_serving(Turn& turn) {
  const api::RagIndexStatus& status = turn.status();
  const std::int32_t wanted = turn.spec().serving.replicas;
  if (!turn.lost.empty()) {
    hold(turn, true, "Lost", turn.lost);
  } else if (!turn.has_stable()) {
    hold(turn, false, "Starting", "the first revision begins");
  } else if (!is_route_settled(turn)) {
    hold(turn, false, "TrafficMoving", "routers have not confirmed the route yet");
  } else if (status.ready_replicas < wanted) {
    hold(turn,
         false,
         "WorkersNotReady",
         fmt::format("{} of {} workers ready", status.ready_replicas, wanted));
  } else if (!has_ready_router(turn)) {
    hold(turn, false, "RoutersNotReady", "no router is ready");
  }
}

void set_main_conditions(Turn& turn) {
  const Outcome& outcome = turn.outcome;
  const bool is_ready = outcome.reason.empty();
  const Outcome serving{.reason = "Serving",
                        .message = turn.status().stable_revision + " answers the spec as it is"};
  set_condition(turn, "Ready", is_ready, is_ready ? serving : outcome);
  set_condition(
      turn, "Reconciling", !is_ready && !outcome.is_stalled, is_ready ? serving : outcome);
  set_condition(turn, "Stalled", !is_ready && outcome.is_stalled, is_ready ? serving : outcome);
  const auto& previous = turn.status().previous;
  const bool has_workers = turn.status().ready_replicas > 0 ||
                           (previous && previous->ready_since) ||
                           (turn.status().route && present_shares(turn).weight == kWhole &&
                            ready_workers(turn.seen, turn.status().candidate_revision) > 0);
  const bool is_available = has_workers && has_ready_router(turn) && !turn.is_suspended();
  set_condition(
      turn,
      "Available",
      is_available,
      is_available          ? Outcome{.reason = "Answering", .message = "users are answered"}
      : turn.is_suspended() ? Outcome{.reason = "Suspended", .message = "serving.replicas is 0"}
      : !has_workers ? Outcome{.reason = "NoReadyWorker", .message = "no worker of stable is ready"}
                     : Outcome{.reason = "NoReadyRouter", .message = "no router is ready"});
}

void set_side_conditions(Turn& turn) {
  if (turn.wanted.drill && !turn.is_judged()) {
    set_condition(
        turn,
        "DrillActive",
        false,
        {.reason = "DrillRefused", .message = "a drill needs a stable revision and a rollout"});
  } else {
    const bool is_on = turn.candidate() != nullptr && candidate_config(turn).drill;
    set_condition(turn,
                  "DrillActive",
                  is_on,
                  is_on
                      ? Outcome{.reason = "DrillRunning",
                                .message = "the candidate fails on purpose and will be rolled back"}
                      : Outcome{.reason = "NoDrill", .message = "no candidate is a drill"});
  }
}

// False, then Unknown from the route's change on, then True when the routers had their time.
void set_unconfirmed(Turn& turn) {
  constexpr std::string_view kType = "TrafficUnconfirmed";
  const api::RouteStatus& route = *turn.status().route;
  if (turn.manual_until) {
    set_condition(turn, kType, false, {.reason = "ManualRoute", .message = manual_message(turn)});
    return;
  }
  if (route.confirmed) {
    set_condition(
        turn, kType, false, {.reason = "Confirmed", .message = "all routers run the route"});
    return;
  }
  std::string names;
  for (const std::string& each : route.unconfirmed_routers) {
    names += (names.empty() ? "" : ", ") + each;
  }
  const Outcome why{.reason = names.empty() ? "NoReadyRouter" : "RoutersBehind",
                    .message = names.empty() ? "no router is ready to confirm the route"
                                             : bounded("not confirmed by " + names)};
  const api::ResolvedPolicy* policy = policy_of(turn);
  const Duration within =
      policy != nullptr ? policy->rollback.within : api::RollbackOptions{}.within;
  const kube::Condition* known = kube::find_condition(turn.status().conditions, kType);
  const bool is_waiting = known != nullptr && known->status != kube::ConditionStatus::kFalse;
  const Duration waited = is_waiting ? turn.now - known->last_transition_time : Duration{0};
  const bool was_late = known != nullptr && known->status == kube::ConditionStatus::kTrue;
  if (was_late || waited >= within) {
    set_condition(turn, kType, true, why);
    return;
  }
  set_condition(turn, kType, kube::ConditionStatus::kUnknown, why);
  look_again_in(turn, within - waited);
}

}  // namespace

void conclude(Turn& turn) {
  summarize(turn);
  recall_loss(turn);
  if (turn.manual_until) {
    hold(turn, false, "ManualRoute", manual_message(turn));
  }
  if (turn.candidate() != nullptr) {
    explain_candidate(turn);
  }
  explain_serving(turn);
  explain_documents(turn);
  set_main_conditions(turn);
  set_artifact_conditions(turn);
  set_side_conditions(turn);
  set_manual_route(turn);
  set_model_condition(turn);
  set_unconfirmed(turn);
}

}  // namespace sluice::rag_index
