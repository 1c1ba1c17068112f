#include "apiclient/types/core.h"

#include "apiclient/types/bounds.h"
#include "base/describe.h"

namespace sluice::kube {

bool is_ready(const Pod& pod) {
  const WorkloadCondition* ready = find_condition(pod.status.conditions, "Ready");
  return ready != nullptr && ready->status == ConditionStatus::kTrue &&
         !pod.metadata.deletion_timestamp;
}

template <class Io>
void describe(Io& io, ContainerWaiting& value) {
  io.defaulted("reason", value.reason, kForeign);
  io.defaulted("message", value.message, kForeign);
}

template <class Io>
void describe(Io& io, ContainerTerminated& value) {
  io.defaulted("exitCode", value.exit_code);
  io.defaulted("reason", value.reason, kForeign);
  io.defaulted("message", value.message, kForeign);
}

template <class Io>
void describe(Io& io, ContainerState& value) {
  io.optional("waiting", value.waiting);
  io.optional("terminated", value.terminated);
}

template <class Io>
void describe(Io& io, ContainerStatus& value) {
  io.required("name", value.name, kForeign);
  io.defaulted("ready", value.ready);
  io.defaulted("restartCount", value.restart_count);
  io.defaulted("state", value.state);
  io.defaulted("lastState", value.last_state);
}

template <class Io>
void describe(Io& io, PodStatus& value) {
  io.defaulted("phase", value.phase, kForeign);
  io.defaulted("reason", value.reason, kForeign);
  io.defaulted("message", value.message, kForeign);
  io.defaulted("podIP", value.pod_ip, kForeign);
  io.defaulted("conditions", value.conditions, kForeign);
  io.defaulted("initContainerStatuses", value.init_container_statuses, kForeign);
  io.defaulted("containerStatuses", value.container_statuses, kForeign);
}

template <class Io>
void describe(Io& io, Pod& value) {
  io.required("metadata", value.metadata);
  io.defaulted("spec", value.spec);
  io.defaulted("status", value.status);
}

template <class Io>
void describe(Io& io, ServicePort& value) {
  io.defaulted("name", value.name, kForeign);
  io.defaulted("port", value.port);
}

template <class Io>
void describe(Io& io, ServiceSpec& value) {
  io.defaulted("clusterIP", value.cluster_ip, kForeign);
  io.defaulted("selector", value.selector, kForeign);
  io.defaulted("ports", value.ports, kForeign);
}

template <class Io>
void describe(Io& io, Service& value) {
  io.required("metadata", value.metadata);
  io.defaulted("spec", value.spec);
}

template <class Io>
void describe(Io& io, ConfigMap& value) {
  io.required("metadata", value.metadata);
  io.defaulted("data", value.data, kForeign);
}

template <class Io>
void describe(Io& io, Secret& value) {
  io.required("metadata", value.metadata);
  io.defaulted("data", value.data, kForeign);
}

SLUICE_DESCRIBED(ContainerWaiting);
SLUICE_DESCRIBED(ContainerTerminated);
SLUICE_DESCRIBED(ContainerState);
SLUICE_DESCRIBED(ContainerStatus);
SLUICE_DESCRIBED(PodStatus);
SLUICE_DESCRIBED(Pod);
SLUICE_DESCRIBED(ServicePort);
SLUICE_DESCRIBED(ServiceSpec);
SLUICE_DESCRIBED(Service);
SLUICE_DESCRIBED(ConfigMap);
SLUICE_DESCRIBED(Secret);

}  // namespace sluice::kube
