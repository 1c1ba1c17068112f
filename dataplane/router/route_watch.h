#pragma once
// RouteWatch: keeps a PlanKeeper equal to what the API server says: the ConfigMap "<index>-route"
// and the EndpointSlices of the index's Services (a Service is named as its revision). While the
// API server is away nothing changes. Loop thread; outlived by loop, client, metrics and keeper.
//
// WatchThread: production's, with a thread, a CurlLoop and a transport of its own.

#include <memory>
#include <string>
#include <vector>

#include "apiclient/client.h"
#include "apiclient/credentials.h"
#include "apiclient/informer.h"
#include "apiclient/types/core.h"
#include "apiclient/types/discovery.h"
#include "base/metrics.h"
#include "base/rng.h"
#include "dataplane/router/plan_keeper.h"

namespace sluice::router {

struct WatchedIndex {
  std::string namespace_name = {};
  std::string name = {};
};

// The workers that slices name: ready ones; of a revision without any, those that still serve while
// they terminate. In order, each address once.
[[nodiscard]] EndpointsByRevision endpoints_of(
    const std::vector<std::shared_ptr<const kube::EndpointSlice>>& slices);

// What a watch works with; all of it outlives the watch.
struct WatchMeans {
  ApiContext api;
  PlanKeeper& keeper;
};

class RouteWatch {
 public:
  RouteWatch(WatchMeans means, const WatchedIndex& index, Rng rng);

  void start();
  void stop();

  // Both streams have been listed at least once.
  [[nodiscard]] bool has_synced() const;

 private:
  void on_route(const Change<kube::ConfigMap>& change);
  void on_slices();

  Loop& loop_;
  PlanKeeper& keeper_;
  Informer<kube::ConfigMap> routes_;
  Informer<kube::EndpointSlice> slices_;
};

class WatchThread {
 public:
  WatchThread(ApiServerConfig config,
              PlanKeeper& keeper,
              const WatchedIndex& index,
              std::uint64_t seed);
  // Stops and joins.
  ~WatchThread();
  WatchThread(const WatchThread&) = delete;
  WatchThread& operator=(const WatchThread&) = delete;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::router
