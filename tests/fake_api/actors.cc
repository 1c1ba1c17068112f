#include "tests/fake_api/actors.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "apiclient/types/apps.h"
#include "apiclient/types/discovery.h"
#include "tests/fake_api/json.h"

namespace sluice {
namespace {

using fake::at;
using fake::Json;
using fake::text_at;

constexpr const char* kUser = "actors";
constexpr Duration kLag = std::chrono::milliseconds(20);  // Controllers see changes a little later.
constexpr const char* kHashLabel = "pod-template-hash";

// FNV-1a: the same on every machine, unlike std::hash.
std::string hash_of(const std::string& text) {
  std::uint32_t hash = 2166136261U;
  for (const char c : text) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  }
  return fmt::format("{:08x}", hash);
}

bool is_owned_by(const kube::ObjectMeta& metadata, const std::string& uid) {
  return std::ranges::any_of(metadata.owner_references,
                             [&](const auto& owner) { return owner.uid == uid; });
}

bool is_selected(const kube::StringMap& selector, const kube::StringMap& labels) {
  return !selector.empty() && std::ranges::all_of(selector, [&](const auto& wanted) {
    const auto found = labels.find(wanted.first);
    return found != labels.end() && found->second == wanted.second;
  });
}

Json ready_condition(bool is_ready) {
  return Json::array({{{"type", "Ready"}, {"status", is_ready ? "True" : "False"}}});
}

}  // namespace

ClusterActors::ClusterActors(Loop& loop, FakeApiServer& server) : loop_(loop), server_(server) {
  // The server keeps the handler; it must not reach an actor that is gone.
  server_.on_change([this, alive = alive_] {
    if (*alive && next_look_ == TimerId{}) {
      next_look_ = loop_.call_after(kLag, [this] {
        next_look_ = {};
        look();
      });
    }
  });
}

ClusterActors::~ClusterActors() {
  *alive_ = false;
  loop_.cancel(next_look_);
  for (const auto& [uid, timer] : pods_) {
    loop_.cancel(timer);
  }
}

void ClusterActors::set_pod_plan(std::function<PodPlan(const kube::Pod&)> plan) {
  plan_ = std::move(plan);
}

void ClusterActors::look() {
  // Of the kinds that they act on; all other changes are nothing to them.
  const std::int64_t revision = std::max({server_.revision_of(kube::kDeploymentKind),
                                          server_.revision_of(kube::kPodKind),
                                          server_.revision_of(kube::kServiceKind)});
  if (revision == seen_revision_) {
    return;
  }
  seen_revision_ = revision;
  run_deployments();
  run_pods();
  run_endpoints();
}

bool ClusterActors::is_new(const std::string& what, const std::string& text) {
  std::string& last = written_[what];
  return std::exchange(last, text) != text;
}

void ClusterActors::run_deployments() {
  for (const auto& deployment : server_.list<kube::Deployment>(kube::kDeploymentKind)) {
    run_deployment(deployment);
  }
}

void ClusterActors::run_deployment(const kube::Deployment& deployment) {
  const auto body = server_.send(get_object(kube::kDeploymentKind, deployment.metadata.key()));
  if (!body) {
    return;
  }
  const std::string hash = hash_of(at(Json::parse(*body), {"spec", "template"}).dump());
  std::set<int> present;
  int ready = 0;
  std::vector<kube::Pod> old_pods;
  for (const auto& pod :
       server_.list<kube::Pod>(kube::kPodKind, deployment.metadata.namespace_name)) {
    if (!is_owned_by(pod.metadata, deployment.metadata.uid)) {
      continue;
    }
    const std::string prefix = deployment.metadata.name + "-" + hash + "-";
    if (!pod.metadata.name.starts_with(prefix)) {
      old_pods.push_back(pod);
      continue;
    }
    const int index = std::stoi(pod.metadata.name.substr(prefix.size()));
    if (index >= deployment.spec.replicas) {
      old_pods.push_back(pod);  // Scaled down.
      continue;
    }
    present.insert(index);
    ready += is_ready(pod) ? 1 : 0;
  }
  for (int index = 0; index < deployment.spec.replicas; ++index) {
    if (!present.contains(index)) {
      create_pod(deployment, hash, index);
    }
  }
  if (ready >= deployment.spec.replicas) {
    for (const auto& pod : old_pods) {
      static_cast<void>(server_.send(
          delete_object(kube::kPodKind, pod.metadata.key(), {.uid = pod.metadata.uid}), kUser));
    }
  }
  report(deployment, hash);
}

