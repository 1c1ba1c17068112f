#pragma once
// RagIndexController: the shell around decide(). Observes from caches and scrape stores (never the
// network), writes the status first and under the version it saw, then acts, in order, up to the
// first failure. Everything it was given outlives it. Loop thread.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apiclient/client.h"
#include "apiclient/informer.h"
#include "apiclient/referrers.h"
#include "apiclient/types/apps.h"
#include "apiclient/types/core.h"
#include "controllers/rag_index/decide.h"
#include "controllers/rag_index/token_key.h"
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
  const Referrers<api::CanaryRollout>& rollouts;  // By their index.
  Lister<kube::ControllerRevision> revisions;
  Lister<kube::Deployment> deployments;
  Lister<kube::Pod> pods;
  Lister<kube::ConfigMap> config_maps;
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
  const TokenKey& token_key;
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
    std::string token = {};
    Duration token_period = {};  // How often the token's Secret is applied now.
    std::optional<Duration> token_due_in = {};
    ReconcileDone done = {};
  };

  using RunPointer = std::shared_ptr<Run>;

  void write_status(const RunPointer& run);
  void act(const RunPointer& run);
  void send(const RunPointer& run, const ApiRequest& request, bool may_be_done);
  void apply_token(const RunPointer& run, const ApplyToken& apply);
  void applied_token(Run& run, const Result<std::string>& answer);
  void record(const Run& run, const Announce& event);
  static void finish(const RunPointer& run);
  // Leaves the index alone for a while: its namespace is being deleted.
  void rest(const RunPointer& run);
  [[nodiscard]] bool is_cache_behind(const api::RagIndex& index) const;
  // When the index's Secret is to be applied again if it goes on like this; empty before the first.
  [[nodiscard]] std::optional<Duration> token_due_in(const Observation& seen) const;

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
  std::map<std::string, MonotonicTime> resting_;  // By UID: until when, see rest().

  // By UID: the token that was last put into the index's Secret, when, and whether that went well.
  // Nobody tells us when the Secret is changed or deleted: we may not read it.
  struct AppliedToken {
    std::string token;
    MonotonicTime at;
    bool is_applied = false;
  };

  std::map<std::string, AppliedToken> applied_tokens_;
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

// The index that a CanaryRollout names; and those that it names before and after a change.
[[nodiscard]] kube::ObjectKey index_named_by(const api::CanaryRollout& rollout);
[[nodiscard]] std::vector<kube::ObjectKey> index_of_rollout(
    const Change<api::CanaryRollout>& change);

}  // namespace sluice::rag_index
