#include "controllers/canary_rollout/transitions.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/check.h"
#include "base/mutant.h"
#include "controllers/canary_rollout/conditions.h"
#include "controllers/canary_rollout/live_step.h"
#include "controllers/canary_rollout/pauses.h"
#include "controllers/canary_rollout/policy.h"

namespace sluice::canary_rollout {
namespace {

constexpr std::size_t kDecisionsMax = 10;
constexpr std::size_t kInputsMax = 8192;
constexpr std::size_t kPoliciesKept = 10;

// When routers first saw the candidate fail, and when the last of those that put it into quarantine
// did so. Times from before this rollout speak of an earlier try of the same revision.
void take_router_times(const Turn& turn, api::RollbackRecord& rollback) {
  const api::CanaryRolloutStatus& status = turn.status();
  const WallTime since = status.started_at.value_or(WallTime{});
  for (const RouterSeen& router : turn.seen.routers) {
    if (!router.counters) {
      continue;
    }
    for (const wire::QuarantineState& state : router.counters->quarantine) {
      if (state.revision != status.candidate_revision) {
        continue;
      }
      if (state.first_failure_at && *state.first_failure_at >= since) {
        auto& first = rollback.first_bad_answer_at;
        first = first ? std::min(*first, *state.first_failure_at) : *state.first_failure_at;
      }
      if (state.tripped_at && *state.tripped_at >= since) {
        auto& last = rollback.protected_at;
        last = last ? std::max(*last, *state.tripped_at) : *state.tripped_at;
      }
    }
  }
}

// Policies that nothing needs any more, the oldest first; the newest few are kept for reading up.
void drop_old_policies(Turn& turn, const std::string& in_use) {
  std::vector<const StoredPolicy*> old;
  for (const StoredPolicy& policy : turn.seen.policies) {
    if (policy.name != in_use) {
      old.push_back(&policy);
    }
  }
  std::ranges::sort(old, [](const StoredPolicy* a, const StoredPolicy* b) {
    return std::tie(b->created_at, b->name) < std::tie(a->created_at, a->name);
  });
  for (std::size_t i = kPoliciesKept - 1; i < old.size(); ++i) {
    turn.decision.actions.emplace_back(DropPolicy{.name = old[i]->name});
  }
}

std::string line_of(const Finding& finding) {
  return fmt::format("{} {}: {}", finding.verdict, finding.reason, finding.message);
}

// Enters what waits for a person. The weight stays.
void enter_pause(Turn& turn) {
  api::CanaryRolloutStatus& status = turn.status();
  status.phase = api::RolloutPhase::kPaused;
  status.step_started_at = turn.second;
  status.message = what_person_must_do(turn);
  set_not_progressing(turn, "Paused", status.message);
}

void await_promotion(Turn& turn) {
  api::CanaryRolloutStatus& status = turn.status();
  leave_pauses(turn);
  status.step_index = status.step_count;
  status.step_summary = step_summary(*turn.policy, status.step_index);
  enter_pause(turn);
}

void pass_drill(Turn& turn) {
  roll_back(turn,
            {.verdict = "RolledBack",
             .reason = "DrillPassed",
             .message = "every step was passed, and a drill never becomes stable"});
}

}  // namespace

void record(Turn& turn, const Finding& finding) {
  api::CanaryRolloutStatus& status = turn.status();
  const std::string inputs = finding.inputs.size() <= kInputsMax
                                 ? finding.inputs
                                 : R"({"omitted":"longer than 8192 characters"})";
  status.decisions.insert(
      status.decisions.begin(),
      api::DecisionRecord{.at = turn.second,
                          .candidate = bounded(candidate_text(status), kNameMax),
                          .step = status.step_index,
                          .block = status.evidence ? status.evidence->block : 0,
                          .verdict = finding.verdict,
                          .reason = finding.reason,
                          .message = bounded(finding.message, kTextMax),
                          .inputs = inputs});
  if (status.decisions.size() > kDecisionsMax) {
    status.decisions.resize(kDecisionsMax);
  }
}

void begin_rollout(Turn& turn, const api::ResolvedPolicy& policy) {
  const api::CandidateStatus* candidate = turn.candidate();
  CHECK(candidate != nullptr);
  api::CanaryRolloutStatus& status = turn.status();
  status.candidate_revision = bounded(candidate->revision, kNameMax);
  status.candidate_config = bounded(candidate->config_hash, kNameMax);
  status.candidate_since = candidate->since;
  status.candidate_retired_at.reset();
  status.index_uid = turn.index().metadata.uid;
  status.started_at = turn.second;
  status.step_started_at.reset();
  status.step_index = 0;
  status.step_count = static_cast<std::int32_t>(policy.steps.size());
  status.step_summary = fmt::format("0/{}", policy.steps.size());
  status.objectives.clear();
  status.evidence.reset();
  status.pause.reset();
  status.verdict.clear();
  status.policy_revision = policy_name(turn.seen.rollout.metadata.name, policy);
  status.phase = api::RolloutPhase::kPending;
  status.message = "waiting for the candidate to be built";
  ask_for(turn, api::TrafficMode::kNone, Share{0});
  turn.policy = policy;
  turn.decision.actions.emplace_back(StorePolicy{.name = status.policy_revision, .policy = policy});
  drop_old_policies(turn, status.policy_revision);
  set_progressing(turn, "Pending", status.message);
  set_condition(turn, kRolledBackCondition, false, {.reason = "NotRolledBack", .message = ""});
  set_condition(turn, kDataStale, false, {.reason = "NothingJudged", .message = ""});
  announce(turn, false, "RolloutStarted", "candidate " + candidate_text(status));
}

void enter_step(Turn& turn, std::int32_t step_index) {
  CHECK(turn.policy.has_value());
  CHECK(step_index >= 0 && static_cast<std::size_t>(step_index) < turn.policy->steps.size());
  api::CanaryRolloutStatus& status = turn.status();
  const api::Step& step = turn.policy->steps[static_cast<std::size_t>(step_index)];
  leave_pauses(turn);
  status.step_index = step_index;
  status.step_started_at.reset();
  status.step_summary = step_summary(*turn.policy, step_index);
  set_condition(turn, kDataStale, false, {.reason = "Fresh", .message = ""});
  if (step.evaluate) {
    status.phase = api::RolloutPhase::kEvaluating;
    status.step_started_at = turn.second;
    status.message = "comparing the golden set's results";
    set_progressing(turn, "Evaluating", status.message);
  } else if (step.pause) {
    enter_pause(turn);
  } else {
    const std::optional<LiveStep> live = live_step(step);
    CHECK(live.has_value());
    status.phase = api::RolloutPhase::kProgressing;
    status.message =
        fmt::format("waiting for every router to confirm {}", format_share(live->share));
    ask_for(turn, live->mode(), live->share, live->sticky_header);
    set_progressing(turn, "Progressing", status.message);
  }
  announce(turn, false, "StepStarted", "step " + status.step_summary);
}

void advance(Turn& turn, const Finding& finding) {
  record(turn, finding);
  announce(turn,
           false,
           "StepPassed",
           fmt::format("step {}: {}", turn.status().step_summary, finding.message));
  enter_step_or_promote(turn, turn.status().step_index + 1);
}

void enter_step_or_promote(Turn& turn, std::int32_t step_index) {
  CHECK(turn.policy.has_value());
  if (static_cast<std::size_t>(step_index) < turn.policy->steps.size()) {
    enter_step(turn, step_index);
  } else if (is_drill(turn)) {
    pass_drill(turn);
  } else if (turn.policy->promotion == api::Promotion::kManual) {
    await_promotion(turn);
  } else {
    promote(turn);
  }
}

void promote(Turn& turn) {
  api::CanaryRolloutStatus& status = turn.status();
  ask_for(turn, api::TrafficMode::kPromote, kWhole);
  status.phase = api::RolloutPhase::kPromoting;
  status.message = "waiting for the index to make it the stable revision";
  set_progressing(turn, "Promoting", status.message);
  announce(turn, false, "Promoting", candidate_text(status) + " becomes the stable revision");
}

void roll_back(Turn& turn, const Finding& finding) {
  api::CanaryRolloutStatus& status = turn.status();
  const bool had_traffic = status.desired.mode != api::TrafficMode::kNone;
  api::RollbackRecord rollback{.revision = status.candidate_revision,
                               .objective = finding.objective,
                               .message = bounded(finding.message, kTextMax),
                               .verdict_at = turn.now};
  take_router_times(turn, rollback);
  status.last_rollback = rollback;
  record(turn, finding);
  if (!is_planted(Mutant::kTrafficKept)) {
    ask_for(turn, api::TrafficMode::kNone, Share{0});
  }
  status.message = bounded(finding.message, kTextMax);
  status.verdict =
      bounded(finding.one_line.empty() ? line_of(finding) : finding.one_line, kTextMax);
  set_condition(
      turn, kRolledBackCondition, true, {.reason = finding.reason, .message = finding.message});
  announce(turn,
           true,
           finding.verdict,
           fmt::format("{}: {}: {}", candidate_text(status), finding.reason, finding.message));
  if (had_traffic) {
    status.phase = api::RolloutPhase::kRollingBack;
    set_progressing(turn, "RollingBack", "waiting for every router to confirm weight 0");
  } else {
    conclude_rollback(turn);
  }
}

void conclude_rollback(Turn& turn) {
  api::CanaryRolloutStatus& status = turn.status();
  status.phase = api::RolloutPhase::kRolledBack;
  status.evidence.reset();
  status.candidate_retired_at = turn.second;
  set_not_progressing(turn, "RolledBack", status.message);
  set_condition(turn, kDataStale, false, {.reason = "NothingJudged", .message = ""});
}

void supersede(Turn& turn, const Finding& finding) {
  api::CanaryRolloutStatus& status = turn.status();
  record(turn, finding);
  ask_for(turn, api::TrafficMode::kNone, Share{0});
  status.phase = api::RolloutPhase::kSuperseded;
  status.message = bounded(finding.message, kTextMax);
  status.verdict = bounded(line_of(finding), kTextMax);
  status.evidence.reset();
  status.objectives.clear();
  // The same candidate may come again and is then a new one.
  status.candidate_since.reset();
  status.candidate_config.clear();
  set_not_progressing(turn, "Superseded", status.message);
  set_condition(turn, kDataStale, false, {.reason = "NothingJudged", .message = ""});
  announce(
      turn, false, "Superseded", fmt::format("{}: {}", candidate_text(status), finding.message));
}

void begin_watch(Turn& turn) {
  api::CanaryRolloutStatus& status = turn.status();
  const api::PreviousStatus* control = control_of(turn);
  CHECK(control != nullptr);
  const std::string message = fmt::format("{} is the stable revision; {} stays for a while",
                                          status.candidate_revision,
                                          control->revision);
  leave_pauses(turn);
  status.phase = api::RolloutPhase::kWatching;
  status.step_index = status.step_count;
  status.step_started_at.reset();
  status.step_summary = fmt::format("{}/{} watching", status.step_count, status.step_count);
  status.stable_revision = control->revision;
  status.message = message;
  ask_for(turn,
          api::TrafficMode::kSplit,
          kWatchedShare,
          turn.policy ? last_sticky_header(*turn.policy) : std::nullopt);
  record(turn, {.verdict = "Advanced", .reason = "Committed", .message = message});
  set_progressing(turn, "Watching", message);
  announce(turn, false, "Watching", message);
}

void conclude_promotion(Turn& turn, std::string_view reason, std::string_view why) {
  api::CanaryRolloutStatus& status = turn.status();
  const std::string message = fmt::format(
      "{} is the stable revision{}{}", status.candidate_revision, why.empty() ? "" : ": ", why);
  record(turn, {.verdict = "Promoted", .reason = std::string(reason), .message = message});
  ask_for(turn, api::TrafficMode::kNone, Share{0});
  status.phase = api::RolloutPhase::kPromoted;
  status.stable_revision = status.candidate_revision;
  status.message = message;
  status.verdict = "Promoted " + status.candidate_revision;
  status.evidence.reset();
  set_not_progressing(turn, "Promoted", message);
  set_condition(turn, kRolledBackCondition, false, {.reason = "Promoted", .message = ""});
  set_condition(turn, kDataStale, false, {.reason = "NothingJudged", .message = ""});
  announce(turn, false, "Promoted", message);
}

void forget_index(Turn& turn) {
  api::CanaryRolloutStatus& status = turn.status();
  api::CanaryRolloutStatus fresh;
  fresh.observed_generation = status.observed_generation;
  fresh.conditions = std::move(status.conditions);
  fresh.last_command = std::move(status.last_command);
  fresh.desired.seq = status.desired.seq;  // Never used twice.
  status = std::move(fresh);
  set_not_progressing(turn, "NoCandidate", "");
  set_condition(turn, kRolledBackCondition, false, {.reason = "NotRolledBack", .message = ""});
  set_condition(turn, kDataStale, false, {.reason = "NothingJudged", .message = ""});
}

std::string step_summary(const api::ResolvedPolicy& policy, std::int32_t step_index) {
  const std::size_t count = policy.steps.size();
  const auto number = static_cast<std::size_t>(step_index);
  if (number >= count) {
    return fmt::format("{}/{} promotion", count, count);
  }
  const api::Step& step = policy.steps[number];
  const std::string place = fmt::format("{}/{}", number + 1, count);
  if (const std::optional<LiveStep> live = live_step(step)) {
    return fmt::format(
        "{} {} {}", place, live->is_shadow ? "shadow" : "split", format_share(live->share));
  }
  return place + (step.pause ? " pause" : " evaluate");
}

}  // namespace sluice::canary_rollout