void ClusterActors::create_pod(const kube::Deployment& deployment,
                               const std::string& hash,
                               int index) {
  const auto body = server_.send(get_object(kube::kDeploymentKind, deployment.metadata.key()));
  const Json pod_template = at(Json::parse(*body), {"spec", "template"});
  const std::string name = fmt::format("{}-{}-{}", deployment.metadata.name, hash, index);
  Json pod = {{"apiVersion", "v1"},
              {"kind", "Pod"},
              {"metadata", at(pod_template, {"metadata"})},
              {"spec", at(pod_template, {"spec"})}};
  pod["metadata"]["name"] = name;
  pod["metadata"]["labels"][kHashLabel] = hash;
  pod["metadata"]["ownerReferences"] = Json::array({{{"apiVersion", "apps/v1"},
                                                     {"kind", "Deployment"},
                                                     {"name", deployment.metadata.name},
                                                     {"uid", deployment.metadata.uid},
                                                     {"controller", true}}});
  static_cast<void>(server_.send(
      create_object(kube::kPodKind, {deployment.metadata.namespace_name, name}, pod.dump()),
      kUser));
}

void ClusterActors::report(const kube::Deployment& deployment, const std::string& hash) {
  int all = 0;
  int updated = 0;
  int ready = 0;
  for (const auto& pod :
       server_.list<kube::Pod>(kube::kPodKind, deployment.metadata.namespace_name)) {
    if (is_owned_by(pod.metadata, deployment.metadata.uid)) {
      ++all;
      updated += pod.metadata.label(kHashLabel) == hash ? 1 : 0;
      ready += is_ready(pod) ? 1 : 0;
    }
  }
  const bool is_available = ready >= deployment.spec.replicas;
  const Json status = {
      {"observedGeneration", deployment.metadata.generation},
      {"replicas", all},
      {"updatedReplicas", updated},
      {"readyReplicas", ready},
      {"availableReplicas", ready},
      {"conditions",
       Json::array({{{"type", "Available"},
                     {"status", is_available ? "True" : "False"},
                     {"reason", is_available ? "MinimumReplicasAvailable" : "Progressing"}}})}};
  const auto now = server_.get<kube::Deployment>(kube::kDeploymentKind, deployment.metadata.key());
  if (now && is_new("status of " + deployment.metadata.uid, status.dump())) {
    static_cast<void>(
        server_.send(replace_status(kube::kDeploymentKind, now->metadata, status.dump()), kUser));
  }
}

void ClusterActors::run_pods() {
  for (const auto& pod : server_.list<kube::Pod>(kube::kPodKind)) {
    if (pods_.contains(pod.metadata.uid)) {
      continue;
    }
    const PodPlan plan = plan_ ? plan_(pod) : PodPlan{};
    pods_[pod.metadata.uid] = loop_.call_after(
        plan.ready_after, [this, key = pod.metadata.key(), plan] { finish_pod(key, plan); });
  }
}

