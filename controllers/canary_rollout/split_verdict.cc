#include "controllers/canary_rollout/split_verdict.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "controllers/canary_rollout/agreement.h"
#include "controllers/canary_rollout/blocks.h"
#include "controllers/canary_rollout/conditions.h"
#include "controllers/canary_rollout/inputs.h"
#include "controllers/canary_rollout/objective_rows.h"
#include "controllers/canary_rollout/pauses.h"
#include "controllers/canary_rollout/policy.h"
#include "controllers/canary_rollout/transitions.h"
#include "controllers/canary_rollout/watching.h"

namespace sluice::canary_rollout {
namespace {

using analysis::Verdict;

// The candidate's answers that the step is about: those of users, or those that were compared.
std::int64_t samples_of(const Turn& turn, const JudgedBlock& judged) {
  const auto& agreement = turn.status().evidence->agreement;
  return judged.step.is_shadow && agreement ? compared_answers(*agreement)
                                            : judged.after.totals.candidate.n;
}

// What keeps a step from ending although its evidence is there; empty when nothing does.
std::string what_step_awaits(const Turn& turn, const JudgedBlock& judged) {
  const analysis::StepTotals& totals = judged.after.totals;
  const WallTime started = *turn.status().step_started_at;
  // Blocks without data give no credit of time, and neither does an operator's absence.
  const Duration credit = turn.policy->analysis.block * totals.blocks;
  const bool is_clock_back = turn.now < started;
  const bool has_time = credit >= judged.step.min_duration &&
                        (is_clock_back || turn.now - started >= judged.step.min_duration);
  if (is_held(turn)) {
    return "a person: " + what_person_must_do(turn);
  }
  if (!is_split_confirmed(turn)) {
    return "every router to confirm the weight again";
  }
  if (!judged.step.is_shadow && (is_quarantined(turn) || judged.block.pairs.n > 0)) {
    return "the end of quarantine";
  }
  if (judged.block.data != analysis::BlockData::kValid) {
    return "usable data";
  }
  if (!has_time) {
    return "its minimum duration " + format_duration(judged.step.min_duration);
  }
  const std::int64_t samples = samples_of(turn, judged);
  if (samples < judged.step.min_samples) {
    return fmt::format("{} of {} samples", samples, judged.step.min_samples);
  }
  // How many users there are is not known, nor how much each asks: a share of users is no share of
  // queries to be checked.
  const bool has_known_share = !judged.step.is_shadow && !judged.step.sticky_header;
  if (has_known_share && !share_matches(totals, judged.step.share.fraction())) {
    return fmt::format("the observed share to match {}: {} of {} queries went to the candidate",
                       format_share(judged.step.share),
                       totals.candidate.n + totals.pairs.n,
                       totals.candidate.n + totals.pairs.n + totals.stable.n);
  }
  return {};
}

bool is_out_of_time(const Turn& turn, const JudgedBlock& judged) {
  return !is_held(turn) && (time_in_step(turn) >= judged.step.max_duration ||
                            time_in_rollout(turn) >= turn.policy->analysis.max_duration);
}

void show(Turn& turn, const JudgedBlock& judged) {
  const analysis::Assessment& seen = judged.assessment;
  api::CanaryRolloutStatus& status = turn.status();
  for (auto& row : objective_rows(*turn.policy, seen, status.evidence->invalid_blocks == 0)) {
    show_row(status, std::move(row));
  }
  status.verdict = bounded(seen.one_line, kTextMax);
  status.message = bounded(seen.message, kTextMax);
}

// Of the shadow step's comparisons, if the present block is of one.
std::optional<AgreementAssessment> judge_rankings(Turn& turn) {
  api::CanaryRolloutStatus& status = turn.status();
  if (!status.evidence->agreement || agreement_objective(*turn.policy) == nullptr) {
    return std::nullopt;
  }
  AgreementAssessment seen = judge_agreement(*turn.policy, *status.evidence->agreement);
  show_row(status, seen.row);
  return seen;
}

Finding finding_of(const Turn& turn, const JudgedBlock& judged, std::string_view verdict) {
  return {.verdict = std::string(verdict),
          .reason = std::string(analysis::to_string(judged.assessment.reason)),
          .objective = objective_of(*turn.policy, judged.assessment).name,
          .message = judged.assessment.message,
          .one_line = judged.assessment.one_line,
          .inputs = block_inputs({.settings = judged.settings,
                                  .before = judged.before,
                                  .block = judged.block,
                                  .assessment = judged.assessment})};
}

// Keeps the weight and says why, once for each reason; goes on judging.
void hold(Turn& turn, const Finding& finding) {
  if (condition_reason(turn, kProgressingCondition) != finding.reason) {
    Finding held = finding;
    held.verdict = "Held";
    record(turn, held);
    announce(turn, true, finding.reason, finding.message);
  }
  turn.status().message = bounded(finding.message, kTextMax);
  set_not_progressing(turn, finding.reason, finding.message);
}

// Nothing can be said of the candidate for so long that the objective's onNoData speaks. Returns
// whether it did.
bool apply_no_data_policy(Turn& turn, const JudgedBlock& judged) {
  const Duration blind = turn.policy->analysis.block * turn.status().evidence->invalid_blocks;
  if (blind < turn.policy->analysis.no_data_timeout) {
    return false;
  }
  const api::NoDataPolicy policy = no_data_policy(*turn.policy);
  Finding finding = finding_of(turn, judged, "");
  finding.reason = "NoData";
  finding.one_line.clear();
  finding.message = fmt::format("no data of the candidate for {}: {}",
                                format_duration(turn.policy->analysis.no_data_timeout),
                                judged.assessment.message);
  set_condition(turn, kDataStale, true, {.reason = "NoData", .message = finding.message});
  switch (policy) {
    case api::NoDataPolicy::kRollback:
      finding.verdict = "RolledBack";
      roll_back(turn, finding);
      return true;
    case api::NoDataPolicy::kIgnore:
      // Said explicitly by the user: no traffic is no reason to wait. Routers that do not answer
      // are: what_step_awaits() then asks for usable data.
      if (what_step_awaits(turn, judged).empty()) {
        finding.verdict = "Advanced";
        finding.reason = "NoDataIgnored";
        advance(turn, finding);
        return true;
      }
      return false;
    case api::NoDataPolicy::kHold:
      hold(turn, finding);
      return true;
  }
  return false;
}

// Something speaks against the candidate, if not enough to roll it back.
bool is_suspect(const JudgedBlock& judged) {
  return judged.assessment.verdict == Verdict::kHold ||
         judged.assessment.reason == analysis::Reason::kEvidenceAgainst;
}

// The step or the rollout ran out of time without a verdict. Returns whether that moved it on.
bool apply_inconclusive_policy(Turn& turn, const JudgedBlock& judged) {
  if (!is_out_of_time(turn, judged)) {
    return false;
  }
  Finding finding = finding_of(turn, judged, "");
  finding.reason = "Inconclusive";
  finding.one_line.clear();
  finding.message = fmt::format("no verdict in the step's time: {}; approve or abort it",
                                judged.assessment.message);
  switch (turn.policy->analysis.inconclusive) {
    case api::Inconclusive::kRollback:
      finding.verdict = "RolledBack";
      roll_back(turn, finding);
      return true;
    case api::Inconclusive::kAdvance:
      if (!is_suspect(judged) && samples_of(turn, judged) > 0 &&
          what_step_awaits(turn, judged).empty()) {
        finding.verdict = "Advanced";
        advance(turn, finding);
      } else {
        hold(turn, finding);
      }
      return true;
    case api::Inconclusive::kHold:
      hold(turn, finding);
      return true;
  }
  return false;
}

// While a person is waited for only what speaks against the candidate counts.
void act_in_pause(Turn& turn, const JudgedBlock& judged) {
  const bool rolls_back = no_data_policy(*turn.policy) == api::NoDataPolicy::kRollback;
  if (!rolls_back || !apply_no_data_policy(turn, judged)) {
    end_late_pause(turn,
                   !is_suspect(judged) && !is_quarantined(turn) && is_split_confirmed(turn) &&
                       judged.block.data == analysis::BlockData::kValid);
  }
}

}  // namespace

void keep_looking(Turn& turn, const JudgedBlock& judged, const std::string& awaited) {
  const analysis::Assessment& seen = judged.assessment;
  std::string message = seen.message;
  if (seen.verdict == Verdict::kAdvance) {
    message = fmt::format("the evidence is there; it waits for {}", awaited);
  }
  turn.status().message = bounded(message, kTextMax);
  if (seen.verdict != Verdict::kHold) {
    set_progressing(turn, api::name_of(turn.status().phase), message);
    return;
  }
  const std::string_view reason = analysis::to_string(seen.reason);
  if (condition_reason(turn, kProgressingCondition) != reason) {
    announce(turn, true, reason, message);
  }
  // Quarantine protects users while the judging goes on; the other holds wait for something.
  if (seen.reason == analysis::Reason::kQuarantined) {
    set_progressing(turn, reason, message);
  } else {
    set_not_progressing(turn, reason, message);
  }
}

bool share_matches(const analysis::StepTotals& totals, double weight) {
  // Pairs were meant for the candidate when quarantine sent them to both.
  const auto candidate = static_cast<double>(totals.candidate.n + totals.pairs.n);
  const double all = candidate + static_cast<double>(totals.stable.n);
  if (all == 0) {
    return true;
  }
  const double standard_error = std::sqrt(weight * (1 - weight) / all);
  return std::fabs(candidate / all - weight) <= 4 * standard_error + 0.1 * weight;
}

void act_on_block(Turn& turn, const JudgedBlock& judged) {
  show(turn, judged);
  const std::optional<AgreementAssessment> rankings = judge_rankings(turn);
  const analysis::Assessment& seen = judged.assessment;
  if (seen.verdict == Verdict::kRollBack) {
    roll_back(turn, finding_of(turn, judged, "RolledBack"));
    return;
  }
  if (rankings && rankings->verdict == AgreementVerdict::kDiffers) {
    roll_back(turn,
              {.verdict = "RolledBack",
               .reason = "RankingsDiffer",
               .objective = rankings->row.name,
               .message = rankings->row.message,
               .inputs = rankings->inputs});
    return;
  }
  const bool is_stale = seen.conditions.data_stale;
  set_condition(turn,
                kDataStale,
                is_stale,
                {.reason = is_stale ? "NoFreshCounters" : "Fresh",
                 .message = is_stale ? judged.block.data_detail : std::string()});
  if (turn.status().phase == api::RolloutPhase::kPaused) {
    act_in_pause(turn, judged);
    return;
  }
  if (turn.status().phase == api::RolloutPhase::kWatching) {
    act_in_watch(turn, judged);
    return;
  }
  std::string awaited = what_step_awaits(turn, judged);
  if (awaited.empty() && rankings && rankings->verdict == AgreementVerdict::kKeepLooking) {
    awaited = "the rankings to be shown equivalent: " + rankings->row.message;
  }
  if (seen.verdict == Verdict::kAdvance && awaited.empty()) {
    advance(turn, finding_of(turn, judged, "Advanced"));
    return;
  }
  if (apply_no_data_policy(turn, judged) || apply_inconclusive_policy(turn, judged)) {
    return;
  }
  keep_looking(turn, judged, awaited);
}

}  // namespace sluice::canary_rollout
