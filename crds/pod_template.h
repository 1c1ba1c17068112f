#pragma once
// PodTemplate: where an index's pods run and how their images are pulled, in Kubernetes' own words.
// No part of a revision. Docs and bounds stand in pod_template.cc.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/field.h"
#include "crds/secret_reference.h"

namespace sluice::api {

enum class TolerationOperator { kEqual, kExists };
enum class TaintEffect { kNoSchedule, kPreferNoSchedule, kNoExecute };
enum class WhenUnsatisfiable { kDoNotSchedule, kScheduleAnyway };

[[nodiscard]] std::string_view name_of(WhenUnsatisfiable value);

struct Toleration {
  std::string key = {};
  TolerationOperator match = TolerationOperator::kEqual;
  std::string value = {};
  std::optional<TaintEffect> effect = {};  // Empty: all of them.
  std::optional<std::int64_t> toleration_seconds = {};
  bool operator==(const Toleration&) const = default;
};

// Of the pods of one revision's workers, or of the routers: the label selector is theirs.
struct TopologySpread {
  std::int32_t max_skew = 1;
  std::string topology_key = {};
  WhenUnsatisfiable when_unsatisfiable = WhenUnsatisfiable::kDoNotSchedule;
  bool operator==(const TopologySpread&) const = default;
};

struct PodTemplate {
  std::vector<SecretReference> image_pull_secrets = {};
  std::map<std::string, std::string> node_selector = {};
  std::vector<Toleration> tolerations = {};
  std::vector<TopologySpread> topology_spread_constraints = {};
  std::string priority_class_name = {};
  bool operator==(const PodTemplate&) const = default;
};

template <class Io>
void describe(Io& io, Toleration& value);
template <class Io>
void describe(Io& io, PodTemplate& value);

}  // namespace sluice::api
