#include "controllers/rag_index/render_parts.h"

#include "base/describe.h"
#include "controllers/rag_index/names.h"
#include "controllers/rag_index/observation.h"
#include "crds/names.h"

namespace sluice::rag_index {
namespace {

constexpr std::string_view kSourceVolume = "source-authorization";
constexpr std::string_view kGoldenSetVolume = "golden-set-authorization";

std::string body_of(const api::RagIndex& index, const Outline& outline, std::string_view hash) {
  kube::StringMap labels = outline.labels;
  labels[std::string(api::kManagedByLabel)] = "sluice";
  labels[std::string(api::kIndexLabel)] = index.metadata.name;
  kube::StringMap annotations = outline.annotations;
  annotations[std::string(kAppliedAnnotation)] = std::string(hash);
  JsonWriter json;
  json.begin_object();
  json.member("apiVersion", std::string_view(outline.kind.api_version()));
  json.member("kind", outline.kind.kind);
  json.key("metadata").begin_object();
  json.member("name", std::string_view(outline.name));
  json.member("namespace", std::string_view(index.metadata.namespace_name));
  write_map(json, "labels", labels);
  write_map(json, "annotations", annotations);
  json.key("ownerReferences").begin_array().begin_object();
  json.member("apiVersion", std::string_view(api::kRagIndexKind.api_version()));
  json.member("kind", api::kRagIndexKind.kind);
  json.member("name", std::string_view(index.metadata.name));
  json.member("uid", std::string_view(index.metadata.uid));
  json.member("controller", true).member("blockOwnerDeletion", false);
  json.end_object().end_array();
  json.end_object();
  outline.rest(json);
  json.end_object();
  return json.take();
}

void write_quantities(JsonWriter& json,
                      std::string_view name,
                      const std::map<std::string, Quantity>& values) {
  if (values.empty()) {
    return;
  }
  json.key(name).begin_object();
  for (const auto& [resource, quantity] : values) {
    json.member(resource, std::string_view(quantity.text));
  }
  json.end_object();
}

// Optional: without it the pod starts, and its program says what is missing.
void write_authorization_volume(JsonWriter& json,
                                std::string_view name,
                                const std::string& secret) {
  if (secret.empty()) {
    return;
  }
  json.begin_object().member("name", name).key("secret").begin_object();
  json.member("secretName", std::string_view(secret)).member("defaultMode", 0440);
  json.member("optional", true);
  json.key("items").begin_array().begin_object();
  json.member("key", api::kAuthorizationKey).member("path", api::kAuthorizationKey);
  json.end_object().end_array().end_object().end_object();
}

}  // namespace

Manifest finish(const api::RagIndex& index, const Outline& outline) {
  std::string hash = short_hash(body_of(index, outline, ""));
  std::string body = body_of(index, outline, hash);
  return {
      .kind = outline.kind, .name = outline.name, .body = std::move(body), .hash = std::move(hash)};
}

Manifest budget_of(const api::RagIndex& index,
                   std::string name,
                   const kube::StringMap& labels,
                   std::int64_t min_available) {
  return finish(
      index, {kube::kPodDisruptionBudgetKind, std::move(name), labels, {}, [&](JsonWriter& json) {
                json.key("spec").begin_object().member("minAvailable", min_available);
                json.key("selector").begin_object();
                write_map(json, "matchLabels", labels);
                json.end_object().end_object();
              }});
}

void write_map(JsonWriter& json, std::string_view name, const kube::StringMap& map) {
  json.key(name).begin_object();
  for (const auto& [key, value] : map) {
    json.member(key, std::string_view(value));
  }
  json.end_object();
}

void write_strings(JsonWriter& json, std::string_view name, const std::vector<std::string>& items) {
  if (items.empty()) {
    return;
  }
  json.key(name).begin_array();
  for (const std::string& item : items) {
    json.value(std::string_view(item));
  }
  json.end_array();
}

void write_resources(JsonWriter& json,
                     const api::Resources& resources,
                     const api::Resources& fallback) {
  api::Resources all = resources;
  for (const auto& [resource, quantity] : fallback.requests) {
    // A limit without a request is the request too; a default of ours could lie above it.
    if (!all.limits.contains(resource)) {
      all.requests.emplace(resource, quantity);
    }
  }
  json.key("resources").begin_object();
  write_quantities(json, "requests", all.requests);
  write_quantities(json, "limits", all.limits);
  json.end_object();
}

void write_environment(JsonWriter& json, const kube::StringMap& values) {
  json.key("env").begin_array();
  for (const auto& [name, value] : values) {
    json.begin_object().member("name", name);
    json.member("value", std::string_view(value)).end_object();
  }
  // Who we are, for logs and counters.
  for (const auto& [name, path] :
       {std::pair{"POD_NAME", "metadata.name"}, std::pair{"POD_NAMESPACE", "metadata.namespace"}}) {
    json.begin_object().member("name", name);
    json.key("valueFrom").begin_object().key("fieldRef").begin_object();
    json.member("apiVersion", "v1").member("fieldPath", path);
    json.end_object().end_object().end_object();
  }
  json.end_array();
}

void write_pod_template(JsonWriter& json,
                        const std::optional<api::PodTemplate>& wanted,
                        const kube::StringMap& labels) {
  if (!wanted) {
    return;
  }
  if (!wanted->image_pull_secrets.empty()) {
    json.key("imagePullSecrets").begin_array();
    for (const api::SecretReference& secret : wanted->image_pull_secrets) {
      json.begin_object().member("name", std::string_view(secret.name)).end_object();
    }
    json.end_array();
  }
  if (!wanted->node_selector.empty()) {
    write_map(json, "nodeSelector", wanted->node_selector);
  }
  if (!wanted->tolerations.empty()) {
    json.key("tolerations").begin_array();
    for (const api::Toleration& toleration : wanted->tolerations) {
      json.raw(to_json(toleration));
    }
    json.end_array();
  }
  if (!wanted->topology_spread_constraints.empty()) {
    json.key("topologySpreadConstraints").begin_array();
    for (const api::TopologySpread& spread : wanted->topology_spread_constraints) {
      json.begin_object().member("maxSkew", spread.max_skew);
      json.member("topologyKey", std::string_view(spread.topology_key));
      json.member("whenUnsatisfiable", api::name_of(spread.when_unsatisfiable));
      json.key("labelSelector").begin_object();
      write_map(json, "matchLabels", labels);
      json.end_object().end_object();
    }
    json.end_array();
  }
  if (!wanted->priority_class_name.empty()) {
    json.member("priorityClassName", std::string_view(wanted->priority_class_name));
  }
}

void write_pod_security(JsonWriter& json) {
  json.key("securityContext").begin_object();
  json.member("runAsNonRoot", true);
  json.member("runAsUser", 65532).member("runAsGroup", 65532).member("fsGroup", 65532);
  json.key("seccompProfile").begin_object().member("type", "RuntimeDefault").end_object();
  json.end_object();
}

void write_container_security(JsonWriter& json) {
  json.key("securityContext").begin_object();
  json.member("allowPrivilegeEscalation", false).member("readOnlyRootFilesystem", true);
  json.key("capabilities").begin_object().key("drop").begin_array().value("ALL").end_array();
  json.end_object().end_object();
}

void write_probe(JsonWriter& json, std::string_view name, std::string_view path, int failures_max) {
  json.key(name).begin_object();
  json.key("httpGet").begin_object().member("path", path).member("port", "http");
  json.member("scheme", "HTTP").end_object();
  json.member("periodSeconds", 2).member("timeoutSeconds", 2);
  json.member("failureThreshold", failures_max);
  json.end_object();
}

void write_port(JsonWriter& json) {
  json.key("ports").begin_array().begin_object();
  json.member("name", "http").member("containerPort", api::kHttpPort).member("protocol", "TCP");
  json.end_object().end_array();
}

void write_volumes(JsonWriter& json, const Secrets& secrets, const std::string& claim) {
  json.key("volumes").begin_array();
  for (const std::string_view name : {"data", "tmp"}) {
    json.begin_object().member("name", name);
    if (name == "data" && !claim.empty()) {
      json.key("persistentVolumeClaim").begin_object();
      json.member("claimName", std::string_view(claim)).end_object().end_object();
    } else {
      json.key("emptyDir").begin_object().end_object().end_object();
    }
  }
  if (!secrets.token.empty()) {
    json.begin_object().member("name", "token").key("secret").begin_object();
    json.member("secretName", std::string_view(secrets.token)).member("defaultMode", 0440);
    json.key("items").begin_array().begin_object();
    json.member("key", api::kTokenKey).member("path", api::kTokenKey);
    json.end_object().end_array().end_object().end_object();
  }
  write_authorization_volume(json, kSourceVolume, secrets.source);
  write_authorization_volume(json, kGoldenSetVolume, secrets.golden_set);
  json.end_array();
}

void write_mounts(JsonWriter& json, const Secrets& secrets) {
  json.key("volumeMounts").begin_array();
  json.begin_object().member("name", "data").member("mountPath", "/data").end_object();
  json.begin_object().member("name", "tmp").member("mountPath", "/tmp").end_object();
  const auto mount = [&json](std::string_view name, std::string_view path) {
    json.begin_object().member("name", name).member("mountPath", path);
    json.member("readOnly", true).end_object();
  };
  if (!secrets.token.empty()) {
    mount("token", api::kTokenFolder);
  }
  if (!secrets.source.empty()) {
    mount(kSourceVolume, api::kSourceSecretFolder);
  }
  if (!secrets.golden_set.empty()) {
    mount(kGoldenSetVolume, api::kGoldenSetSecretFolder);
  }
  json.end_array();
}

kube::StringMap selector_of(const api::RagIndex& index,
                            std::string_view component,
                            std::string_view revision) {
  kube::StringMap labels;
  labels[std::string(api::kIndexLabel)] = index.metadata.name;
  labels[std::string(api::kComponentLabel)] = std::string(component);
  if (!revision.empty()) {
    labels[std::string(api::kRevisionLabel)] = std::string(revision);
  }
  return labels;
}

}  // namespace sluice::rag_index
