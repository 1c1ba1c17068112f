#include "controllers/canary_rollout/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "base/check.h"
#include "base/describe.h"
#include "controllers/analysis/counters.h"
#include "controllers/canary_rollout/agreement.h"
#include "controllers/canary_rollout/live_step.h"

namespace sluice::canary_rollout {
namespace {

using api::Objective;
using api::ResolvedPolicy;

// More than this is no service level: the quarantine detector could not tell it from an outage.
constexpr Share kErrorMaxLimit{1500};
constexpr Share kDefaultErrorMax{100};
constexpr double kP95 = 0.95;
constexpr std::size_t kObjectivesMax = 8;
constexpr std::size_t kNameBytesMax = 253;

class Problems {
 public:
  void add(std::string_view path, std::string_view problem) {
    if (!text_.empty()) {
      text_ += "; ";
    }
    text_ += fmt::format("{}: {}", path, problem);
  }

  [[nodiscard]] Status status() const {
    return text_.empty() ? Status{} : Status(fail(ErrorCode::kInvalid, text_));
  }

 private:
  std::string text_;
};

bool has_evaluate_step(const std::vector<api::Step>& steps) {
  return std::ranges::any_of(steps,
                             [](const api::Step& step) { return step.evaluate.has_value(); });
}

template <class Matches>
const Objective* find_objective(const ResolvedPolicy& policy, Matches matches) {
  const auto found = std::ranges::find_if(policy.analysis.objectives, matches);
  return found == policy.analysis.objectives.end() ? nullptr : &*found;
}

// `wanted`, or with a number behind it when an objective of the user's has that name already.
std::string free_name(const ResolvedPolicy& policy, const std::string& wanted) {
  std::string name = wanted;
  for (int i = 2; find_objective(policy, [&name](const Objective& o) { return o.name == name; });
       ++i) {
    name = fmt::format("{}-{}", wanted, i);
  }
  return name;
}

void add_missing_objectives(ResolvedPolicy& policy, const api::RagIndexSpec& index) {
  auto& objectives = policy.analysis.objectives;
  if (errors_objective(policy) == nullptr && has_live_step(policy)) {
    api::ErrorRateObjective errors;
    if (!index.slo.availability) {
      errors.max = kDefaultErrorMax;
    }
    objectives.push_back({.name = free_name(policy, "errors"), .error_rate = errors});
  }
  if (latency_objective(policy) == nullptr && index.slo.latency_p95 && has_live_step(policy)) {
    objectives.push_back(
        {.name = free_name(policy, "latency"), .latency = api::LatencyObjective{}});
  }
  if (golden_objective(policy) == nullptr && index.evaluation && has_evaluate_step(policy.steps)) {
    objectives.push_back(
        {.name = free_name(policy, "quality"), .golden_set = api::GoldenSetObjective{}});
  }
  if (agreement_objective(policy) == nullptr && has_shadow_step(policy)) {
    objectives.push_back({.name = free_name(policy, "agreement"),
                          .ranking_overlap = api::RankingOverlapObjective{}});
  }
}

void fill_from_slo(ResolvedPolicy& policy, const api::RagIndexSpec& index) {
  for (Objective& objective : policy.analysis.objectives) {
    if (objective.error_rate && !objective.error_rate->max && index.slo.availability) {
      objective.error_rate->max =
          Share{kWhole.ten_thousandths - index.slo.availability->ten_thousandths};
    }
    if (objective.latency && !objective.latency->max && objective.latency->quantile == kP95) {
      objective.latency->max = index.slo.latency_p95;
    }
    if (objective.golden_set && !objective.golden_set->min && index.slo.ndcg_at_10) {
      objective.golden_set->min = index.slo.ndcg_at_10;
    }
  }
}

void check_split(Problems& problems, const std::string& path, const api::SplitStep& split) {
  if (split.weight.ten_thousandths <= 0 || split.weight >= kWhole) {
    problems.add(path + ".weight",
                 "must be above 0% and below 100%: at 100% nothing would be left to compare with, "
                 "and promotion follows the last step by itself");
  }
  if (split.min_duration < Duration::zero() || split.max_duration < split.min_duration) {
    problems.add(path + ".maxDuration", "must not be below minDuration");
  }
  if (split.min_samples < 0) {
    problems.add(path + ".minSamples", "must not be negative");
  }
}

void check_shadow(Problems& problems, const std::string& path, const api::ShadowStep& shadow) {
  if (shadow.share.ten_thousandths <= 0 || shadow.share > kWhole) {
    problems.add(path + ".share", "must be above 0% and at most 100%");
  }
  if (shadow.min_duration < Duration::zero() || shadow.max_duration < shadow.min_duration) {
    problems.add(path + ".maxDuration", "must not be below minDuration");
  }
  if (shadow.min_samples < 0) {
    problems.add(path + ".minSamples", "must not be negative");
  }
}

void check_steps(Problems& problems, const std::vector<api::Step>& steps) {
  Share highest{0};
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const std::string path = fmt::format(".spec.steps[{}]", i);
    const int actions = (steps[i].evaluate ? 1 : 0) + (steps[i].shadow ? 1 : 0) +
                        (steps[i].split ? 1 : 0) + (steps[i].pause ? 1 : 0);
    if (actions != 1) {
      problems.add(path, "exactly one of evaluate, shadow, split, pause must be set");
    } else if (steps[i].pause) {
      const auto& longest = steps[i].pause->max_duration;
      if (longest && *longest <= Duration::zero()) {
        problems.add(path + ".pause.maxDuration", "must be above 0s");
      }
    } else if (steps[i].shadow) {
      check_shadow(problems, path + ".shadow", *steps[i].shadow);
      if (highest > Share{}) {
        problems.add(path + ".shadow", "must come before the first split: it has no weight");
      }
    } else if (steps[i].split) {
      check_split(problems, path + ".split", *steps[i].split);
      if (steps[i].split->weight < highest) {
        problems.add(path + ".split.weight", "must not be below an earlier step's");
      }
      highest = std::max(highest, steps[i].split->weight);
    }
  }
}

void check_error_rate(Problems& problems,
                      const std::string& path,
                      const api::ErrorRateObjective& errors) {
  if (errors.max && (errors.max->ten_thousandths < 0 || *errors.max > kErrorMaxLimit)) {
    problems.add(path + ".max",
                 fmt::format("is {}, must be at most 15% (left out, it is 100% less the index's "
                             "slo.availability)",
                             format_share(*errors.max)));
  }
  if (errors.worse_than_stable_by.ten_thousandths <= 0 || errors.worse_than_stable_by >= kWhole) {
    problems.add(
        path + ".worseThanStableBy",
        "must be above 0% and below 100%: no amount of traffic shows that nothing is worse");
  }
  if (errors.rollback_margin && *errors.rollback_margin > errors.worse_than_stable_by) {
    problems.add(path + ".rollbackMargin",
                 "must not be above worseThanStableBy: a candidate could be shown both good enough "
                 "to advance and bad enough to roll back");
  }
}

void check_latency(Problems& problems,
                   const std::string& path,
                   const api::LatencyObjective& latency) {
  // Written so that NaN fails.
  if (!(latency.quantile >= 0.9 && latency.quantile <= 0.99)) {
    problems.add(path + ".quantile", "must be between 0.9 and 0.99");
  }
  if (latency.max &&
      (*latency.max < std::chrono::milliseconds(1) || *latency.max > std::chrono::seconds(60))) {
    problems.add(path + ".max", "must be between 1ms and 60s");
  }
  if (latency.worse_than_stable_by.ten_thousandths <= 0 || latency.worse_than_stable_by > kWhole) {
    problems.add(path + ".worseThanStableBy",
                 "must be above 0% and at most 100%: no amount of traffic shows that nothing is "
                 "slower");
  }
}

void check_golden_set(Problems& problems,
                      const std::string& path,
                      const api::GoldenSetObjective& golden) {
  // Written so that NaN fails.
  if (golden.min && !(*golden.min >= 0 && *golden.min <= 1)) {
    problems.add(path + ".min", "must be between 0 and 1");
  }
  if (!(golden.worse_than_stable_by > 0 && golden.worse_than_stable_by <= 1)) {
    problems.add(path + ".worseThanStableBy",
                 "must be above 0 and at most 1: no number of queries shows that nothing is worse");
  }
}

int kinds_of(const Objective& objective) {
  return (objective.error_rate ? 1 : 0) + (objective.latency ? 1 : 0) +
         (objective.golden_set ? 1 : 0) + (objective.ranking_overlap ? 1 : 0);
}

void check_objectives(Problems& problems, const ResolvedPolicy& policy) {
  std::set<std::string_view> names;
  int errors = 0;
  int latencies = 0;
  int golden_sets = 0;
  int overlaps = 0;
  const auto& objectives = policy.analysis.objectives;
  if (objectives.size() > kObjectivesMax) {
    problems.add(".spec.analysis.objectives", "must have at most 8 objectives");
  }
  for (std::size_t i = 0; i < objectives.size(); ++i) {
    const Objective& objective = objectives[i];
    const std::string path = fmt::format(".spec.analysis.objectives[{}]", i);
    if (objective.name.empty()) {
      problems.add(path + ".name", "is required");
    } else if (!names.insert(objective.name).second) {
      problems.add(path + ".name", fmt::format("\"{}\" is there twice", objective.name));
    }
    if (kinds_of(objective) != 1) {
      problems.add(path,
                   "exactly one of errorRate, latency, goldenSet, rankingOverlap must be set");
    } else if (objective.ranking_overlap) {
      if (objective.ranking_overlap->at != 10) {
        problems.add(path + ".rankingOverlap.at", "must be 10");
      }
      if (++overlaps > 1) {
        problems.add(path + ".rankingOverlap", "another objective is a rankingOverlap already");
      }
    } else if (objective.error_rate) {
      check_error_rate(problems, path + ".errorRate", *objective.error_rate);
      if (++errors > 1) {
        problems.add(path + ".errorRate", "another objective is an errorRate already");
      }
    } else if (objective.latency) {
      check_latency(problems, path + ".latency", *objective.latency);
      if (++latencies > 1) {
        problems.add(path + ".latency", "another objective is a latency already");
      }
    } else {
      check_golden_set(problems, path + ".goldenSet", *objective.golden_set);
      if (++golden_sets > 1) {
        problems.add(path + ".goldenSet", "another objective is a goldenSet already");
      }
    }
  }
}

void check_analysis(Problems& problems, const api::Analysis& analysis) {
  if (analysis.block < std::chrono::seconds(5) || analysis.block > std::chrono::minutes(5)) {
    problems.add(".spec.analysis.block", "must be between 5s and 5m");
  }
  if (analysis.false_rollback_rate.ten_thousandths <= 0 ||
      analysis.false_rollback_rate.ten_thousandths > 2000) {
    problems.add(".spec.analysis.falseRollbackRate", "must be above 0% and at most 20%");
  }
  if (analysis.max_duration < 2 * analysis.block) {
    problems.add(".spec.analysis.maxDuration", "must be at least two blocks");
  }
  if (analysis.no_data_timeout < analysis.block) {
    problems.add(".spec.analysis.noDataTimeout", "must be at least one block");
  }
}

}  // namespace

