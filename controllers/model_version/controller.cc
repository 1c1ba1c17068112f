#include "controllers/model_version/controller.h"

#include <memory>
#include <utility>

#include "base/describe.h"
#include "base/log.h"
#include "crds/names.h"

namespace sluice::model_version {

ModelVersionController::ModelVersionController(const Surroundings& surroundings, Rng rng)
    : world_(surroundings),
      controller_(world_.loop,
                  world_.metrics,
                  rng,
                  {.name = "modelversion",
                   .reconcile = [this](const kube::ObjectKey& key, ReconcileDone done) {
                     reconcile(key, std::move(done));
                   }}) {
  controller_.watch(world_.models);
  world_.indexes.on_change(
      [this](const Change<api::RagIndex>& change) { enqueue_models_of(change); });
}

void ModelVersionController::enqueue_models_of(const Change<api::RagIndex>& change) {
  for (const auto& model : world_.models.lister().list(change.key.namespace_name)) {
    const bool was_concerned = change.before != nullptr && concerns(*change.before, *model);
    if (was_concerned || (change.after != nullptr && concerns(*change.after, *model))) {
      controller_.queue().add(model->metadata.key());
    }
  }
}

void ModelVersionController::reconcile(const kube::ObjectKey& key, ReconcileDone done) {
  const auto model = world_.models.lister().get(key);
  if (model == nullptr) {
    done(ReconcileResult::done());
    return;
  }
  Observation seen{.model = *model};
  for (const auto& index : world_.indexes.lister().list(key.namespace_name)) {
    if (concerns(*index, *model)) {
      seen.indexes.push_back(*index);
    }
  }
  auto decision = std::make_shared<Decision>(decide(seen, world_.loop.wall_now()));
  if (decision->status == model->status) {
    done(ReconcileResult::done());
    return;
  }
  world_.client.send(
      replace_status(api::kModelVersionKind, model->metadata, to_json(decision->status)),
      [this, model, decision, done = std::move(done)](const Result<std::string>& body) {
        if (body) {
          tell(*model, *decision);
          done(ReconcileResult::done());
        } else if (body.error().code == ErrorCode::kNotFound) {
          done(ReconcileResult::done());
        } else {
          // A conflict means that the cache was behind: it will show what is there.
          done(ReconcileResult::failed(body.error().with_context("status")));
        }
      });
}

void ModelVersionController::tell(const api::ModelVersion& model, const Decision& decision) {
  for (const Announce& event : decision.events) {
    log_info(
        event.note,
        {{"kind", "ModelVersion"}, {"key", model.metadata.key().text()}, {"reason", event.reason}});
    world_.events.record(api::kModelVersionKind,
                         model.metadata,
                         {.type = event.is_warning ? EventType::kWarning : EventType::kNormal,
                          .reason = event.reason,
                          .action = "Reconcile",
                          .note = event.note});
  }
}

}  // namespace sluice::model_version
