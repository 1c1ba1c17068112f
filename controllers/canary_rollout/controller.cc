#include "controllers/canary_rollout/controller.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/describe.h"
#include "base/log.h"
#include "base/mutant.h"
#include "controllers/canary_rollout/decide.h"
#include "controllers/canary_rollout/render.h"
#include "crds/names.h"

namespace sluice::canary_rollout {
namespace {

// Until the cache shows our own write; the watch comes first as a rule.
constexpr Duration kCatchUp = std::chrono::seconds(2);

kube::ObjectKey index_key(const api::CanaryRollout& rollout) {
  return {rollout.metadata.namespace_name, rollout.spec.index_ref.name};
}

std::string resource_version_of(const std::string& body) {
  const auto written = from_json<api::CanaryRollout>(body);
  return written ? written->metadata.resource_version : std::string();
}

void observe_time(MetricsRegistry& metrics,
                  const std::string& until,
                  const std::optional<WallTime>& from,
                  const std::optional<WallTime>& to) {
  if (from && to && *to >= *from) {
    metrics
        .histogram("sluice_rollback_seconds",
                   "From the first bad answer of a candidate.",
                   {{"until", until}})
        .observe(std::chrono::duration<double>(*to - *from).count());
  }
}

}  // namespace

struct CanaryRolloutController::Act {
  api::CanaryRollout basis;
  Decision decision;
  ReconcileDone done;
  std::size_t next = 0;  // Of decision.actions.