Status check_policy(const ResolvedPolicy& policy) {
  Problems problems;
  check_steps(problems, policy.steps);
  check_analysis(problems, policy.analysis);
  check_objectives(problems, policy);
  if (has_evaluate_step(policy.steps) && golden_objective(policy) == nullptr) {
    problems.add(".spec.steps",
                 "evaluate needs a golden set, and the index has no spec.evaluation.goldenSet");
  }
  if (has_live_step(policy) != (errors_objective(policy) != nullptr)) {
    problems.add(".spec.analysis.objectives",
                 "an errorRate objective is judged in shadow and split steps: one needs the other");
  }
  if (has_shadow_step(policy) != (agreement_objective(policy) != nullptr)) {
    problems.add(".spec.analysis.objectives",
                 "a rankingOverlap objective is judged in shadow steps: one needs the other");
  }
  if (latency_objective(policy) != nullptr && !has_live_step(policy)) {
    problems.add(".spec.analysis.objectives",
                 "a latency objective is judged in shadow and split steps, and there is none");
  }
  if (golden_objective(policy) != nullptr && !has_evaluate_step(policy.steps)) {
    problems.add(".spec.analysis.objectives",
                 "a goldenSet objective is judged in an evaluate step, and there is none");
  }
  if (Status status = problems.status(); !status) {
    return status;
  }
  // What is left are bounds that only the analysis knows.
  return analysis::validate(settings_of(policy));
}

