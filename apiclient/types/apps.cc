#include "apiclient/types/apps.h"

#include <algorithm>

#include "apiclient/types/bounds.h"
#include "base/describe.h"

namespace sluice::kube {

const WorkloadCondition* find_condition(const std::vector<WorkloadCondition>& conditions,
                                        std::string_view type) {
  const auto found = std::ranges::find(conditions, type, &WorkloadCondition::type);
  return found == conditions.end() ? nullptr : &*found;
}

bool is_rolled_out(const Deployment& deployment) {
  const DeploymentStatus& status = deployment.status;
  const std::int32_t wanted = deployment.spec.replicas;
  return status.observed_generation >= deployment.metadata.generation &&
         status.updated_replicas == wanted && status.replicas == wanted &&
         status.available_replicas == wanted;
}

template <class Io>
void describe(Io& io, LabelSelector& value) {
  io.defaulted("matchLabels", value.match_labels, kForeign);
}

template <class Io>
void describe(Io& io, PodTemplateMeta& value) {
  io.defaulted("labels", value.labels, kForeign);
  io.defaulted("annotations", value.annotations, kForeign);
}

template <class Io>
void describe(Io& io, Container& value) {
  io.defaulted("name", value.name, kForeign);
  io.defaulted("image", value.image, kForeign);
}

template <class Io>
void describe(Io& io, PodSpec& value) {
  io.defaulted("nodeName", value.node_name, kForeign);
  io.defaulted("serviceAccountName", value.service_account_name, kForeign);
  io.defaulted("initContainers", value.init_containers, kForeign);
  io.defaulted("containers", value.containers, kForeign);
}

template <class Io>
void describe(Io& io, PodTemplate& value) {
  io.defaulted("metadata", value.metadata);
  io.defaulted("spec", value.spec);
}

template <class Io>
void describe(Io& io, DeploymentSpec& value) {
  io.defaulted("replicas", value.replicas);
  io.defaulted("paused", value.paused);
  io.defaulted("selector", value.selector);
  io.defaulted("template", value.pod_template);
}

template <class Io>
void describe(Io& io, WorkloadCondition& value) {
  io.required("type", value.type, kForeign);
  io.required("status", value.status);
  io.defaulted("reason", value.reason, kForeign);
  io.defaulted("message", value.message, kForeign);
  io.optional("lastTransitionTime", value.last_transition_time);
}

template <class Io>
void describe(Io& io, DeploymentStatus& value) {
  io.defaulted("observedGeneration", value.observed_generation);
  io.defaulted("replicas", value.replicas);
  io.defaulted("updatedReplicas", value.updated_replicas);
  io.defaulted("readyReplicas", value.ready_replicas);
  io.defaulted("availableReplicas", value.available_replicas);
  io.defaulted("conditions", value.conditions, kForeign);
}

template <class Io>
void describe(Io& io, Deployment& value) {
  io.required("metadata", value.metadata);
  io.defaulted("spec", value.spec);
  io.defaulted("status", value.status);
}

template <class Io>
void describe(Io& io, ControllerRevision& value) {
  io.required("metadata", value.metadata);
  io.defaulted("data", value.data);
  io.defaulted("revision", value.revision);
}

SLUICE_DESCRIBED(LabelSelector);
SLUICE_DESCRIBED(PodTemplateMeta);
SLUICE_DESCRIBED(Container);
SLUICE_DESCRIBED(PodSpec);
SLUICE_DESCRIBED(PodTemplate);
SLUICE_DESCRIBED(DeploymentSpec);
SLUICE_DESCRIBED(WorkloadCondition);
SLUICE_DESCRIBED(DeploymentStatus);
SLUICE_DESCRIBED(Deployment);
SLUICE_DESCRIBED(ControllerRevision);

}  // namespace sluice::kube
