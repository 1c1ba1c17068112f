#include "crds/pod_template.h"

#include "base/describe.h"

namespace sluice {

template <>
struct EnumNames<api::TolerationOperator> {
  static constexpr std::array<std::string_view, 2> kNames{"Equal", "Exists"};
};

template <>
struct EnumNames<api::TaintEffect> {
  static constexpr std::array<std::string_view, 3> kNames{
      "NoSchedule", "PreferNoSchedule", "NoExecute"};
};

template <>
struct EnumNames<api::WhenUnsatisfiable> {
  static constexpr std::array<std::string_view, 2> kNames{"DoNotSchedule", "ScheduleAnyway"};
};

}  // namespace sluice

namespace sluice::api {
namespace {

// What may stand for a label's key, prefix included.
constexpr std::string_view kLabelKey =
    "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9][-_.A-Za-z0-9]*$";

}  // namespace

std::string_view name_of(WhenUnsatisfiable value) {
  return enum_name(value);
}

template <class Io>
void describe(Io& io, Toleration& value) {
  io.defaulted("key",
               value.key,
               {.doc = "Of the taint; empty, with Exists: every taint.", .max_length = 316});
  io.defaulted("operator", value.match, {.doc = "Equal compares the value, Exists does not."});
  io.defaulted("value", value.value, {.doc = "Of the taint.", .max_length = 63});
  io.optional("effect", value.effect, {.doc = "Of the taint; not set: every effect."});
  io.optional("tolerationSeconds",
              value.toleration_seconds,
              {.doc = "How long a pod stays once a NoExecute taint appears; not set: for ever."});
  const bool is_exists = value.match == TolerationOperator::kExists;
  io.rule("self.key != '' || self.operator == 'Exists'",
          "a toleration without a key needs operator Exists",
          !value.key.empty() || is_exists);
  io.rule("self.value == '' || self.operator == 'Equal'",
          "a toleration with operator Exists takes no value",
          value.value.empty() || !is_exists);
  io.rule("!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
          "tolerationSeconds needs effect NoExecute",
          !value.toleration_seconds || value.effect == TaintEffect::kNoExecute);
}

template <class Io>
void describe(Io& io, TopologySpread& value) {
  io.defaulted("maxSkew",
               value.max_skew,
               {.doc = "By how many pods two domains may differ.", .min = 1, .max = 500});
  io.required("topologyKey",
              value.topology_key,
              {.doc = "Label of nodes whose values are the domains.",
               .max_length = 316,
               .pattern = kLabelKey});
  io.required("whenUnsatisfiable",
              value.when_unsatisfiable,
              {.doc = "What the scheduler does with a pod that would break it."});
}

template <class Io>
void describe(Io& io, PodTemplate& value) {
  io.defaulted("imagePullSecrets",
               value.image_pull_secrets,
               {.doc = "Secrets to pull the images with.", .max_items = 8});
  io.defaulted("nodeSelector",
               value.node_selector,
               {.doc = "Labels that a node must have.", .max_length = 63, .max_items = 32});
  io.defaulted("tolerations", value.tolerations, {.doc = "Taints that a node may have."});
  io.defaulted("topologySpreadConstraints",
               value.topology_spread_constraints,
               {.doc = "How the workers of a revision, and the routers, are spread; the label "
                       "selector is their own.",
                .max_items = 8});
  io.defaulted("priorityClassName",
               value.priority_class_name,
               {.doc = "A PriorityClass; empty: the cluster's default.", .max_length = 253});
}

SLUICE_DESCRIBED(Toleration);
SLUICE_DESCRIBED(PodTemplate);

}  // namespace sluice::api