Result<ResolvedPolicy> resolve_policy(const api::CanaryRolloutSpec& spec,
                                      const api::RagIndexSpec& index) {
  ResolvedPolicy policy{.steps = spec.steps,
                        .analysis = spec.analysis,
                        .rollback = spec.rollback,
                        .promotion = spec.promotion};
  if (spec.steps.empty()) {
    return fail(ErrorCode::kInvalid, ".spec.steps: must have at least one step");
  }
  const bool has_golden_objective = golden_objective(policy) != nullptr;
  add_missing_objectives(policy, index);
  fill_from_slo(policy, index);
  if (has_golden_objective && !index.evaluation) {
    return fail(ErrorCode::kInvalid,
                ".spec.analysis.objectives: a goldenSet objective needs a golden set, and the "
                "index has no spec.evaluation.goldenSet");
  }
  if (Status status = check_policy(policy); !status) {
    return fail(std::move(status.error()));
  }
  return policy;
}

Result<ResolvedPolicy> resolve_gates(const api::CanaryRolloutSpec& spec,
                                     const api::RagIndexSpec& index) {
  Result<ResolvedPolicy> policy = resolve_policy(spec, index);
  if (!policy) {
    return policy;
  }
  std::erase_if(policy->steps, [](const api::Step& step) { return !step.evaluate; });
  if (policy->steps.empty() && index.evaluation) {
    policy->steps.push_back({.evaluate = api::EvaluateStep{}});
  }
  const bool is_watched = has_live_step(*policy);
  std::erase_if(policy->analysis.objectives, [is_watched](const Objective& objective) {
    const bool is_live = objective.error_rate || objective.latency;
    return objective.ranking_overlap || (is_live && !is_watched);
  });
  add_missing_objectives(*policy, index);
  fill_from_slo(*policy, index);
  if (Status status = check_policy(*policy); !status) {
    return fail(std::move(status.error()));
  }
  return policy;
}

