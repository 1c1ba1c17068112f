#include "apiclient/types/meta.h"

#include <algorithm>

#include "base/describe.h"

namespace sluice::kube {
namespace {

std::string_view value_of(const StringMap& map, std::string_view name) {
  const auto found = map.find(std::string(name));
  return found == map.end() ? std::string_view{} : std::string_view(found->second);
}

}  // namespace

std::string ResourceKind::api_version() const {
  return group.empty() ? std::string(version) : std::string(group) + "/" + std::string(version);
}

std::string_view ObjectMeta::label(std::string_view name_of_label) const {
  return value_of(labels, name_of_label);
}

std::string_view ObjectMeta::annotation(std::string_view name_of_annotation) const {
  return value_of(annotations, name_of_annotation);
}

const Condition* find_condition(const std::vector<Condition>& conditions, std::string_view type) {
  const auto found = std::ranges::find(conditions, type, &Condition::type);
  return found == conditions.end() ? nullptr : &*found;
}

void set_condition(std::vector<Condition>& conditions, Condition condition) {
  const auto found = std::ranges::find(conditions, condition.type, &Condition::type);
  if (found == conditions.end()) {
    conditions.push_back(std::move(condition));
    return;
  }
  if (found->status == condition.status) {
    condition.last_transition_time = found->last_transition_time;
  }
  *found = std::move(condition);
}

template <class Io>
void describe(Io& io, OwnerReference& value) {
  io.required("apiVersion", value.api_version);
  io.required("kind", value.kind);
  io.required("name", value.name);
  io.required("uid", value.uid);
  io.defaulted("controller", value.controller);
  io.defaulted("blockOwnerDeletion", value.block_owner_deletion);
}

template <class Io>
void describe(Io& io, ObjectMeta& value) {
  // What others put into labels and annotations is not ours to bound.
  constexpr int kAny = 1 << 20;
  io.defaulted("name", value.name);
  io.defaulted("namespace", value.namespace_name);
  io.defaulted("uid", value.uid);
  io.defaulted("resourceVersion", value.resource_version);
  io.defaulted("generation", value.generation);
  io.defaulted("labels", value.labels, {.max_length = kAny, .max_items = kAny});
  io.defaulted("annotations", value.annotations, {.max_length = kAny, .max_items = kAny});
  io.defaulted("ownerReferences", value.owner_references, {.max_items = kAny});
  io.optional("creationTimestamp", value.creation_timestamp);
  io.optional("deletionTimestamp", value.deletion_timestamp);
  io.defaulted("finalizers", value.finalizers, {.max_items = kAny});
}

template <class Io>
void describe(Io& io, Condition& value) {
  io.required("type", value.type, {.doc = "What this condition speaks of.", .max_length = 64});
  io.required("status", value.status, {.doc = "True, False or Unknown."});
  io.defaulted("observedGeneration",
               value.observed_generation,
               {.doc = "metadata.generation that this condition was made from."});
  io.required(
      "lastTransitionTime", value.last_transition_time, {.doc = "When the status last changed."});
  io.required(
      "reason", value.reason, {.doc = "One CamelCase word for programs.", .max_length = 64});
  io.required("message", value.message, {.doc = "A sentence for people.", .max_length = 2048});
}

template <class Io>
void describe(Io& io, MetadataOnly& value) {
  io.required("metadata", value.metadata);
}

SLUICE_DESCRIBED(MetadataOnly);
SLUICE_DESCRIBED(OwnerReference);
SLUICE_DESCRIBED(ObjectMeta);
SLUICE_DESCRIBED(Condition);

}  // namespace sluice::kube
