// The evaluate step: the golden set's results of both arms, judged before any user sees the
// candidate. One look; there is nothing to wait for but the results themselves.

#include <fmt/format.h>

#include <array>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/mutant.h"
#include "controllers/analysis/golden_set.h"
#include "controllers/canary_rollout/conditions.h"
#include "controllers/canary_rollout/inputs.h"
#include "controllers/canary_rollout/learning.h"
#include "controllers/canary_rollout/pauses.h"
#include "controllers/canary_rollout/phases.h"
#include "controllers/canary_rollout/policy.h"
#include "controllers/canary_rollout/transitions.h"

namespace sluice::canary_rollout {
namespace {

using analysis::GoldenSetAssessment;
using analysis::GoldenSetVerdict;

// A Hold that is ours: the results are not there or not comparable.
struct Missing {
  std::string_view reason;
  std::string message;
};

bool is_rectangular(const wire::EvaluationResults& results) {
  return results.ids.size() == results.ndcg_at_10.size() &&
         results.ids.size() == results.judged_at_10.size();
}

std::vector<analysis::QueryResult> rows_of(const wire::EvaluationResults& results) {
  std::vector<analysis::QueryResult> rows;
  rows.reserve(results.ids.size());
  for (std::size_t i = 0; i < results.ids.size(); ++i) {
    rows.push_back({.query = results.ids[i],
                    .value = results.ndcg_at_10[i],
                    .judged = results.judged_at_10[i]});
  }
  return rows;
}

std::string_view text_of(api::NoDataPolicy policy) {
  switch (policy) {
    case api::NoDataPolicy::kHold:
      return "Hold";
    case api::NoDataPolicy::kRollback:
      return "Rollback";
    case api::NoDataPolicy::kIgnore:
      return "Ignore";
  }
  return "Hold";
}

std::string short_digest(const std::string& digest) {
  return digest.substr(0, 12);
}

std::string with_problem(std::string text, const std::string& problem) {
  return problem.empty() ? std::move(text) : text + "; " + problem;
}

// The results to compare: of one golden set if there are such, else the newest of either arm.
struct Pair {
  const wire::EvaluationResults* candidate = nullptr;
  const wire::EvaluationResults* stable = nullptr;

