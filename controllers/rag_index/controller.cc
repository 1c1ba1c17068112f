#include "controllers/rag_index/controller.h"

#include <algorithm>
#include <utility>

#include "base/describe.h"
#include "base/log.h"
#include "base/mutant.h"
#include "controllers/rag_index/names.h"
#include "controllers/rag_index/requests.h"

namespace sluice::rag_index {
namespace {

// How long we wait for a cache to show our own write before we believe the cache.
constexpr Duration kCacheLagMax = std::chrono::seconds(2);
constexpr Duration kCacheLook = std::chrono::milliseconds(100);
constexpr Duration kAfterConflict = std::chrono::milliseconds(100);
// In a namespace that is being deleted nothing can be made: an index that is still there is left
// alone for so long, whatever changes around it.
constexpr Duration kNamespaceEnds = std::chrono::minutes(1);
// The Secret with the token is applied this often; sooner while it may be what a pod waits for.
constexpr Duration kTokenEvery = std::chrono::minutes(30);
constexpr Duration kTokenSoon = std::chrono::seconds(30);
// Indexes that are remembered; those long gone are forgotten with the others.
constexpr std::size_t kRememberedMax = 10'000;

Duration token_period(const Observation& seen) {
  // Its containers are not there yet: for want of an image, a node, or a Secret.
  const bool is_awaited = std::ranges::any_of(seen.pods, [](const kube::Pod& pod) {
    return pod.status.phase == "Pending" && !pod.metadata.deletion_timestamp;
  });
  return is_awaited ? kTokenSoon : kTokenEvery;
}

}  // namespace

RagIndexController::RagIndexController(Connections connections, Listers listers, Settings settings)
    : world_(connections),
      listers_(std::move(listers)),
      settings_(std::move(settings)),
      self_(std::make_shared<RagIndexController*>(this)) {}

RagIndexController::~RagIndexController() {
  *self_ = nullptr;
}

Observation RagIndexController::observe(const api::RagIndex& index) const {
  const kube::ObjectMeta& meta = index.metadata;
  Observation seen{.index = index, .settings = settings_};
  for (const auto& rollout : listers_.rollouts.of(meta.key())) {
    seen.rollouts.push_back(*rollout);
  }
  // Names of indexes repeat in other namespaces; the label alone does not tell them apart.
  const auto each_child = [&meta](const auto& lister, const auto& take) {
    for (const auto& child : lister.by_label(api::kIndexLabel, meta.name)) {
      if (child->metadata.namespace_name == meta.namespace_name) {
        take(*child);
      }
    }
  };
  each_child(listers_.revisions, [&](const auto& each) { add_revision(seen, each); });
  each_child(listers_.deployments, [&](const auto& each) { seen.deployments.push_back(each); });
  each_child(listers_.pods, [&](const auto& each) { seen.pods.push_back(each); });
  for (const auto& [kind, lister] : listers_.others) {
    each_child(lister, [&seen, &kind](const kube::MetadataOnly& each) {
      seen.others.push_back({.kind = kind, .metadata = each.metadata});
    });
  }
  if (const auto route = listers_.config_maps.get({meta.namespace_name, route_name(meta.name)})) {
    seen.route = *route;
  }
  seen.token = world_.token_key.token_of(meta.uid);
  seen.is_token_due =
      !seen.token.empty() && token_due_in(seen).value_or(Duration{0}) <= Duration{0};
  if (const auto& analyzer = index.spec.retrieval.analyzer) {
    seen.are_models_known = listers_.are_models_known();
    const auto model = listers_.models.get({meta.namespace_name, analyzer->model_version_ref.name});
    if (model != nullptr) {
      seen.model = *model;
    }
  }
  for (const std::string_view component : {api::kComponentBuilder, api::kComponentHolder}) {
    for (const kube::Pod* pod : pods_of(seen, component)) {
      if (const auto* report = world_.stores.reports.find(pod->metadata.uid)) {
        seen.reports.emplace(pod->metadata.uid, *report);
      }
    }
  }
  seen.samples = world_.stores.samples.of_index(meta.key());
  if (const api::HttpSource* golden_set = golden_set_of(index.spec)) {
    const auto again = world_.stores.evaluations.find(scrape::key_of_reevaluation(
        meta.namespace_name, index.status.stable_revision, *golden_set));
    seen.stable_golden_again = again == nullptr ? std::string() : again->golden_digest;
  }
  return seen;
}

void RagIndexController::reconcile(const kube::ObjectKey& key, ReconcileDone done) {
  const auto index = listers_.indexes.get(key);
  if (index == nullptr) {
    world_.scraper.forget(key);
    done(ReconcileResult::done());
    return;
  }
  if (is_cache_behind(*index)) {
    done(ReconcileResult::after(kCacheLook));
    return;
  }
  if (const auto found = resting_.find(index->metadata.uid);
      found != resting_.end() && world_.loop.now() < found->second) {
    done(ReconcileResult::after(found->second - world_.loop.now()));
    return;
  }
  auto run = std::make_shared<Run>();
  run->index = index->metadata;
  run->done = std::move(done);
  const Observation seen = observe(*index);
  run->token = seen.token;
  run->token_period = token_period(seen);
  run->token_due_in = token_due_in(seen);
  run->decision = decide(seen, world_.loop.wall_now());
  world_.scraper.set_plan(key, run->decision.plan);
  if (run->decision.status != index->status) {
    write_status(run);
  } else {
    act(run);
  }
}

bool RagIndexController::is_cache_behind(const api::RagIndex& index) const {
  const auto found = written_.find(index.metadata.uid);
  return found != written_.end() && found->second.basis == index.metadata.resource_version &&
         world_.loop.now() - found->second.at < kCacheLagMax;
}

void RagIndexController::write_status(const RunPointer& run) {
  world_.client.send(
      replace_status(api::kRagIndexKind, run->index, to_json(run->decision.status)),
      [self = self_, run](const Result<std::string>& answer) {
        if (*self == nullptr) {
          return;
        }
        if (answer) {
          auto& written = (*self)->written_;
          if (written.size() > kRememberedMax) {
            written.clear();  // At worst some writes meet a conflict.
          }
          written[run->index.uid] = {.basis = run->index.resource_version,
                                     .at = (*self)->world_.loop.now()};
          (*self)->act(run);
        } else if (answer.error().code == ErrorCode::kConflict) {
          run->done(ReconcileResult::after(kAfterConflict));  // The cache is behind: look again.
        } else if (answer.error().code == ErrorCode::kNotFound) {
          run->done(ReconcileResult::done());
        } else {
          run->done(ReconcileResult::failed(answer.error()));
        }
      });
}

void RagIndexController::act(const RunPointer& run) {
  const std::vector<Action>& actions = run->decision.actions;
  while (run->next_action < actions.size()) {
    const Action& action = actions[run->next_action];
    ++run->next_action;
    if (const auto* event = std::get_if<Announce>(&action)) {
      record(*run, *event);
      continue;
    }
    if (const auto* token = std::get_if<ApplyToken>(&action)) {
      apply_token(run, *token);
      return;
    }
    const bool may_be_done = !std::holds_alternative<Apply>(action);  // Gone already.
    send(run, *request_of(action, run->index), may_be_done);
    return;  // The answer goes on from here.
  }
  finish(run);
}

void RagIndexController::send(const RunPointer& run, const ApiRequest& request, bool may_be_done) {
  world_.client.send(request, [self = self_, run, may_be_done](const Result<std::string>& answer) {
    if (*self == nullptr) {
      return;
    }
    const bool is_done = !answer && (answer.error().code == ErrorCode::kNotFound ||
                                     answer.error().code == ErrorCode::kConflict);
    if (answer || (may_be_done && is_done) || is_planted(Mutant::kErrorSwallowed)) {
      (*self)->act(run);
    } else if (answer.error().is_namespace_ending) {
      (*self)->rest(run);
    } else {
      run->done(ReconcileResult::failed(answer.error()));  // It says what was sent.
    }
  });
}

void RagIndexController::rest(const RunPointer& run) {
  if (resting_.size() > kRememberedMax) {
    resting_.clear();  // At worst some try once more.
  }
  resting_[run->index.uid] = world_.loop.now() + kNamespaceEnds;
  log_info("the namespace is being deleted; nothing more is made in it",
           {{"kind", "RagIndex"}, {"key", run->index.key().text()}});
  run->done(ReconcileResult::after(kNamespaceEnds));
}

std::optional<Duration> RagIndexController::token_due_in(const Observation& seen) const {
  const auto found = applied_tokens_.find(seen.index.metadata.uid);
  if (found == applied_tokens_.end() || found->second.token != seen.token) {
    return std::nullopt;
  }
  const AppliedToken& applied = found->second;
  const Duration period = applied.is_applied ? token_period(seen) : kTokenSoon;
  return period - (world_.loop.now() - applied.at);
}

void RagIndexController::apply_token(const RunPointer& run, const ApplyToken& apply) {
  world_.client.send(*request_of(apply, run->index),
                     [self = self_, run](const Result<std::string>& answer) {
                       if (*self == nullptr) {
                         return;
                       }
                       if (!answer && answer.error().is_namespace_ending) {
                         (*self)->rest(run);
                         return;
                       }
                       (*self)->applied_token(*run, answer);
                       (*self)->act(run);
                     });
}

void RagIndexController::applied_token(Run& run, const Result<std::string>& answer) {
  if (applied_tokens_.size() > kRememberedMax) {
    applied_tokens_.clear();  // At worst some are applied once more.
  }
  applied_tokens_[run.index.uid] = {
      .token = run.token, .at = world_.loop.now(), .is_applied = answer.has_value()};
  run.token_due_in = answer ? run.token_period : kTokenSoon;
  if (answer) {
    return;
  }
  const Error& error = answer.error();
  const std::string note =
      "Secret " + token_name(run.index.name) +
      " cannot be written, so pods may wait for it or know another token: " + error.describe();
  if (error.code == ErrorCode::kInvalid || error.code == ErrorCode::kForbidden) {
    record(run, {.is_warning = true, .reason = "TokenNotApplied", .note = note});
  } else {
    log_warn(note, {{"kind", "RagIndex"}, {"key", run.index.key().text()}});  // It may pass.
  }
}

void RagIndexController::record(const Run& run, const Announce& event) {
  const kube::ObjectKey key = run.index.key();
  log_info(event.note, {{"kind", "RagIndex"}, {"key", key.text()}, {"reason", event.reason}});
  world_.events.record(api::kRagIndexKind,
                       run.index,
                       {.type = event.is_warning ? EventType::kWarning : EventType::kNormal,
                        .reason = event.reason,
                        .action = "Reconcile",
                        .note = event.note});
}

void RagIndexController::finish(const RunPointer& run) {
  std::optional<Duration> look_again = run->decision.look_again;
  // What is due and was not applied is not wanted now.
  if (run->token_due_in && *run->token_due_in > Duration{0}) {
    look_again = std::min(look_again.value_or(*run->token_due_in), *run->token_due_in);
  }
  run->done(look_again ? ReconcileResult::after(*look_again) : ReconcileResult::done());
}

std::vector<kube::ObjectKey> RagIndexController::indexes_of_model(
    const Change<api::ModelVersion>& change) const {
  std::vector<kube::ObjectKey> keys;
  for (const auto& index : listers_.indexes.list(change.key.namespace_name)) {
    const auto& analyzer = index->spec.retrieval.analyzer;
    if (analyzer && analyzer->model_version_ref.name == change.key.name) {
      keys.push_back(index->metadata.key());
    }
  }
  return keys;
}

kube::ObjectKey index_named_by(const api::CanaryRollout& rollout) {
  return {rollout.metadata.namespace_name, rollout.spec.index_ref.name};
}

std::vector<kube::ObjectKey> index_of_rollout(const Change<api::CanaryRollout>& change) {
  std::vector<kube::ObjectKey> keys;
  for (const auto& rollout : {change.before, change.after}) {
    if (rollout != nullptr) {
      keys.push_back(index_named_by(*rollout));
    }
  }
  return keys;
}

}  // namespace sluice::rag_index
