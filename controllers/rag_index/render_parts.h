#pragma once
// Internal to render: what several manifests have in common.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_writer.h"
#include "controllers/rag_index/decision.h"
#include "crds/rag_index.h"

namespace sluice::rag_index {

// The head of an object and the function that writes the rest (".spec", ".data") into it.
struct Outline {
  kube::ResourceKind kind = {};
  std::string name = {};
  kube::StringMap labels = {};       // Beside the two that everything has.
  kube::StringMap annotations = {};  // Beside the hash.
  std::function<void(JsonWriter&)> rest = {};
};

[[nodiscard]] Manifest finish(const api::RagIndex& index, const Outline& outline);

// A PodDisruptionBudget for the pods with these labels.
[[nodiscard]] Manifest budget_of(const api::RagIndex& index,
                                 std::string name,
                                 const kube::StringMap& labels,
                                 std::int64_t min_available);

void write_map(JsonWriter& json, std::string_view name, const kube::StringMap& map);
// An empty list or map is left out: applying it would claim the field.
void write_strings(JsonWriter& json, std::string_view name, const std::vector<std::string>& items);
// Requests and limits; `fallback` stands in for what neither of them names.
void write_resources(JsonWriter& json,
                     const api::Resources& resources,
                     const api::Resources& fallback);
void write_environment(JsonWriter& json, const kube::StringMap& values);
// What a user says of an index's pods, into a pod's spec; the spread is that of pods with `labels`.
void write_pod_template(JsonWriter& json,
                        const std::optional<api::PodTemplate>& wanted,
                        const kube::StringMap& labels);
// Restricted (Pod Security Standards): of the pod, of each container.
void write_pod_security(JsonWriter& json);
void write_container_security(JsonWriter& json);
// GET `path` on the container's port "http".
void write_probe(JsonWriter& json, std::string_view name, std::string_view path, int failures_max);
void write_port(JsonWriter& json);

// Names of the Secrets that a pod or container has; empty: not that one.
struct Secrets {
  std::string token = {};
  std::string source = {};      // Authorization for the documents' source.
  std::string golden_set = {};  // The same for the golden set.
};

// An emptyDir for what a program keeps in /data, or the volume of `claim`, unless that is empty;
// another for /tmp; the Secrets.
void write_volumes(JsonWriter& json, const Secrets& secrets, const std::string& claim = {});
void write_mounts(JsonWriter& json, const Secrets& secrets);
// kIndexLabel, the component, and the revision if there is one.
[[nodiscard]] kube::StringMap selector_of(const api::RagIndex& index,
                                          std::string_view component,
                                          std::string_view revision = {});

}  // namespace sluice::rag_index