  [[nodiscard]] bool is_comparable() const {
    return candidate != nullptr && stable != nullptr &&
           candidate->golden_digest == stable->golden_digest;
  }
};

const wire::EvaluationResults* pointer_to(const std::optional<wire::EvaluationResults>& results) {
  return results ? &*results : nullptr;
}

Pair pair_of(const Evaluations& seen) {
  const std::array candidates{pointer_to(seen.candidate_again), pointer_to(seen.candidate)};
  const std::array stables{pointer_to(seen.stable_again), pointer_to(seen.stable)};
  for (const auto* candidate : candidates) {
    for (const auto* stable : stables) {
      if (const Pair pair{candidate, stable}; pair.is_comparable()) {
        return pair;
      }
    }
  }
  return {candidates[0] != nullptr ? candidates[0] : candidates[1],
          stables[0] != nullptr ? stables[0] : stables[1]};
}

// How far the evaluation on the present golden set is, and what a person can do about it.
std::string progress_of_asking(const Evaluations& seen) {
  if (!seen.can_be_asked) {
    return "the index names no golden set to evaluate both on: set spec.evaluation.goldenSet, or "
           "abort";
  }
  const std::string_view who = seen.stable_again ? "the candidate" : "stable";
  if (seen.again_problem.empty()) {
    return fmt::format("workers of {} are evaluating it on the present one", who);
  }
  return fmt::format(
      "workers of {} cannot evaluate it on the present one: {}; they are asked again, so make it "
      "available to them, or abort",
      who,
      seen.again_problem);
}

std::optional<Missing> what_is_missing(const Evaluations& seen, const Pair& pair) {
  if (pair.candidate == nullptr) {
    return Missing{
        "AwaitingEvaluation",
        with_problem("waiting for the candidate's golden-set results", seen.candidate_problem)};
  }
  if (!is_rectangular(*pair.candidate)) {
    return Missing{"InvalidResults", "the candidate's golden-set results have uneven columns"};
  }
  if (pair.stable == nullptr) {
    return Missing{
        "AwaitingEvaluation",
        with_problem(with_problem("waiting for stable's golden-set results", seen.stable_problem),
                     seen.again_problem)};
  }
  if (!is_rectangular(*pair.stable)) {
    return Missing{"InvalidResults", "stable's golden-set results have uneven columns"};
  }
  if (!pair.is_comparable()) {
    return Missing{"GoldenSetChanged",
                   fmt::format("the golden set changed: the candidate was evaluated on {} and "
                               "stable on {}; {}",
                               short_digest(pair.candidate->golden_digest),
                               short_digest(pair.stable->golden_digest),
                               progress_of_asking(seen))};
  }
  return std::nullopt;
}

void show(Turn& turn, const GoldenSetAssessment& assessment) {
  const api::Objective* objective = golden_objective(*turn.policy);
  api::ObjectiveStatus shown{.name = objective->name,
                             .stable = finite(assessment.stable_mean.value_or(0)),
                             .candidate = finite(assessment.candidate_mean),
                             .samples = assessment.queries,
                             .stable_samples = assessment.stable_mean ? assessment.queries : 0,
                             .message = bounded(assessment.message, kTextMax)};
  if (assessment.paired) {
    shown.estimate = finite(assessment.paired->mean);
    shown.interval = {.low = finite(assessment.paired->lower),
                      .high = finite(assessment.paired->upper)};
  }
  switch (assessment.verdict) {
    case GoldenSetVerdict::kPass:
      shown.verdict = api::ObjectiveVerdict::kPass;
      break;
    case GoldenSetVerdict::kFail:
      shown.verdict = api::ObjectiveVerdict::kFail;
      break;
    case GoldenSetVerdict::kHold:
      shown.verdict = api::ObjectiveVerdict::kNoData;
      break;
  }
  auto& objectives = turn.status().objectives;
  std::erase_if(objectives, [&](const auto& other) { return other.name == shown.name; });
  objectives.insert(objectives.begin(), std::move(shown));
}

// No comparison is possible: wait, and after noDataTimeout do what the objective says.
void wait_or_give_up(Turn& turn, const Missing& missing) {
  api::CanaryRolloutStatus& status = turn.status();
  const api::Objective& objective = *golden_objective(*turn.policy);
  const Duration timeout = turn.policy->analysis.no_data_timeout;
  const Duration waited = time_in_step(turn);
  status.message = bounded(missing.message, kTextMax);
  if (waited < timeout || is_held(turn)) {
    learn_from_stable(turn);
    set_progressing(turn, missing.reason, status.message);
    if (!is_held(turn)) {
      look_again_in(turn, timeout - waited);
    }
    return;
  }
  Finding finding{.reason = "NoData",
                  .objective = objective.name,
                  .message = fmt::format("{} (for {}; onNoData says {})",
                                         missing.message,
                                         format_duration(timeout),
                                         text_of(objective.on_no_data))};
  switch (objective.on_no_data) {
    case api::NoDataPolicy::kRollback:
      finding.verdict = "Refused";
      roll_back(turn, finding);
      return;
    case api::NoDataPolicy::kIgnore:
      finding.verdict = "Advanced";
      finding.reason = "NoDataIgnored";
      advance(turn, finding);
      return;
    case api::NoDataPolicy::kHold:
      status.message = bounded(finding.message, kTextMax);
      set_not_progressing(turn, missing.reason, status.message);
      set_condition(turn, kDataStale, true, {.reason = missing.reason, .message = status.message});
      return;
  }
}

void refuse(Turn& turn,
            const analysis::GoldenSetSettings& settings,
            const GoldenSetAssessment& assessment) {
  roll_back(turn,
            {.verdict = "Refused",
             .reason = std::string(analysis::to_string(assessment.reason)),
             .objective = golden_objective(*turn.policy)->name,
             .message = assessment.message,
             .inputs = golden_inputs(settings, assessment)});
}

}  // namespace

void on_evaluating(Turn& turn) {
  CHECK(turn.policy.has_value());
  if (is_planted(Mutant::kEvaluationSkipped)) {
    advance(turn, {.verdict = "Advanced", .reason = "NoDataIgnored", .message = "not looked at"});
    return;
  }
  const analysis::GoldenSetSettings settings = golden_settings_of(*turn.policy);
  const Evaluations& seen = turn.seen.evaluations;
  const Pair pair = pair_of(seen);
  if (const auto missing = what_is_missing(seen, pair)) {
    // The floor needs no stable: a candidate below it is not kept waiting for a comparison.
    if (pair.candidate != nullptr && is_rectangular(*pair.candidate)) {
      const auto alone = analysis::judge_golden_set(settings, rows_of(*pair.candidate), {});
      if (alone.verdict == GoldenSetVerdict::kFail) {
        show(turn, alone);
        refuse(turn, settings, alone);
        return;
      }
    }
    wait_or_give_up(turn, *missing);
    return;
  }
  const auto assessment =
      analysis::judge_golden_set(settings, rows_of(*pair.candidate), rows_of(*pair.stable));
  show(turn, assessment);
  switch (assessment.verdict) {
    case GoldenSetVerdict::kPass:
      turn.status().verdict = bounded("Pass " + assessment.message, kTextMax);
      if (is_held(turn)) {
        turn.status().message = bounded("passed; " + what_person_must_do(turn), kTextMax);
        set_progressing(turn, "Evaluating", turn.status().message);
        return;
      }
      advance(turn,
              {.verdict = "Advanced",
               .reason = std::string(analysis::to_string(assessment.reason)),
               .objective = golden_objective(*turn.policy)->name,
               .message = assessment.message,
               .inputs = golden_inputs(settings, assessment)});
      return;
    case GoldenSetVerdict::kFail:
      refuse(turn, settings, assessment);
      return;
    case GoldenSetVerdict::kHold:
      wait_or_give_up(turn, {analysis::to_string(assessment.reason), assessment.message});
      return;
  }
}

}  // namespace sluice::canary_rollout
