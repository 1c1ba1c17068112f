#include "base/describe.h"
#include "controllers/rag_index/names.h"
#include "controllers/rag_index/render.h"
#include "controllers/rag_index/render_parts.h"
#include "crds/names.h"

namespace sluice::rag_index {
namespace {

const api::Resources& router_defaults() {
  static const api::Resources kDefaults{
      .requests = {{"cpu", Quantity{"50m"}}, {"memory", Quantity{"32Mi"}}}};
  return kDefaults;
}

// The routers of an index stand on as many nodes as there are, as far as that goes, unless the user
// says something else. Not the workers: their template never changes without a reason of the
// user's.
api::PodTemplate spread_over_nodes(const std::optional<api::PodTemplate>& wanted) {
  api::PodTemplate pod = wanted.value_or(api::PodTemplate{});
  if (pod.topology_spread_constraints.empty()) {
    pod.topology_spread_constraints = {
        {.topology_key = "kubernetes.io/hostname",
         .when_unsatisfiable = api::WhenUnsatisfiable::kScheduleAnyway}};
  }
  return pod;
}

void write_router_pod(JsonWriter& json, const api::RagIndex& index, const std::string& image) {
  const kube::StringMap labels = selector_of(index, api::kComponentRouter);
  const Secrets secrets{.token = token_name(index.metadata.name)};
  json.member("serviceAccountName", std::string_view(router_name(index.metadata.name)));
  json.member("enableServiceLinks", false).member("terminationGracePeriodSeconds", 30);
  write_pod_template(json, spread_over_nodes(index.spec.serving.pod_template), labels);
  write_pod_security(json);
  json.key("containers").begin_array().begin_object();
  json.member("name", "router").member("image", std::string_view(image));
  json.member("imagePullPolicy", "IfNotPresent");
  write_strings(json, "command", {"/usr/local/bin/sluice-router"});
  write_strings(json,
                "args",
                {"--index",
                 index.metadata.name,
                 "--namespace",
                 index.metadata.namespace_name,
                 "--name",
                 "$(POD_NAME)",
                 "--state-dir",
                 "/data"});
  write_environment(json, {});
  json.member("terminationMessagePolicy", "FallbackToLogsOnError");
  write_container_security(json);
  write_mounts(json, secrets);
  write_resources(json, index.spec.traffic.router.resources, router_defaults());
  write_port(json);
  write_probe(json, "readinessProbe", "/ready", 2);
  write_probe(json, "livenessProbe", "/health", 15);
  json.end_object().end_array();
  write_volumes(json, secrets);
}

void write_rule(JsonWriter& json,
                std::string_view group,
                std::string_view resource,
                const std::vector<std::string>& names) {
  json.begin_object();
  json.key("apiGroups").begin_array().value(group).end_array();
  json.key("resources").begin_array().value(resource).end_array();
  write_strings(json, "resourceNames", names);
  write_strings(json, "verbs", {"get", "list", "watch"});
  json.end_object();
}

}  // namespace

Manifest render_router(const api::RagIndex& index,
                       const std::string& image,
                       std::int32_t replicas) {
  const kube::StringMap labels = selector_of(index, api::kComponentRouter);
  return finish(
      index,
      {kube::kDeploymentKind, router_name(index.metadata.name), labels, {}, [&](JsonWriter& json) {
         json.key("spec").begin_object();
         json.member("replicas", static_cast<std::int64_t>(replicas));
         json.member("revisionHistoryLimit", 1).member("minReadySeconds", 1);
         json.key("strategy").begin_object().member("type", "RollingUpdate");
         json.key("rollingUpdate").begin_object();
         json.member("maxUnavailable", 0).member("maxSurge", 1).end_object().end_object();
         json.key("selector").begin_object();
         write_map(json, "matchLabels", labels);
         json.end_object();
         json.key("template").begin_object().key("metadata").begin_object();
         write_map(json, "labels", labels);
         json.end_object().key("spec").begin_object();
         write_router_pod(json, index, image);
         json.end_object().end_object().end_object();
       }});
}

Manifest render_router_budget(const api::RagIndex& index) {
  return budget_of(
      index, router_name(index.metadata.name), selector_of(index, api::kComponentRouter), 1);
}

Manifest render_route(const api::RagIndex& index, const wire::RouteTable& table) {
  const kube::StringMap labels{
      {std::string(api::kComponentLabel), std::string(api::kComponentRoute)}};
  return finish(
      index,
      {kube::kConfigMapKind, route_name(index.metadata.name), labels, {}, [&](JsonWriter& json) {
         json.key("data").begin_object();
         json.member(api::kRouteTableKey, std::string_view(to_json(table)));
         json.end_object();
       }});
}

std::vector<Manifest> render_router_access(const api::RagIndex& index) {
  const std::string name = router_name(index.metadata.name);
  const kube::StringMap labels{
      {std::string(api::kComponentLabel), std::string(api::kComponentRouter)}};
  std::vector<Manifest> all;
  all.push_back(finish(index, {kube::kServiceAccountKind, name, labels, {}, [](JsonWriter&) {}}));
  all.push_back(finish(index, {kube::kRoleKind, name, labels, {}, [&](JsonWriter& json) {
                                 json.key("rules").begin_array();
                                 write_rule(
                                     json, "", "configmaps", {route_name(index.metadata.name)});
                                 write_rule(json, "discovery.k8s.io", "endpointslices", {});
                                 json.end_array();
                               }}));
  all.push_back(finish(index, {kube::kRoleBindingKind, name, labels, {}, [&](JsonWriter& json) {
                                 json.key("roleRef").begin_object();
                                 json.member("apiGroup", kube::kRoleKind.group);
                                 json.member("kind", "Role").member("name", std::string_view(name));
                                 json.end_object();
                                 json.key("subjects").begin_array().begin_object();
                                 json.member("kind", "ServiceAccount");
                                 json.member("name", std::string_view(name));
                                 json.member("namespace",
                                             std::string_view(index.metadata.namespace_name));
                                 json.end_object().end_array();
                               }}));
  return all;
}

}  // namespace sluice::rag_index
