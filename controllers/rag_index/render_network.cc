// Who may connect to an index's pods, and the token that they ask for where answers are not for
// everybody. Policies only ever add up: an index's own never takes away what another policy of the
// namespace allows.

#include "base/base64.h"
#include "controllers/rag_index/names.h"
#include "controllers/rag_index/render.h"
#include "controllers/rag_index/render_parts.h"
#include "crds/names.h"

namespace sluice::rag_index {
namespace {

// Every cluster sets it on each namespace.
constexpr std::string_view kNamespaceNameLabel = "kubernetes.io/metadata.name";
// Of the operator's own pods: config/operator/deployment.yaml.
constexpr std::string_view kNameLabel = "app.kubernetes.io/name";
constexpr std::string_view kOperatorName = "sluice-operator";
// A Secret's type never changes: the API server refuses to make one of somebody else's ours.
constexpr std::string_view kTokenSecretType = "sluice.dev/token";

void write_selector(JsonWriter& json, std::string_view name, const kube::StringMap& labels) {
  json.key(name).begin_object();
  write_map(json, "matchLabels", labels);
  json.end_object();
}

void write_ports(JsonWriter& json) {
  json.key("ports").begin_array().begin_object();
  json.member("protocol", "TCP").member("port", api::kHttpPort);
  json.end_object().end_array();
}

}  // namespace

Manifest render_worker_network(const api::RagIndex& index, const std::string& operator_namespace) {
  const kube::StringMap ours{{std::string(api::kIndexLabel), index.metadata.name}};
  const kube::StringMap labels{
      {std::string(api::kComponentLabel), std::string(api::kComponentWorker)}};
  return finish(
      index,
      {kube::kNetworkPolicyKind,
       index.metadata.name + "-workers",
       labels,
       {},
       [&](JsonWriter& json) {
         json.key("spec").begin_object().key("podSelector").begin_object();
         write_map(json, "matchLabels", ours);
         json.key("matchExpressions").begin_array().begin_object();
         json.member("key", api::kComponentLabel).member("operator", "In");
         write_strings(json,
                       "values",
                       {std::string(api::kComponentBuilder),
                        std::string(api::kComponentHolder),
                        std::string(api::kComponentWorker)});
         json.end_object().end_array().end_object();
         write_strings(json, "policyTypes", {"Ingress"});
         json.key("ingress").begin_array().begin_object().key("from").begin_array();
         json.begin_object();
         write_selector(json, "podSelector", ours);
         json.end_object();
         if (!operator_namespace.empty()) {
           json.begin_object();
           write_selector(
               json, "namespaceSelector", {{std::string(kNamespaceNameLabel), operator_namespace}});
           write_selector(
               json, "podSelector", {{std::string(kNameLabel), std::string(kOperatorName)}});
           json.end_object();
         }
         json.end_array();
         write_ports(json);
         json.end_object().end_array().end_object();
       }});
}

Manifest render_router_network(const api::RagIndex& index) {
  const kube::StringMap labels = selector_of(index, api::kComponentRouter);
  return finish(index,
                {kube::kNetworkPolicyKind,
                 router_name(index.metadata.name),
                 labels,
                 {},
                 [&](JsonWriter& json) {
                   json.key("spec").begin_object();
                   write_selector(json, "podSelector", labels);
                   write_strings(json, "policyTypes", {"Ingress"});
                   json.key("ingress").begin_array().begin_object();
                   write_ports(json);
                   json.end_object().end_array().end_object();
                 }});
}

Manifest render_token(const api::RagIndex& index, const std::string& token) {
  const kube::StringMap labels{
      {std::string(api::kComponentLabel), std::string(api::kComponentToken)}};
  return finish(
      index,
      {kube::kSecretKind, token_name(index.metadata.name), labels, {}, [&](JsonWriter& json) {
         json.member("type", kTokenSecretType);
         write_map(json, "data", {{std::string(api::kTokenKey), base64_encode(token)}});
       }});
}

}  // namespace sluice::rag_index
