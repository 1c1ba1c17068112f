#pragma once
// The few fields of apps/v1 that Sluice reads. Never written back: what we do not know would
// vanish.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apiclient/types/meta.h"
#include "base/field.h"

namespace sluice::kube {

inline constexpr ResourceKind kDeploymentKind{"apps", "v1", "Deployment", "deployments"};
inline constexpr ResourceKind kControllerRevisionKind{
    "apps", "v1", "ControllerRevision", "controllerrevisions"};

struct LabelSelector {
  StringMap match_labels = {};
  bool operator==(const LabelSelector&) const = default;
};

struct PodTemplateMeta {
  StringMap labels = {};
  StringMap annotations = {};
  bool operator==(const PodTemplateMeta&) const = default;
};

// A container as far as its identity goes; the rest of a pod's spec is not kept in memory.
struct Container {
  std::string name = {};
  std::string image = {};
  bool operator==(const Container&) const = default;
};

struct PodSpec {
  std::string node_name = {};
  std::string service_account_name = {};
  std::vector<Container> init_containers = {};
  std::vector<Container> containers = {};
  bool operator==(const PodSpec&) const = default;
};

struct PodTemplate {
  PodTemplateMeta metadata = {};
  PodSpec spec = {};
  bool operator==(const PodTemplate&) const = default;
};

struct DeploymentSpec {
  std::int32_t replicas = 1;
  bool paused = false;
  LabelSelector selector = {};
  PodTemplate pod_template = {};
  bool operator==(const DeploymentSpec&) const = default;
};

// Conditions of built-in kinds have no observedGeneration and may lack a reason.
struct WorkloadCondition {
  std::string type = {};
  ConditionStatus status = ConditionStatus::kUnknown;
  std::string reason = {};
  std::string message = {};
  std::optional<WallTime> last_transition_time = {};
  bool operator==(const WorkloadCondition&) const = default;
};

[[nodiscard]] const WorkloadCondition* find_condition(
    const std::vector<WorkloadCondition>& conditions, std::string_view type);

struct DeploymentStatus {
  std::int64_t observed_generation = 0;
  std::int32_t replicas = 0;
  std::int32_t updated_replicas = 0;
  std::int32_t ready_replicas = 0;
  std::int32_t available_replicas = 0;
  std::vector<WorkloadCondition> conditions = {};
  bool operator==(const DeploymentStatus&) const = default;
};

struct Deployment {
  ObjectMeta metadata = {};
  DeploymentSpec spec = {};
  DeploymentStatus status = {};
  bool operator==(const Deployment&) const = default;
};

// The spec was seen by the Deployment controller and all replicas run it and are available.
[[nodiscard]] bool is_rolled_out(const Deployment& deployment);

struct ControllerRevision {
  ObjectMeta metadata = {};
  RawJson data = {};
  std::int64_t revision = 0;
  bool operator==(const ControllerRevision&) const = default;
};

template <class Io>
void describe(Io& io, LabelSelector& value);
template <class Io>
void describe(Io& io, PodTemplateMeta& value);
template <class Io>
void describe(Io& io, Container& value);
template <class Io>
void describe(Io& io, PodSpec& value);
template <class Io>
void describe(Io& io, PodTemplate& value);
template <class Io>
void describe(Io& io, DeploymentSpec& value);
template <class Io>
void describe(Io& io, WorkloadCondition& value);
template <class Io>
void describe(Io& io, DeploymentStatus& value);
template <class Io>
void describe(Io& io, Deployment& value);
template <class Io>
void describe(Io& io, ControllerRevision& value);

}  // namespace sluice::kube
