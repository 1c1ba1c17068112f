#pragma once
// The few fields of the core group that Sluice reads: Pod, Service, ConfigMap, Secret. Never
// written back.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apiclient/types/apps.h"
#include "apiclient/types/meta.h"

namespace sluice::kube {

inline constexpr ResourceKind kPodKind{"", "v1", "Pod", "pods"};
inline constexpr ResourceKind kServiceKind{"", "v1", "Service", "services"};
inline constexpr ResourceKind kConfigMapKind{"", "v1", "ConfigMap", "configmaps"};
inline constexpr ResourceKind kSecretKind{"", "v1", "Secret", "secrets"};
inline constexpr ResourceKind kServiceAccountKind{"", "v1", "ServiceAccount", "serviceaccounts"};
inline constexpr ResourceKind kRoleKind{"rbac.authorization.k8s.io", "v1", "Role", "roles"};
inline constexpr ResourceKind kRoleBindingKind{
    "rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings"};
inline constexpr ResourceKind kPodDisruptionBudgetKind{
    "policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets"};
inline constexpr ResourceKind kNetworkPolicyKind{
    "networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies"};

struct ContainerWaiting {
  std::string reason = {};
  std::string message = {};
  bool operator==(const ContainerWaiting&) const = default;
};

struct ContainerTerminated {
  std::int32_t exit_code = 0;
  std::string reason = {};
  std::string message = {};
  bool operator==(const ContainerTerminated&) const = default;
};

// Of `waiting`, `running`, `terminated` at most one is set.
struct ContainerState {
  std::optional<ContainerWaiting> waiting = {};
  std::optional<ContainerTerminated> terminated = {};
  bool operator==(const ContainerState&) const = default;
};

struct ContainerStatus {
  std::string name = {};
  bool ready = false;
  std::int32_t restart_count = 0;
  ContainerState state = {};
  ContainerState last_state = {};
  bool operator==(const ContainerStatus&) const = default;
};

struct PodStatus {
  std::string phase = {};  // Pending, Running, Succeeded, Failed, Unknown.
  std::string reason = {};
  std::string message = {};
  std::string pod_ip = {};
  std::vector<WorkloadCondition> conditions = {};
  std::vector<ContainerStatus> init_container_statuses = {};
  std::vector<ContainerStatus> container_statuses = {};
  bool operator==(const PodStatus&) const = default;
};

struct Pod {
  ObjectMeta metadata = {};
  PodSpec spec = {};
  PodStatus status = {};
  bool operator==(const Pod&) const = default;
};

// The Ready condition is True and the pod is not being deleted.
[[nodiscard]] bool is_ready(const Pod& pod);

struct ServicePort {
  std::string name = {};
  std::int32_t port = 0;
  bool operator==(const ServicePort&) const = default;
};

struct ServiceSpec {
  std::string cluster_ip = {};
  StringMap selector = {};
  std::vector<ServicePort> ports = {};
  bool operator==(const ServiceSpec&) const = default;
};

struct Service {
  ObjectMeta metadata = {};
  ServiceSpec spec = {};
  bool operator==(const Service&) const = default;
};

struct ConfigMap {
  ObjectMeta metadata = {};
  StringMap data = {};
  bool operator==(const ConfigMap&) const = default;
};

struct Secret {
  ObjectMeta metadata = {};
  StringMap data = {};  // Base64.
  bool operator==(const Secret&) const = default;
};

template <class Io>
void describe(Io& io, ContainerWaiting& value);
template <class Io>
void describe(Io& io, ContainerTerminated& value);
template <class Io>
void describe(Io& io, ContainerState& value);
template <class Io>
void describe(Io& io, ContainerStatus& value);
template <class Io>
void describe(Io& io, PodStatus& value);
template <class Io>
void describe(Io& io, Pod& value);
template <class Io>
void describe(Io& io, ServicePort& value);
template <class Io>
void describe(Io& io, ServiceSpec& value);
template <class Io>
void describe(Io& io, Service& value);
template <class Io>
void describe(Io& io, ConfigMap& value);
template <class Io>
void describe(Io& io, Secret& value);

}  // namespace sluice::kube
