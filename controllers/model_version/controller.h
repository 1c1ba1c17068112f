#pragma once
// ModelVersionController: the shell around decide(). Observes from caches, writes the status under
// the resource version that was observed, then records Events. Loop thread; all that it is given
// outlives it.

#include <string>

#include "apiclient/client.h"
#include "apiclient/informer.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "base/rng.h"
#include "controllers/model_version/decide.h"
#include "controllers/runtime/controller.h"
#include "controllers/runtime/event_recorder.h"
#include "crds/model_version.h"
#include "crds/rag_index.h"

namespace sluice::model_version {

struct Surroundings {
  Loop& loop;
  Client& client;
  MetricsRegistry& metrics;
  EventRecorder& events;
  Informer<api::ModelVersion>& models;
  Informer<api::RagIndex>& indexes;
};

class ModelVersionController {
 public:
  ModelVersionController(const Surroundings& surroundings, Rng rng);
  ModelVersionController(const ModelVersionController&) = delete;
  ModelVersionController& operator=(const ModelVersionController&) = delete;

  // For the Manager, which starts and stops it.
  [[nodiscard]] Controller& controller() { return controller_; }

 private:
  void enqueue_models_of(const Change<api::RagIndex>& change);
  void reconcile(const kube::ObjectKey& key, ReconcileDone done);
  void tell(const api::ModelVersion& model, const Decision& decision);

  Surroundings world_;
  Controller controller_;
};

}  // namespace sluice::model_version