void ClusterActors::finish_pod(const kube::ObjectKey& key, const PodPlan& plan) {
  const auto pod = server_.get<kube::Pod>(kube::kPodKind, key);
  if (!pod) {
    return;
  }
  std::string& address = addresses_[pod->metadata.uid];
  if (address.empty()) {
    ++last_address_;
    address = fmt::format("10.244.{}.{}", last_address_ / 250, last_address_ % 250 + 1);
  }
  const std::string container =
      pod->spec.containers.empty() ? "main" : pod->spec.containers.front().name;
  Json state = {{"running", Json::object()}};
  std::string phase = "Running";
  bool becomes_ready = !plan.is_never_ready;
  if (plan.waiting) {
    state = {{"waiting", {{"reason", plan.waiting->reason}, {"message", plan.waiting->message}}}};
    phase = "Pending";
    becomes_ready = false;
  } else if (plan.terminated) {
    state = {{"terminated",
              {{"exitCode", plan.terminated->exit_code},
               {"reason", plan.terminated->reason},
               {"message", plan.terminated->message}}}};
    phase = plan.terminated->exit_code == 0 ? "Succeeded" : "Failed";
    becomes_ready = false;
  }
  const Json status = {{"phase", phase},
                       {"podIP", address},
                       {"conditions", ready_condition(becomes_ready)},
                       {"containerStatuses",
                        Json::array({{{"name", container},
                                      {"ready", becomes_ready},
                                      {"restartCount", 0},
                                      {"state", state}}})}};
  write_pod_status(*pod, status.dump());
}

void ClusterActors::write_pod_status(const kube::Pod& pod, const std::string& status) {
  static_cast<void>(server_.send(replace_status(kube::kPodKind, pod.metadata, status), kUser));
}

void ClusterActors::set_ready(const kube::ObjectKey& pod, bool is_ready) {
  const auto body = server_.send(get_object(kube::kPodKind, pod));
  const auto found = server_.get<kube::Pod>(kube::kPodKind, pod);
  if (body && found) {
    Json status = at(Json::parse(*body), {"status"});
    status["conditions"] = ready_condition(is_ready);
    write_pod_status(*found, status.dump());
  }
}

void ClusterActors::run_endpoints() {
  for (const auto& service : server_.list<kube::Service>(kube::kServiceKind)) {
    if (service.spec.selector.empty()) {
      continue;
    }
    Json endpoints = Json::array();
    for (const auto& pod :
         server_.list<kube::Pod>(kube::kPodKind, service.metadata.namespace_name)) {
      if (!is_selected(service.spec.selector, pod.metadata.labels) || pod.status.pod_ip.empty()) {
        continue;
      }
      endpoints.push_back(
          {{"addresses", Json::array({pod.status.pod_ip})},
           {"conditions",
            {{"ready", is_ready(pod)}, {"serving", is_ready(pod)}, {"terminating", false}}},
           {"targetRef",
            {{"kind", "Pod"},
             {"namespace", pod.metadata.namespace_name},
             {"name", pod.metadata.name},
             {"uid", pod.metadata.uid}}}});
    }
    Json ports = Json::array();
    for (const auto& port : service.spec.ports) {
      ports.push_back({{"name", port.name}, {"port", port.port}, {"protocol", "TCP"}});
    }
    const std::string name = service.metadata.name + "-endpoints";
    const Json slice = {
        {"apiVersion", "discovery.k8s.io/v1"},
        {"kind", "EndpointSlice"},
        {"metadata",
         {{"name", name},
          {"labels", {{std::string(kube::kServiceNameLabel), service.metadata.name}}},
          {"ownerReferences",
           Json::array({{{"apiVersion", "v1"},
                         {"kind", "Service"},
                         {"name", service.metadata.name},
                         {"uid", service.metadata.uid}}})}}},
        {"addressType", "IPv4"},
        {"endpoints", endpoints},
        {"ports", ports}};
    if (is_new("endpoints of " + service.metadata.uid, slice.dump())) {
      static_cast<void>(server_.send(
          apply_object(
              kube::kEndpointSliceKind, {service.metadata.namespace_name, name}, slice.dump()),
          kUser));
    }
  }
}

}  // namespace sluice
