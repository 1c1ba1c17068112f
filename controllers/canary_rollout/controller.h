#pragma once
// CanaryRolloutController: the shell around decide(). Observes from caches and stores, never from
// the network; writes the policy first where one begins, then the status under the resource version
// that was observed, then Events and clean-up. Loop thread; all that it is given outlives it.

#include <cstdint>
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
#include "base/loop.h"
#include "base/metrics.h"
#include "base/rng.h"
#include "controllers/canary_rollout/decision.h"
#include "controllers/canary_rollout/pod_watch.h"
#include "controllers/runtime/controller.h"
#include "controllers/runtime/event_recorder.h"
#include "controllers/scrape/scraper.h"
#include "crds/canary_rollout.h"
#include "crds/rag_index.h"

namespace sluice::canary_rollout {

// What the controller lives on. Revisions and pods are cached with the label api::kIndexLabel as an
// index.
struct Surroundings {
  Loop& loop;
  Client& client;
  MetricsRegistry& metrics;
  EventRecorder& events;
  Informer<api::CanaryRollout>& rollouts;
  Informer<api::RagIndex>& indexes;
  Informer<kube::ControllerRevision>& revisions;
  Informer<kube::Pod>& pods;
  scrape::Stores& stores;
};

class CanaryRolloutController {
 public:
  CanaryRolloutController(const Surroundings& surroundings, Rng rng);
  CanaryRolloutController(const CanaryRolloutController&) = delete;
  CanaryRolloutController& operator=(const CanaryRolloutController&) = delete;

  // For the Manager, which starts and stops it.
  [[nodiscard]] Controller& controller() { return controller_; }

  // The rollout and all around it, as the caches have it now. The rollout must be cached.
  [[nodiscard]] Observation observe(const api::CanaryRollout& rollout);

 private:
  // A decision on its way to the API server, step by step. Shared by its callbacks.
  struct Act;

  void subscribe();
  void enqueue_of_index(const kube::ObjectKey& index, bool only_in_progress);
  void reconcile(const kube::ObjectKey& key, ReconcileDone done);
  // The cache does not show our own last write yet: what it shows was decided on already.
  [[nodiscard]] bool is_behind_us(const api::CanaryRollout& rollout);

  void store_policies(const std::shared_ptr<Act>& act);
  void write_status(const std::shared_ptr<Act>& act);
  void status_written(const std::shared_ptr<Act>& act, const Result<std::string>& body);
  void follow_up(const std::shared_ptr<Act>& act);
  void drop_policy(const kube::ObjectKey& key);
  void report(const Act& act);

  Surroundings world_;
  Controller controller_;
  PodWatch pod_watch_;
  std::map<kube::ObjectKey, WallTime> looking_since_;
  Referrers<api::CanaryRollout> of_index_;  // Which rollouts name an index.
  // Rollouts whose status we wrote: the resourceVersion that it was decided on. The cache shows it
  // until our write comes back through the watch.
  std::map<kube::ObjectKey, std::string> decided_on_;
};

}  // namespace sluice::canary_rollout