  [[nodiscard]] kube::ObjectKey key(const std::string& name) const {
    return {basis.metadata.namespace_name, name};
  }
};

CanaryRolloutController::CanaryRolloutController(const Surroundings& surroundings, Rng rng)
    : world_(surroundings),
      controller_(world_.loop,
                  world_.metrics,
                  rng,
                  {.name = "canaryrollout",
                   .reconcile = [this](const kube::ObjectKey& key,
                                       ReconcileDone done) { reconcile(key, std::move(done)); }}),
      of_index_(world_.rollouts, index_key) {
  subscribe();
}

void CanaryRolloutController::subscribe() {
  controller_.watch(world_.rollouts);
  controller_.watch<api::RagIndex>(world_.indexes, [this](const Change<api::RagIndex>& change) {
    enqueue_of_index(change.key, false);
    return std::vector<kube::ObjectKey>{};
  });
  controller_.watch<kube::ControllerRevision>(
      world_.revisions, [](const Change<kube::ControllerRevision>& change) {
        return owners_of_kind(change, api::kCanaryRolloutKind.kind);
      });
  controller_.watch<kube::Pod>(world_.pods, [this](const Change<kube::Pod>& change) {
    const kube::Pod& pod = change.after != nullptr ? *change.after : *change.before;
    enqueue_of_index({change.key.namespace_name, std::string(pod.metadata.label(api::kIndexLabel))},
                     true);
    return std::vector<kube::ObjectKey>{};
  });
  world_.stores.samples.on_change(
      [this](const kube::ObjectKey& index) { enqueue_of_index(index, true); });
  world_.stores.evaluations.on_change(
      [this](const kube::ObjectKey& index) { enqueue_of_index(index, true); });
}

void CanaryRolloutController::enqueue_of_index(const kube::ObjectKey& index,
                                               bool only_in_progress) {
  for (const auto& rollout : of_index_.of(index)) {
    if (!only_in_progress || is_in_progress(rollout->status.phase)) {
      controller_.queue().add(rollout->metadata.key());
    }
  }
}

bool CanaryRolloutController::is_behind_us(const api::CanaryRollout& rollout) {
  const auto found = decided_on_.find(rollout.metadata.key());
  if (found == decided_on_.end()) {
    return false;
  }
  if (rollout.metadata.resource_version == found->second) {
    return true;
  }
  decided_on_.erase(found);
  return false;
}

void CanaryRolloutController::reconcile(const kube::ObjectKey& key, ReconcileDone done) {
  const auto rollout = world_.rollouts.lister().get(key);
  if (rollout == nullptr) {
    pod_watch_.forget(key);
    looking_since_.erase(key);
    decided_on_.erase(key);
    done(ReconcileResult::done());
    return;
  }
  if (is_behind_us(*rollout)) {
    done(ReconcileResult::after(kCatchUp));
    return;
  }
  auto act = std::make_shared<Act>();
  act->basis = *rollout;
  act->decision = decide(observe(*rollout), world_.loop.wall_now());
  act->done = std::move(done);
  store_policies(act);
}

// Policies come before the status that names them.
void CanaryRolloutController::store_policies(const std::shared_ptr<Act>& act) {
  while (act->next < act->decision.actions.size()) {
    const Action& action = act->decision.actions[act->next++];
    const auto* store = std::get_if<StorePolicy>(&action);
    if (store == nullptr) {
      continue;
    }
    world_.client.send(apply_object(kube::kControllerRevisionKind,
                                    act->key(store->name),
                                    policy_revision_json(act->basis, *store)),
                       [this, act](const Result<std::string>& body) {
                         if (body) {
                           store_policies(act);
                         } else {
                           act->done(ReconcileResult::failed(body.error().with_context("policy")));
                         }
                       });
    return;
  }
  write_status(act);
}

void CanaryRolloutController::write_status(const std::shared_ptr<Act>& act) {
  if (act->decision.status == act->basis.status) {
    follow_up(act);
    return;
  }
  if (is_planted(Mutant::kStatusUnversioned)) {
    act->basis.metadata.resource_version.clear();
  }
  world_.client.send(
      replace_status(api::kCanaryRolloutKind, act->basis.metadata, to_json(act->decision.status)),
      [this, act](const Result<std::string>& body) { status_written(act, body); });
}

void CanaryRolloutController::status_written(const std::shared_ptr<Act>& act,
                                             const Result<std::string>& body) {
  if (!body) {
    // A conflict means that the cache was behind: it will show what is there, and we decide again.
    act->done(ReconcileResult::failed(body.error().with_context("status")));
    return;
  }
  // A write that changed nothing on the server brings no event to wait for.
  if (resource_version_of(*body) != act->basis.metadata.resource_version) {
    decided_on_[act->basis.metadata.key()] = act->basis.metadata.resource_version;
  }
  report(*act);
  follow_up(act);
}

void CanaryRolloutController::drop_policy(const kube::ObjectKey& key) {
  const auto cached = world_.revisions.lister().get(key);
  if (cached == nullptr) {
    return;
  }
  world_.client.send(
      delete_object(kube::kControllerRevisionKind, key, {.uid = cached->metadata.uid}),
      [key](const Result<std::string>& body) {
        if (!body && body.error().code != ErrorCode::kNotFound) {
          log_warn("an old policy could not be deleted",
                   {{"key", key.text()}, {"error", body.error().describe()}});
        }
      });
}

// What is only told or tidied up once the status is stored. A failure here is made good by the next
// rollout (old policies) or not at all (Events are a courtesy).
void CanaryRolloutController::follow_up(const std::shared_ptr<Act>& act) {
  for (const Action& action : act->decision.actions) {
    if (const auto* drop = std::get_if<DropPolicy>(&action)) {
      drop_policy(act->key(drop->name));
    } else if (const auto* event = std::get_if<Announce>(&action)) {
      world_.events.record(api::kCanaryRolloutKind,
                           act->basis.metadata,
                           {.type = event->is_warning ? EventType::kWarning : EventType::kNormal,
                            .reason = event->reason,
                            .action = event->action,
                            .note = event->note});
    }
  }
  act->done({.look_again = act->decision.look_again});
}

// Transitions and verdicts go to the log in full, and their times to the metrics.
void CanaryRolloutController::report(const Act& act) {
  const api::CanaryRolloutStatus& before = act.basis.status;
  const api::CanaryRolloutStatus& after = act.decision.status;
  const std::string key = act.basis.metadata.key().text();
  if (!after.decisions.empty() &&
      (before.decisions.empty() || after.decisions.front() != before.decisions.front())) {
    const api::DecisionRecord& record = after.decisions.front();
    log_info("rollout decided",
             {{"kind", "CanaryRollout"},
              {"key", key},
              {"candidate", record.candidate},
              {"step", std::to_string(record.step)},
              {"verdict", record.verdict},
              {"reason", record.reason},
              {"message", record.message},
              {"inputs", record.inputs}});
    world_.metrics
        .counter("sluice_rollout_decisions_total",
                 "Decisions about candidates.",
                 {{"verdict", record.verdict}})
        .add();
  }
  if (before.phase != after.phase || before.step_index != after.step_index) {
    log_info("rollout moved",
             {{"kind", "CanaryRollout"},
              {"key", key},
              {"candidate", after.candidate_revision},
              {"step", after.step_summary},
              {"weight", after.weight_summary},
              {"message", after.message}});
  }
  const bool is_restored = after.last_rollback && after.last_rollback->traffic_restored_at &&
                           after.last_rollback != before.last_rollback;
  if (is_restored) {
    const api::RollbackRecord& times = *after.last_rollback;
    observe_time(world_.metrics, "protected", times.first_bad_answer_at, times.protected_at);
    observe_time(world_.metrics, "verdict", times.first_bad_answer_at, times.verdict_at);
    observe_time(world_.metrics, "restored", times.first_bad_answer_at, times.traffic_restored_at);
  }
}

}  // namespace sluice::canary_rollout
