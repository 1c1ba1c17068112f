// How a latency objective comes to be, and which ones are refused.

#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "controllers/canary_rollout/policy.h"

namespace sluice::canary_rollout {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

api::CanaryRolloutSpec a_spec() {
  api::CanaryRolloutSpec spec;
  spec.steps.resize(1);
  spec.steps[0].split = api::SplitStep{.weight = Share{1000}};
  return spec;
}

api::RagIndexSpec an_index() {
  api::RagIndexSpec index;
  index.slo.latency_p95 = milliseconds(300);
  return index;
}

TEST(LatencyPolicy, IsJudgedWhereTheSloHasAP95) {
  const auto with = resolve_policy(a_spec(), an_index());
  ASSERT_TRUE(with) << with.error().message;
  const api::Objective* objective = latency_objective(*with);
  ASSERT_NE(objective, nullptr);
  EXPECT_EQ(objective->name, "latency");
  EXPECT_EQ(objective->latency->max, milliseconds(300));
  const analysis::Settings settings = settings_of(*with);
  ASSERT_TRUE(settings.latency);
  EXPECT_DOUBLE_EQ(*settings.latency->max_seconds, 0.3);
  EXPECT_DOUBLE_EQ(settings.latency->worse_than_stable_by, 0.2);
  EXPECT_DOUBLE_EQ(settings.latency->quantile, 0.95);
  const auto without = resolve_policy(a_spec(), {});
  ASSERT_TRUE(without);
  EXPECT_EQ(latency_objective(*without), nullptr);
  EXPECT_FALSE(settings_of(*without).latency);
}

TEST(LatencyPolicy, TakesALeftOutMaxFromTheSloForTheP95Only) {
  for (const double quantile : {0.95, 0.99}) {
    api::CanaryRolloutSpec spec = a_spec();
    spec.analysis.objectives = {
        {.name = "speed", .latency = api::LatencyObjective{.quantile = quantile}}};
    const auto policy = resolve_policy(spec, an_index());
    ASSERT_TRUE(policy) << policy.error().message;
    EXPECT_EQ(latency_objective(*policy)->latency->max.has_value(), quantile == 0.95);
  }
}

TEST(LatencyPolicy, KeepsWhatIsSaid) {
  api::CanaryRolloutSpec spec = a_spec();
  spec.analysis.objectives = {{.name = "speed",
                               .latency = api::LatencyObjective{
                                   .max = milliseconds(50), .worse_than_stable_by = Share{500}}}};
  const auto policy = resolve_policy(spec, an_index());
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_EQ(*latency_objective(*policy)->latency, *spec.analysis.objectives[0].latency);
}

struct Bad {
  std::string expected;  // Part of the message.
  std::function<void(api::CanaryRolloutSpec&)> spoil;
};

TEST(LatencyPolicy, RefusesNonsenseWithItsPath) {
  const auto set = [](const api::LatencyObjective& latency) {
    return [latency](api::CanaryRolloutSpec& spec) {
      spec.analysis.objectives = {{.name = "speed", .latency = latency}};
    };
  };
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<Bad> cases = {
      {".spec.analysis.objectives[0].latency.quantile: must be", set({.quantile = 0.5})},
      {".spec.analysis.objectives[0].latency.quantile: must be", set({.quantile = kNan})},
      {".spec.analysis.objectives[0].latency.max: must be", set({.max = Duration{0}})},
      {".spec.analysis.objectives[0].latency.max: must be", set({.max = seconds(61)})},
      {".spec.analysis.objectives[0].latency.worseThanStableBy: must be",
       set({.worse_than_stable_by = Share{0}})},
      {".spec.analysis.objectives[1].latency: another objective is a latency already",
       [](api::CanaryRolloutSpec& spec) {
         spec.analysis.objectives = {{.name = "a", .latency = api::LatencyObjective{}},
                                     {.name = "b", .latency = api::LatencyObjective{}}};
       }},
      {".spec.analysis.objectives[0]: exactly one of",
       [](api::CanaryRolloutSpec& spec) {
         spec.analysis.objectives = {{.name = "a",
                                      .error_rate = api::ErrorRateObjective{},
                                      .latency = api::LatencyObjective{}}};
       }},
      {"a latency objective is judged in ", [](api::CanaryRolloutSpec& spec) {
         spec.analysis.objectives = {{.name = "a", .latency = api::LatencyObjective{}}};
         spec.steps[0] = {.evaluate = api::EvaluateStep{}};
       }}};
  for (const Bad& bad : cases) {
    api::CanaryRolloutSpec spec = a_spec();
    bad.spoil(spec);
    api::RagIndexSpec index = an_index();
    index.evaluation.emplace();
    const auto policy = resolve_policy(spec, index);
    ASSERT_FALSE(policy) << bad.expected;
    EXPECT_NE(policy.error().message.find(bad.expected), std::string::npos)
        << policy.error().message;
  }
}

}  // namespace
}  // namespace sluice::canary_rollout
