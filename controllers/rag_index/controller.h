#pragma once
// RagIndexController: the shell around decide(). Observes from caches and scrape stores (never the
// network), writes the status first and under the version it saw, then acts, in order, up to the
// first failure. Everything it was given outlives it. Loop thread.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "apiclient/client.h"
#include "apiclient/informer.h"
#include "apiclient/types/apps.h"
#include "apiclient/types/core.h"
#include "controllers/rag_index/decide.h"
#include "controllers/runtime/controller.h"
#include "controllers/runtime/event_recorder.h"
#include "controllers/scrape/scraper.h"
#include "crds/canary_rollout.h"
#include "crds/model_version.h"
#include "crds/names.h"
#include "crds/rag_index.h"

namespace sluice::rag_index {

// The caches. Of children only those with our label are expected, indexed by api::kIndexLabel.
struct Listers {
  Lister<api::RagIndex> indexes;
  Lister<api::CanaryRollout> rollouts;
  Lister<kube::ControllerRevision> revisions;
  Lister<kube::Deployment> deployments;
  Lister<kube::Pod> pods;
  Lister<kube::ConfigMap> config_maps;
  Lister<kube::Secret> secrets;
  Lister<api::ModelVersion> models;
  std::function<bool()> are_models_known;  // Their cache has synced.
  std::vector<std::pair<kube::ResourceKind, Lister<kube::MetadataOnly>>> others =
      {};  // kOtherKinds.
};

struct Connections {
  Loop& loop;
  Client& client;
  EventRecorder& events;
  scrape::Scraper& scraper;
  const scrape::Stores& stores;
};

class RagIndexController {
 public:
  RagIndexController(Connections connections, Listers listers, Settings settings);
  ~RagIndexController();
  RagIndexController(const RagIndexController&) = delete;
  RagIndexController& operator=(const RagIndexController&) = delete;

  // A ReconcileFunction: calls `done` exactly once.
  void reconcile(const kube::ObjectKey& key, ReconcileDone done);

  [[nodiscard]] Observation observe(const api::RagIndex& index) const;

  // For Controller::watch: the indexes whose spec names a model.
  [[nodiscard]] std::vector<kube::ObjectKey> indexes_of_model(
      const Change<api::ModelVersion>& change) const;

 private:
  // One reconcile on its way.
  struct Run {
    kube::ObjectMeta index = {};
    Decision decision = {};
    std::size_t next_action = 0;
    ReconcileDone done = {};
  };

  using RunPointer = std::shared_ptr<Run>;

  void write_status(const RunPointer& run);
  void act(const RunPointer& run);
  void send(const RunPointer& run, const ApiRequest& request, bool may_be_done);
  void record(const Run& run, const Announce& event);
  static void finish(const RunPointer& run);
  [[nodiscard]] bool is_cache_behind(const api::RagIndex& index) const;

  Connections world_;
  Listers listers_;
  Settings settings_;

  // By UID: the version that our last status write was based on, and when. A cache that still shows
  // it is older than what we know.
  struct Written {
    std::string basis;
    MonotonicTime at;
  };

  std::map<std::string, Written> written_;
  // Answers that come after we are gone find this empty.
  std::shared_ptr<RagIndexController*> self_;
};

// For Controller::watch: the index that a child belongs to, by its label.
template <class T>
[[nodiscard]] std::vector<kube::ObjectKey> index_of_child(const Change<T>& change) {
  std::vector<kube::ObjectKey> keys;
  for (const auto& object : {change.before, change.after}) {
    if (object != nullptr && !object->metadata.label(api::kIndexLabel).empty()) {
      keys.push_back(
          {object->metadata.namespace_name, std::string(object->metadata.label(api::kIndexLabel))});
    }
  }
  return keys;
}

// The index that a CanaryRollout names.
[[nodiscard]] std::vector<kube::ObjectKey> index_of_rollout(
    const Change<api::CanaryRollout>& change);

}  // namespace sluice::rag_index
