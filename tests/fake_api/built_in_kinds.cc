#include <fmt/format.h>

#include <regex>

#include "tests/fake_api/api_state.h"

namespace sluice::fake {
namespace {

constexpr std::size_t kLabelValueMax = 63;

void check_metadata(const Json& object, std::vector<std::string>& errors) {
  static const std::regex name_pattern(
      "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$");
  static const std::regex value_pattern("^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$");
  const std::string name = text_at(object, {"metadata", "name"});
  if (name.size() > 253 || !std::regex_match(name, name_pattern)) {
    errors.push_back(fmt::format(
        "metadata.name: Invalid value: \"{}\": a lowercase RFC 1123 subdomain is required", name));
  }
  for (const auto& [label, value] : at(object, {"metadata", "labels"}).items()) {
    const std::string text = value.is_string() ? value.get<std::string>() : "";
    if (!value.is_string() || text.size() > kLabelValueMax ||
        !std::regex_match(text, value_pattern)) {
      errors.push_back(
          fmt::format("metadata.labels: Invalid value: {}: label {}", value.dump(), label));
    }
  }
  for (const auto& [annotation, value] : at(object, {"metadata", "annotations"}).items()) {
    if (!value.is_string()) {
      errors.push_back("metadata.annotations: Invalid value: " + annotation + " is not a string");
    }
  }
}

void check_deployment(const Json& object, const Json& old, std::vector<std::string>& errors) {
  const Json& selector = at(object, {"spec", "selector"});
  const Json& labels = at(object, {"spec", "template", "metadata", "labels"});
  const Json& match = at(selector, {"matchLabels"});
  if (!match.is_object() || match.empty()) {
    errors.push_back("spec.selector: Required value");
  }
  for (const auto& [name, value] : match.items()) {
    if (at(labels, {name}) != value) {
      errors.push_back(
          "spec.template.metadata.labels: Invalid value: `selector` does not match "
          "template `labels`");
    }
  }
  if (!old.is_null() && at(old, {"spec", "selector"}) != selector) {
    errors.push_back("spec.selector: Invalid value: field is immutable");
  }
  const Json& containers = at(object, {"spec", "template", "spec", "containers"});
  if (!containers.is_array() || containers.empty()) {
    errors.push_back("spec.template.spec.containers: Required value");
  }
}

void check_service(const Json& object, std::vector<std::string>& errors) {
  static const std::regex name_pattern("^[a-z]([-a-z0-9]*[a-z0-9])?$");
  const std::string name = text_at(object, {"metadata", "name"});
  if (name.size() > 63 || !std::regex_match(name, name_pattern)) {
    errors.push_back(
        fmt::format("metadata.name: Invalid value: \"{}\": a DNS-1035 label is required", name));
  }
  const Json& ports = at(object, {"spec", "ports"});
  if (text_at(object, {"spec", "clusterIP"}) != "None" && (!ports.is_array() || ports.empty())) {
    errors.push_back("spec.ports: Required value");
  }
}

void check_event(const Json& object, std::vector<std::string>& errors) {
  if (text_at(object, {"note"}).size() > 1024) {
    errors.push_back("note: Invalid value: can have at most 1024 bytes");
  }
  for (const char* name : {"reason", "action", "reportingController", "reportingInstance"}) {
    const std::string text = text_at(object, {name});
    if (text.empty() || text.size() > 128) {
      errors.push_back(std::string(name) + ": must have between 1 and 128 bytes");
    }
  }
}

// MicroTime: the real server refuses a time without its six digits.
void check_lease(const Json& object, std::vector<std::string>& errors) {
  static const std::regex micro_time(R"(^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$)");
  for (const char* name : {"renewTime", "acquireTime"}) {
    const std::string text = text_at(object, {"spec", name});
    if (!text.empty() && !std::regex_match(text, micro_time)) {
      errors.push_back(fmt::format("spec.{}: Invalid value: \"{}\": not a MicroTime", name, text));
    }
  }
}

}  // namespace

std::vector<KindTraits> built_in_kinds() {
  const auto plain =
      [](const char* group, const char* version, const char* kind, const char* plural) {
        return KindTraits{.group = group, .version = version, .kind = kind, .plural = plural};
      };
  KindTraits deployment = plain("apps", "v1", "Deployment", "deployments");
  deployment.has_status = deployment.has_generation = true;
  KindTraits pod = plain("", "v1", "Pod", "pods");
  pod.has_status = true;
  KindTraits service = plain("", "v1", "Service", "services");
  service.has_status = true;
  KindTraits budget = plain("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets");
  budget.has_status = budget.has_generation = true;
  KindTraits network = plain("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies");
  network.has_generation = true;
  KindTraits lease = plain("coordination.k8s.io", "v1", "Lease", "leases");
  lease.may_update_unconditionally = false;
  return {deployment,
          pod,
          service,
          budget,
          network,
          lease,
          plain("", "v1", "ConfigMap", "configmaps"),
          plain("", "v1", "Secret", "secrets"),
          plain("", "v1", "ServiceAccount", "serviceaccounts"),
          plain("apps", "v1", "ControllerRevision", "controllerrevisions"),
          plain("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices"),
          plain("events.k8s.io", "v1", "Event", "events"),
          plain("rbac.authorization.k8s.io", "v1", "Role", "roles"),
          plain("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings")};
}

std::vector<std::string> validate_built_in(const KindTraits& kind,
                                           const Json& object,
                                           const Json& old) {
  std::vector<std::string> errors;
  check_metadata(object, errors);
  if (kind.kind == "Deployment") {
    check_deployment(object, old, errors);
  } else if (kind.kind == "Service") {
    check_service(object, errors);
  } else if (kind.kind == "Event") {
    check_event(object, errors);
  } else if (kind.kind == "Lease") {
    check_lease(object, errors);
  } else if (kind.kind == "ControllerRevision" && !old.is_null() &&
             at(old, {"data"}) != at(object, {"data"})) {
    errors.push_back("data: Invalid value: field is immutable");
  } else if (kind.kind == "Secret" && !old.is_null() && at(old, {"type"}) != at(object, {"type"})) {
    errors.push_back("type: Invalid value: field is immutable");
  }
  return errors;
}

void default_built_in(const KindTraits& kind, Json& object) {
  if (kind.kind == "Deployment") {
    Json& spec = object["spec"];
    const Json defaults = {{"replicas", 1},
                           {"revisionHistoryLimit", 10},
                           {"progressDeadlineSeconds", 600},
                           {"strategy", {{"type", "RollingUpdate"}}}};
    for (const auto& [name, value] : defaults.items()) {
      if (!spec.contains(name)) {
        spec[name] = value;
      }
    }
    Json& pod = spec["template"]["spec"];
    pod.emplace("restartPolicy", "Always");
    pod.emplace("dnsPolicy", "ClusterFirst");
    pod.emplace("schedulerName", "default-scheduler");
  } else if (kind.kind == "Service") {
    object["spec"].emplace("type", "ClusterIP");
    object["spec"].emplace("sessionAffinity", "None");
    object["spec"].emplace("clusterIP", "10.96.0.1");
  } else if (kind.kind == "Secret") {
    object.emplace("type", "Opaque");
  } else if (kind.kind == "Pod") {
    if (object["status"].is_null()) {
      object["status"] = {{"phase", "Pending"}};
    }
  }
}

}  // namespace sluice::fake
