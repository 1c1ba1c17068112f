#include "controllers/canary_rollout/command_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/check.h"
#include "controllers/canary_rollout/blocks.h"
#include "controllers/canary_rollout/conditions.h"
#include "controllers/canary_rollout/decide.h"
#include "controllers/canary_rollout/pauses.h"

namespace sluice::canary_rollout {
namespace {

// A revision, or its config hash while it has no name.
bool names_candidate(const api::CanaryRolloutStatus& status, const std::string& revision) {
  return !revision.empty() &&
         (revision == status.candidate_revision || revision == status.candidate_config);
}

// What every command to a rollout in progress needs.
std::string refuse_for_another(const Turn& turn, const Command& command) {
  const api::CanaryRolloutStatus& status = turn.status();
  if (!is_in_progress(status.phase)) {
    return "no rollout is in progress";
  }
  if (!names_candidate(status, command.revision)) {
    return fmt::format("the candidate is {}, not {}", candidate_text(status), command.revision);
  }
  if (command.step && *command.step != status.step_index) {
    return fmt::format("the rollout is at step {}, not {}", status.step_index, *command.step);
  }
  if (status.phase == api::RolloutPhase::kRollingBack) {
    return "it is being rolled back already";
  }
  if (is_committed(turn) && status.phase != api::RolloutPhase::kWatching) {
    return "it has become the stable revision already";
  }
  return {};
}

// What approve and promote need: a candidate that could have more traffic now.
std::string refuse_more_traffic(const Turn& turn) {
  if (turn.status().phase == api::RolloutPhase::kPending) {
    return "the candidate is not built yet, or the rollout is held before its first step";
  }
  if (turn.status().phase == api::RolloutPhase::kPromoting) {
    return "all steps are passed: it is on its way to become the stable revision";
  }
  if (is_held(turn)) {
    return what_person_must_do(turn);
  }
  if (is_quarantined(turn)) {
    return "a router keeps the candidate from users (quarantine)";
  }
  if (turn.seen.candidate_pods.ready == 0) {
    return "no worker of the candidate is ready";
  }
  return {};
}

// The step ran out of time or data and was told to hold: only a person moves it on.
bool is_inconclusive(const Turn& turn) {
  const std::string_view reason = condition_reason(turn, kProgressingCondition);
  if (turn.status().phase == api::RolloutPhase::kEvaluating) {
    const auto* progressing = kube::find_condition(turn.status().conditions, kProgressingCondition);
    return progressing != nullptr && progressing->status == kube::ConditionStatus::kFalse;
  }
  return reason == "Inconclusive" || reason == "NoData";
}

std::string refuse_approve(const Turn& turn) {
  if (std::string refusal = refuse_more_traffic(turn); !refusal.empty()) {
    return refusal;
  }
  if (turn.status().phase != api::RolloutPhase::kPaused && !is_inconclusive(turn)) {
    return fmt::format("step {} waits for evidence, not for a person (promote skips what is left)",
                       turn.status().step_summary);
  }
  return {};
}

std::string refuse_promote(const Turn& turn) {
  if (std::string refusal = refuse_more_traffic(turn); !refusal.empty()) {
    return refusal;
  }
  if (is_drill(turn)) {
    return "a drill never becomes stable";
  }
  CHECK(turn.policy.has_value());
  const auto& steps = turn.policy->steps;
  for (auto i = static_cast<std::size_t>(turn.status().step_index); i < steps.size(); ++i) {
    if (steps[i].evaluate) {
      return fmt::format("step {}/{} evaluate is not passed yet", i + 1, steps.size());
    }
  }
  return {};
}

std::string refuse_pause(const Turn& turn) {
  if (turn.status().phase == api::RolloutPhase::kPromoting) {
    return "all steps are passed: it is on its way to become the stable revision (abort still "
           "works)";
  }
  return is_held(turn) ? "it is paused already: " + what_person_must_do(turn) : std::string();
}

std::string refuse_resume(const Turn& turn) {
  if (is_held(turn) && !turn.seen.rollout.spec.paused) {
    return {};
  }
  const std::string holds = what_person_must_do(turn);
  return holds.empty() ? "it is not paused" : "no pause command holds it: " + holds;
}

std::string refuse_retry(const Turn& turn, const Command& command) {
  const api::CanaryRolloutStatus& status = turn.status();
  const bool is_ours = names_candidate(status, command.revision);
  if (is_in_progress(status.phase) && is_ours) {
    return "its rollout is in progress";
  }
  const bool was_rolled_back = is_ours && status.phase == api::RolloutPhase::kRolledBack;
  const auto& rejected = turn.seen.rejected_revisions;
  if (!was_rolled_back && std::ranges::find(rejected, command.revision) == rejected.end()) {
    return fmt::format("{} is not a rejected revision of this index", command.revision);
  }
  return {};
}

std::string refuse_abort(const Turn&) {
  return {};
}

struct Rule {
  std::string_view verb;
  std::string (*refuse)(const Turn& turn);
};

// Verbs for a rollout in progress; retry is for one that has ended.
constexpr std::array kRules{Rule{"abort", refuse_abort},
                            Rule{"approve", refuse_approve},
                            Rule{"pause", refuse_pause},
                            Rule{"promote", refuse_promote},
                            Rule{"resume", refuse_resume}};

}  // namespace

std::string refuse_command(const Turn& turn, const Command& command) {
  if (!command.problem.empty()) {
    return command.problem;
  }
  if (!turn.seen.index) {
    return "there is no index";
  }
  if (command.verb == "retry") {
    return refuse_retry(turn, command);
  }
  const auto rule = std::ranges::find(kRules, command.verb, &Rule::verb);
  if (rule == kRules.end()) {
    return fmt::format(
        "\"{}\" is not a verb; there are abort, approve, pause, promote, resume and retry",
        command.verb);
  }
  const std::string refusal = refuse_for_another(turn, command);
  return refusal.empty() ? rule->refuse(turn) : refusal;
}

}  // namespace sluice::canary_rollout
