#include "dataplane/router/route_watch.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "apiclient/curl_loop.h"
#include "apiclient/curl_transport.h"
#include "base/log.h"
#include "crds/names.h"

namespace sluice::router {
namespace {

constexpr std::string_view kRouteSuffix = "-route";
constexpr std::string_view kPortName = "http";

InformerOptions route_of(const WatchedIndex& index) {
  // The Role allows this one name; without the field selector the watch would be denied.
  return {
      .selection = {.kind = kube::kConfigMapKind,
                    .namespace_name = index.namespace_name,
                    .field_selector = "metadata.name=" + index.name + std::string(kRouteSuffix)}};
}

InformerOptions slices_of(const WatchedIndex& index) {
  // Slices carry the labels of their Service.
  return {.selection = {.kind = kube::kEndpointSliceKind,
                        .namespace_name = index.namespace_name,
                        .label_selector = std::string(api::kIndexLabel) + "=" + index.name}};
}

std::int32_t port_of(const kube::EndpointSlice& slice) {
  for (const kube::EndpointPort& port : slice.ports) {
    if (port.name == kPortName) {
      return port.port;
    }
  }
  return slice.ports.empty() ? 0 : slice.ports.front().port;
}

void add_slice(const kube::EndpointSlice& slice,
               bool takes_terminating,
               std::vector<EndpointAddress>& addresses) {
  const std::int32_t port = port_of(slice);
  if (port <= 0 || port > 65535 || slice.address_type == "FQDN") {
    return;
  }
  for (const kube::Endpoint& endpoint : slice.endpoints) {
    const bool is_wanted = takes_terminating
                               ? endpoint.conditions.serving && endpoint.conditions.terminating
                               : endpoint.conditions.ready;
    if (!is_wanted || endpoint.addresses.empty()) {
      continue;
    }
    const std::string& host = endpoint.addresses.front();  // The API's rule: all are one pod.
    addresses.push_back(
        {.pod = endpoint.target_ref ? endpoint.target_ref->name : host + ":" + std::to_string(port),
         .host = host,
         .port = static_cast<std::uint16_t>(port)});
  }
}

}  // namespace

EndpointsByRevision endpoints_of(
    const std::vector<std::shared_ptr<const kube::EndpointSlice>>& slices) {
  EndpointsByRevision endpoints;
  for (const bool takes_terminating : {false, true}) {
    EndpointsByRevision found;
    for (const auto& slice : slices) {
      const std::string revision(slice->metadata.label(kube::kServiceNameLabel));
      add_slice(*slice, takes_terminating, found[revision]);
    }
    for (auto& [revision, addresses] : found) {
      if (endpoints[revision].empty()) {
        endpoints[revision] = std::move(addresses);
      }
    }
  }
  for (auto& [revision, addresses] : endpoints) {
    // A pod may stand in two slices while they are rearranged.
    std::ranges::sort(addresses);
    const auto surplus = std::ranges::unique(addresses);
    addresses.erase(surplus.begin(), surplus.end());
  }
  return endpoints;
}

RouteWatch::RouteWatch(WatchMeans means, const WatchedIndex& index, Rng rng)
    : loop_(means.api.loop),
      keeper_(means.keeper),
      routes_(means.api, rng.fork(), route_of(index)),
      slices_(means.api, rng.fork(), slices_of(index)) {
  routes_.on_change([this](const Change<kube::ConfigMap>& change) { on_route(change); });
  slices_.on_change([this](const Change<kube::EndpointSlice>&) { on_slices(); });
}

void RouteWatch::start() {
  routes_.start();
  slices_.start();
}

void RouteWatch::stop() {
  routes_.stop();
  slices_.stop();
}

bool RouteWatch::has_synced() const {
  return routes_.has_synced() && slices_.has_synced();
}

void RouteWatch::on_route(const Change<kube::ConfigMap>& change) {
  if (change.type == ChangeType::kDeleted) {
    log_warn("the route's ConfigMap is gone; the running table stays");
    return;
  }
  const auto table = change.after->data.find(std::string(api::kRouteTableKey));
  if (table == change.after->data.end()) {
    log_warn("the route's ConfigMap has no table; the running one stays");
    return;
  }
  const auto manual_until = parse_time(change.after->metadata.annotation(api::kManualAnnotation));
  const bool is_manual = manual_until && *manual_until > loop_.wall_now();
  (void)keeper_.take_table(table->second,  // The keeper logs what it refuses.
                           is_manual ? TableWriter::kPerson : TableWriter::kOperator);
}

void RouteWatch::on_slices() {
  keeper_.take_endpoints(endpoints_of(slices_.lister().list()));
}

struct WatchThread::State {
  State(ApiServerConfig config, PlanKeeper& keeper, const WatchedIndex& index, std::uint64_t seed)
      : transport(loop, std::move(config)),
        watch({{loop, client, metrics}, keeper}, index, Rng(seed)) {}

  CurlLoop loop;
  CurlTransport transport;
  MetricsRegistry metrics;
  Client client{loop, transport, metrics};
  RouteWatch watch;
  std::jthread thread;
};

WatchThread::WatchThread(ApiServerConfig config,
                         PlanKeeper& keeper,
                         const WatchedIndex& index,
                         std::uint64_t seed)
    : state_(std::make_unique<State>(std::move(config), keeper, index, seed)) {
  state_->thread = std::jthread([state = state_.get()] {
    state->watch.start();
    state->loop.run();
    state->watch.stop();
  });
}

WatchThread::~WatchThread() {
  state_->loop.stop();
  state_->thread.join();
}

}  // namespace sluice::router
