#pragma once
// The words that every Kubernetes object shares. No I/O. Plain values.

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/field.h"
#include "base/time.h"

namespace sluice::kube {

// How a kind is named in the API: "apps", "v1", "Deployment", "deployments".
struct ResourceKind {
  std::string_view group;  // Empty for the core group.
  std::string_view version;
  std::string_view kind;
  std::string_view plural;
  // "v1" or "apps/v1".
  [[nodiscard]] std::string api_version() const;
};

struct ObjectKey {
  std::string namespace_name = {};
  std::string name = {};
  auto operator<=>(const ObjectKey&) const = default;

  [[nodiscard]] std::string text() const { return namespace_name + "/" + name; }
};

struct OwnerReference {
  std::string api_version = {};
  std::string kind = {};
  std::string name = {};
  std::string uid = {};
  bool controller = false;
  bool block_owner_deletion = false;
  bool operator==(const OwnerReference&) const = default;
};

using StringMap = std::map<std::string, std::string>;

struct ObjectMeta {
  std::string name = {};
  std::string namespace_name = {};
  std::string uid = {};
  std::string resource_version = {};
  std::int64_t generation = 0;
  StringMap labels = {};
  StringMap annotations = {};
  std::vector<OwnerReference> owner_references = {};
  std::optional<WallTime> creation_timestamp = {};
  std::optional<WallTime> deletion_timestamp = {};
  std::vector<std::string> finalizers = {};

  [[nodiscard]] ObjectKey key() const { return {namespace_name, name}; }

  // The value of a label or annotation, empty when absent.
  [[nodiscard]] std::string_view label(std::string_view name_of_label) const;
  [[nodiscard]] std::string_view annotation(std::string_view name_of_annotation) const;
  bool operator==(const ObjectMeta&) const = default;
};

enum class ConditionStatus { kTrue, kFalse, kUnknown };

// metav1.Condition. `last_transition_time` moves only when `status` does.
struct Condition {
  std::string type = {};
  ConditionStatus status = ConditionStatus::kUnknown;
  std::int64_t observed_generation = 0;
  WallTime last_transition_time = {};
  std::string reason = {};
  std::string message = {};
  bool operator==(const Condition&) const = default;
};

// Null when there is none of this type.
[[nodiscard]] const Condition* find_condition(const std::vector<Condition>& conditions,
                                              std::string_view type);
// Sets or replaces by type; keeps last_transition_time of an equal status, else takes
// `condition`'s.
void set_condition(std::vector<Condition>& conditions, Condition condition);

// An object of which only the metadata is of interest.
struct MetadataOnly {
  ObjectMeta metadata = {};
  bool operator==(const MetadataOnly&) const = default;
};

template <class Io>
void describe(Io& io, MetadataOnly& value);
template <class Io>
void describe(Io& io, OwnerReference& value);
template <class Io>
void describe(Io& io, ObjectMeta& value);
template <class Io>
void describe(Io& io, Condition& value);

}  // namespace sluice::kube

namespace sluice {

template <>
struct EnumNames<kube::ConditionStatus> {
  static constexpr std::array<std::string_view, 3> kNames{"True", "False", "Unknown"};
};

}  // namespace sluice
