#include "operator/operator.h"

#include <fmt/format.h>

#include "apiclient/client.h"
#include "controllers/canary_rollout/controller.h"
#include "controllers/model_version/controller.h"
#include "controllers/rag_index/controller.h"
#include "controllers/rag_index/token_key.h"
#include "controllers/runtime/event_recorder.h"
#include "controllers/runtime/leader_elector.h"
#include "controllers/runtime/manager.h"
#include "controllers/scrape/scraper.h"
#include "operator/caches.h"
#include "operator/condition_metrics.h"

namespace sluice {
namespace {

// Null without a namespace for the lease: then there is no election.
std::unique_ptr<LeaderElector> make_elector(const ApiContext& api,
                                            Rng& rng,
                                            const OperatorConfig& config) {
  if (config.lease_namespace.empty()) {
    return nullptr;
  }
  // A restarted process is another holder: nothing of the old one may be assumed.
  std::string identity = fmt::format("{}_{:016x}", config.pod_name, rng.next());
  return std::make_unique<LeaderElector>(
      api,
      rng.fork(),
      LeaderElectorOptions{.lease = {config.lease_namespace, "sluice-operator"},
                           .identity = std::move(identity)});
}

// Controllers wait for it as for a cache.
ManagedCache managed(rag_index::TokenKey& token_key) {
  return {.name = std::string(rag_index::kTokenKeyName),
          .start = [&token_key] { token_key.start(); },
          .stop = [&token_key] { token_key.stop(); },
          .has_synced = [&token_key] { return token_key.is_known(); },
          .problem = [&token_key] { return token_key.problem(); }};
}

}  // namespace

struct Operator::Parts {
  Parts(OperatorSeams seams, MetricsRegistry& metrics, const OperatorConfig& config)
      : client(seams.loop, seams.transport, metrics),
        token_key({seams.loop, client, metrics}, config.pod_namespace),
        caches({seams.loop, client, metrics}, seams.rng.fork(), config.watch_namespace),
        events({seams.loop, client, metrics}, "sluice.dev/operator", config.pod_name),
        scraper(seams.loop, seams.transport, metrics, stores),
        elector(make_elector({seams.loop, client, metrics}, seams.rng, config)),
        rollout_controller({.loop = seams.loop,
                            .client = client,
                            .metrics = metrics,
                            .events = events,
                            .rollouts = caches.rollouts,
                            .indexes = caches.indexes,
                            .revisions = caches.revisions,
                            .pods = caches.pods,
                            .stores = stores},
                           seams.rng.fork()),
        model_controller({.loop = seams.loop,
                          .client = client,
                          .metrics = metrics,
                          .events = events,
                          .models = caches.models,
                          .indexes = caches.indexes},
                         seams.rng.fork()),
        index_reconciler({.loop = seams.loop,
                          .client = client,
                          .events = events,
                          .scraper = scraper,
                          .stores = stores,
                          .token_key = token_key},
                         caches.listers(),
                         {.image = config.image, .namespace_name = config.pod_namespace}),
        index_controller(seams.loop,
                         metrics,
                         seams.rng.fork(),
                         {.name = "ragindex",
                          .reconcile =
                              [this](const kube::ObjectKey& key, ReconcileDone done) {
                                index_reconciler.reconcile(key, std::move(done));
                              }}),
        manager(seams.loop, elector.get()) {
    if (elector != nullptr) {
      client.set_fence([this] { return elector->is_leader(); });
    }
    manager.add(managed(token_key));
    caches.add_to(manager);
    count_conditions(caches.indexes, metrics);
    count_conditions(caches.rollouts, metrics);
    count_conditions(caches.models, metrics);
    wake_index_controller();
    std::vector<std::string> needed_by_indexes = caches.needed_by_indexes();
    needed_by_indexes.emplace_back(rag_index::kTokenKeyName);
    manager.add(index_controller, std::move(needed_by_indexes));
    manager.add(rollout_controller.controller(), caches.needed_by_indexes());
    manager.add(model_controller.controller(),
                {std::string(caches.models.kind().kind), std::string(caches.indexes.kind().kind)});
  }

  // What an index's decision may depend on: itself, its rollouts, its model, its children, what was
  // scraped.
  void wake_index_controller() {
    index_controller.watch(caches.indexes);
    index_controller.watch<api::CanaryRollout>(caches.rollouts, rag_index::index_of_rollout);
    index_controller.watch<api::ModelVersion>(caches.models,
                                              [this](const Change<api::ModelVersion>& change) {
                                                return index_reconciler.indexes_of_model(change);
                                              });
    watch_children(caches.revisions);
    watch_children(caches.deployments);
    watch_children(caches.pods);
    watch_children(caches.config_maps);
    for (const auto& informer : caches.others) {
      watch_children(*informer);
    }
    const auto enqueue = [this](const kube::ObjectKey& index) {
      index_controller.queue().add(index);
    };
    stores.samples.on_change(enqueue);
    stores.reports.on_change(enqueue);
    stores.evaluations.on_change(enqueue);
    token_key.on_change([this, enqueue] {
      for (const auto& index : caches.indexes.lister().list()) {
        enqueue(index->metadata.key());
      }
    });
  }

  template <class T>
  void watch_children(Informer<T>& informer) {
    index_controller.watch<T>(informer, rag_index::index_of_child<T>);
  }

  Client client;
  rag_index::TokenKey token_key;
  Caches caches;
  EventRecorder events;
  scrape::Stores stores;
  scrape::Scraper scraper;
  std::unique_ptr<LeaderElector> elector;
  canary_rollout::CanaryRolloutController rollout_controller;
  model_version::ModelVersionController model_controller;
  rag_index::RagIndexController index_reconciler;
  Controller index_controller;
  Manager manager;
};

Operator::Operator(OperatorSeams seams, MetricsRegistry& metrics, const OperatorConfig& config)
    : parts_(std::make_unique<Parts>(seams, metrics, config)) {}

Operator::~Operator() = default;

void Operator::start(std::function<void()> on_lost) {
  parts_->manager.start(std::move(on_lost));
}

void Operator::stop(std::function<void()> stopped) {
  parts_->manager.stop(std::move(stopped));
}

bool Operator::is_ready() const {
  return parts_->manager.is_ready();
}

bool Operator::is_leading() const {
  return parts_->manager.is_leading();
}

std::vector<std::string> Operator::problems() const {
  return parts_->manager.problems();
}

}  // namespace sluice
