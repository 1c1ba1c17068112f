#include "controllers/canary_rollout/policy.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "base/describe.h"

namespace sluice::canary_rollout {
namespace {

using std::chrono::seconds;

api::CanaryRolloutSpec a_spec() {
  api::CanaryRolloutSpec spec;
  spec.index_ref.name = "packages";
  spec.steps.resize(2);
  spec.steps[0].evaluate.emplace();
  spec.steps[1].split = api::SplitStep{.weight = Share{1000}};
  return spec;
}

api::RagIndexSpec an_index() {
  api::RagIndexSpec index;
  index.evaluation.emplace();
  return index;
}

TEST(Policy, DefaultsJudgeErrorsAndTheGoldenSet) {
  const auto policy = resolve_policy(a_spec(), an_index());
  ASSERT_TRUE(policy.has_value()) << policy.error().message;
  ASSERT_EQ(policy->analysis.objectives.size(), 2U);
  EXPECT_EQ(errors_objective(*policy)->error_rate->max, Share{100});
  EXPECT_EQ(errors_objective(*policy)->error_rate->worse_than_stable_by, Share{50});
  EXPECT_FALSE(golden_objective(*policy)->golden_set->min.has_value());
}

TEST(Policy, TakesWhatIsLeftOutFromTheSlo) {
  api::RagIndexSpec index = an_index();
  index.slo = {.availability = Share{9990}, .ndcg_at_10 = 0.65};
  api::CanaryRolloutSpec spec = a_spec();
  for (const bool is_named : {false, true}) {
    if (is_named) {
      spec.analysis.objectives = {
          {.name = "errors",
           .error_rate = api::ErrorRateObjective{.worse_than_stable_by = Share{20}}}};
    }
    const auto policy = resolve_policy(spec, index);
    ASSERT_TRUE(policy.has_value()) << policy.error().message;
    EXPECT_EQ(errors_objective(*policy)->error_rate->max, Share{10});
    EXPECT_EQ(golden_objective(*policy)->golden_set->min, 0.65);
  }
}

struct GatesRow {
  const char* name;
  std::vector<api::Step> steps;
  bool has_golden_set;
  Duration watched;
  std::size_t gates;                    // Steps that are left.
  std::vector<std::string> objectives;  // By name.
};

TEST(Policy, GatesAreItsEvaluateStepsAndWhatTheyAreJudgedBy) {
  const api::Step evaluate{.evaluate = api::EvaluateStep{}};
  const api::Step shadow{.shadow = api::ShadowStep{.share = Share{1000}}};
  const api::Step split{.split = api::SplitStep{.weight = Share{1000}}};
  const api::Step pause{.pause = api::PauseStep{}};
  const std::vector<GatesRow> rows{
      {"as usual", {evaluate, shadow, split, pause}, true, {}, 1, {"quality"}},
      {"none evaluates", {split}, true, {}, 1, {"quality"}},
      {"nothing to evaluate with", {shadow, split}, false, {}, 0, {}},
      {"watched", {split}, true, std::chrono::minutes(5), 1, {"errors", "quality"}},
      {"watched only", {split}, false, std::chrono::minutes(5), 0, {"errors"}}};
  for (const GatesRow& row : rows) {
    api::CanaryRolloutSpec spec = a_spec();
    spec.steps = row.steps;
    spec.rollback.watch_after_promotion = row.watched;
    const auto policy = resolve_gates(spec, row.has_golden_set ? an_index() : api::RagIndexSpec{});
    ASSERT_TRUE(policy.has_value()) << row.name << ": " << policy.error().message;
    EXPECT_EQ(policy->steps.size(), row.gates) << row.name;
    std::vector<std::string> names;
    for (const api::Objective& objective : policy->analysis.objectives) {
      names.push_back(objective.name);
    }
    EXPECT_EQ(names, row.objectives) << row.name;
    EXPECT_TRUE(check_policy(*policy).has_value()) << row.name << ": as it is stored";
  }
}

TEST(Policy, GatesOfAWrongPolicyAreWrong) {
  api::CanaryRolloutSpec spec = a_spec();
  spec.steps.clear();
  EXPECT_FALSE(resolve_gates(spec, an_index()).has_value());
  spec.steps = {{.split = api::SplitStep{.weight = Share{0}}}};
  EXPECT_FALSE(resolve_gates(spec, an_index()).has_value());
}

TEST(Policy, KeepsWhatIsSaid) {
  api::RagIndexSpec index = an_index();
  index.slo = {.availability = Share{9990}, .ndcg_at_10 = 0.65};
  api::CanaryRolloutSpec spec = a_spec();
  spec.analysis.objectives = {
      {.name = "mine", .error_rate = api::ErrorRateObjective{.max = Share{300}}},
      {.name = "quality", .golden_set = api::GoldenSetObjective{.min = 0.4}}};
  const auto policy = resolve_policy(spec, index);
  ASSERT_TRUE(policy.has_value());
  EXPECT_EQ(policy->analysis.objectives, spec.analysis.objectives);
}

TEST(Policy, AnAddedObjectiveGetsAFreeName) {
  api::CanaryRolloutSpec spec = a_spec();
  spec.analysis.objectives = {{.name = "errors", .golden_set = api::GoldenSetObjective{}}};
  const auto policy = resolve_policy(spec, an_index());
  ASSERT_TRUE(policy.has_value()) << policy.error().message;
  EXPECT_EQ(errors_objective(*policy)->name, "errors-2");
}

TEST(Policy, RollbackMarginIsAFifthUnlessSaid) {
  api::CanaryRolloutSpec spec = a_spec();
  auto policy = resolve_policy(spec, an_index());
  EXPECT_DOUBLE_EQ(analysis::rollback_margin(*settings_of(*policy).errors), 0.001);
  spec.analysis.objectives = {
      {.name = "errors", .error_rate = api::ErrorRateObjective{.rollback_margin = Share{30}}}};
  policy = resolve_policy(spec, an_index());
  EXPECT_DOUBLE_EQ(analysis::rollback_margin(*settings_of(*policy).errors), 0.003);
}

struct BadPolicy {
  std::string name;
  std::string expected;  // Part of the message.
  std::function<void(api::CanaryRolloutSpec&, api::RagIndexSpec&)> spoil;
};

std::ostream& operator<<(std::ostream& out, const BadPolicy& bad) {
  return out << bad.name;
}

class RefusedPolicy : public testing::TestWithParam<BadPolicy> {};

TEST_P(RefusedPolicy, SaysWhereAndWhy) {
  api::CanaryRolloutSpec spec = a_spec();
  api::RagIndexSpec index = an_index();
  GetParam().spoil(spec, index);
  const auto policy = resolve_policy(spec, index);
  ASSERT_FALSE(policy.has_value());
  EXPECT_EQ(policy.error().code, ErrorCode::kInvalid);
  EXPECT_NE(policy.error().message.find(GetParam().expected), std::string::npos)
      << policy.error().message;
}

void set_errors(api::CanaryRolloutSpec& spec, const api::ErrorRateObjective& errors) {
  spec.analysis.objectives = {{.name = "errors", .error_rate = errors}};
}

void set_golden(api::CanaryRolloutSpec& spec, const api::GoldenSetObjective& golden) {
  spec.analysis.objectives = {{.name = "quality", .golden_set = golden}};
}

const BadPolicy kBadPolicies[] = {
    {"NoSteps", ".spec.steps: must have", [](auto& s, auto&) { s.steps.clear(); }},
    {"EmptyStep", ".spec.steps[1]: exactly one", [](auto& s, auto&) { s.steps[1].split.reset(); }},
    {"TwoActions",
     ".spec.steps[1]: exactly one",
     [](auto& s, auto&) { s.steps[1].evaluate.emplace(); }},
    {"NoWeight",
     ".spec.steps[1].split.weight",
     [](auto& s, auto&) { s.steps[1].split->weight = Share{0}; }},
    {"WeightWhole",
     ".spec.steps[1].split.weight",
     [](auto& s, auto&) { s.steps[1].split->weight = Share{10000}; }},
    {"WeightFalls",
     ".spec.steps[2].split.weight: must not be below",
     [](auto& s, auto&) { s.steps.push_back({.split = api::SplitStep{.weight = Share{500}}}); }},
    {"MaxBelowMin",
     ".spec.steps[1].split.maxDuration",
     [](auto& s, auto&) { s.steps[1].split->max_duration = seconds(1); }},
    {"NegativeSamples",
     ".spec.steps[1].split.minSamples",
     [](auto& s, auto&) { s.steps[1].split->min_samples = -1; }},
    {"ErrorMaxAboveLimit",
     ".spec.analysis.objectives[0].errorRate.max: is 15.01%",
     [](auto& s, auto&) { set_errors(s, {.max = Share{1501}}); }},
    {"SloAllowsTooManyErrors",
     "errorRate.max: is 20%, must be at most 15% (left out, it is 100% less the index's "
     "slo.availability)",
     [](auto&, auto& i) { i.slo.availability = Share{8000}; }},
    {"NothingMayBeWorse",
     "errorRate.worseThanStableBy",
     [](auto& s, auto&) { set_errors(s, {.worse_than_stable_by = Share{0}}); }},
    {"RollbackMarginTooWide",
     "errorRate.rollbackMargin",
     [](auto& s, auto&) { set_errors(s, {.rollback_margin = Share{60}}); }},
    {"GoldenMinNotANumber",
     "goldenSet.min",
     [](auto& s, auto&) { set_golden(s, {.min = std::numeric_limits<double>::quiet_NaN()}); }},
    {"GoldenMarginNotANumber",
     "goldenSet.worseThanStableBy",
     [](auto& s, auto&) {
       set_golden(s, {.worse_than_stable_by = std::numeric_limits<double>::quiet_NaN()});
     }},
    {"GoldenMarginZero",
     "goldenSet.worseThanStableBy",
     [](auto& s, auto&) { set_golden(s, {.worse_than_stable_by = 0}); }},
    {"SameNameTwice",
     ".spec.analysis.objectives[1].name: \"errors\" is there twice",
     [](auto& s, auto&) {
       set_errors(s, {});
       s.analysis.objectives.push_back({.name = "errors", .golden_set = api::GoldenSetObjective{}});
     }},
    {"SameKindTwice",
     "objectives[1].errorRate: another objective",
     [](auto& s, auto&) {
       set_errors(s, {});
       s.analysis.objectives.push_back({.name = "more", .error_rate = api::ErrorRateObjective{}});
     }},
    {"NoName",
     ".spec.analysis.objectives[0].name: is required",
     [](auto& s, auto&) {
       set_errors(s, {});
       s.analysis.objectives[0].name.clear();
     }},
    {"NoKind",
     ".spec.analysis.objectives[0]: exactly one",
     [](auto& s, auto&) { s.analysis.objectives = {{.name = "nothing"}}; }},
    {"EvaluateWithoutGoldenSet",
     "the index has no spec.evaluation.goldenSet",
     [](auto&, auto& i) { i.evaluation.reset(); }},
    {"GoldenObjectiveWithoutGoldenSet",
     "the index has no spec.evaluation.goldenSet",
     [](auto& s, auto& i) {
       set_golden(s, {});
       i.evaluation.reset();
     }},
    {"GoldenObjectiveWithoutEvaluate",
     "judged in an evaluate step",
     [](auto& s, auto&) {
       set_golden(s, {});
       s.steps.erase(s.steps.begin());
     }},
    {"ErrorsObjectiveWithoutSplit",
     "judged in shadow and split steps",
     [](auto& s, auto&) {
       set_errors(s, {});
       s.steps.pop_back();
     }},
    {"BlockTooShort",
     ".spec.analysis.block",
     [](auto& s, auto&) { s.analysis.block = seconds(4); }},
    {"NoFalseRollbackRate",
     ".spec.analysis.falseRollbackRate",
     [](auto& s, auto&) { s.analysis.false_rollback_rate = Share{0}; }},
    {"MaxDurationTooShort",
     ".spec.analysis.maxDuration",
     [](auto& s, auto&) { s.analysis.max_duration = seconds(15); }},
    {"NoDataTimeoutTooShort",
     ".spec.analysis.noDataTimeout",
     [](auto& s, auto&) { s.analysis.no_data_timeout = seconds(1); }},
};

INSTANTIATE_TEST_SUITE_P(Table,
                         RefusedPolicy,
                         testing::ValuesIn(kBadPolicies),
                         [](const auto& one) { return one.param.name; });

TEST(Policy, EveryProblemIsNamedAtOnce) {
  api::CanaryRolloutSpec spec = a_spec();
  spec.analysis.block = seconds(1);
  spec.steps[1].split->weight = Share{0};
  const auto policy = resolve_policy(spec, an_index());
  ASSERT_FALSE(policy.has_value());
  EXPECT_NE(policy.error().message.find(".block"), std::string::npos);
  EXPECT_NE(policy.error().message.find(".weight"), std::string::npos);
}

TEST(Policy, NameFollowsContentAndFits) {
  const auto policy = resolve_policy(a_spec(), an_index());
  api::CanaryRolloutSpec other = a_spec();
  other.steps[1].split->weight = Share{1100};
  const auto other_policy = resolve_policy(other, an_index());
  EXPECT_EQ(policy_name("packages", *policy), policy_name("packages", *policy));
  EXPECT_NE(policy_name("packages", *policy), policy_name("packages", *other_policy));
  EXPECT_EQ(policy_name("packages", *policy).find("packages-policy-"), 0U);
  EXPECT_LE(policy_name(std::string(253, 'a'), *policy).size(), 253U);
}

TEST(Policy, SurvivesItsStoredForm) {
  const auto policy = resolve_policy(a_spec(), an_index());
  const auto again = from_json<api::ResolvedPolicy>(to_json(*policy));
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(*again, *policy);
  EXPECT_TRUE(check_policy(*again).has_value());
}

}  // namespace
}  // namespace sluice::canary_rollout