std::string policy_name(std::string_view rollout, const ResolvedPolicy& policy) {
  const std::string hash = fmt::format("{:016x}", analysis::name_hash(to_json(policy)));
  const std::string suffix = "-policy-" + hash.substr(0, 10);
  return std::string(rollout.substr(0, kNameBytesMax - suffix.size())) + suffix;
}

const Objective* errors_objective(const ResolvedPolicy& policy) {
  return find_objective(policy, [](const Objective& o) { return o.error_rate.has_value(); });
}

const Objective* latency_objective(const ResolvedPolicy& policy) {
  return find_objective(policy, [](const Objective& o) { return o.latency.has_value(); });
}

const Objective* golden_objective(const ResolvedPolicy& policy) {
  return find_objective(policy, [](const Objective& o) { return o.golden_set.has_value(); });
}

const Objective* agreement_objective(const ResolvedPolicy& policy) {
  return find_objective(policy, [](const Objective& o) { return o.ranking_overlap.has_value(); });
}

double in_seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

analysis::Settings settings_of(const ResolvedPolicy& policy) {
  analysis::Settings settings;
  settings.false_rollback_rate = policy.analysis.false_rollback_rate.fraction();
  if (gates_on_agreement(policy)) {
    settings.false_rollback_rate *= 1 - kAgreementBudget;
  }
  settings.block_seconds = in_seconds(policy.analysis.block);
  settings.max_duration_seconds = in_seconds(policy.analysis.max_duration);
  settings.data.no_data_abort_seconds = in_seconds(policy.analysis.no_data_timeout);
  if (const Objective* objective = errors_objective(policy)) {
    const api::ErrorRateObjective& errors = *objective->error_rate;
    settings.errors.emplace();
    settings.errors->worse_than_stable_by = errors.worse_than_stable_by.fraction();
    if (errors.max) {
      settings.errors->max = errors.max->fraction();
    }
    if (errors.rollback_margin) {
      settings.errors->rollback_margin = errors.rollback_margin->fraction();
    }
  }
  if (const Objective* objective = latency_objective(policy)) {
    const api::LatencyObjective& latency = *objective->latency;
    settings.latency.emplace();
    settings.latency->quantile = latency.quantile;
    settings.latency->worse_than_stable_by = latency.worse_than_stable_by.fraction();
    if (latency.max) {
      settings.latency->max_seconds = in_seconds(*latency.max);
    }
  }
  return settings;
}

analysis::GoldenSetSettings golden_settings_of(const ResolvedPolicy& policy) {
  const Objective* objective = golden_objective(policy);
  CHECK(objective != nullptr);
  return {.metric = "ndcgAt10",
          .min = objective->golden_set->min,
          .worse_than_stable_by = objective->golden_set->worse_than_stable_by};
}

}  // namespace sluice::canary_rollout
