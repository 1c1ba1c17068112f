// Shadow and split steps: live queries for the candidate, or copies of them, judged block by block;
// and the pause after one and the watch after the promotion, in which that goes on.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/mutant.h"
#include "controllers/canary_rollout/agreement.h"
#include "controllers/canary_rollout/blocks.h"
#include "controllers/canary_rollout/conditions.h"
#include "controllers/canary_rollout/learning.h"
#include "controllers/canary_rollout/live_step.h"
#include "controllers/canary_rollout/phases.h"
#include "controllers/canary_rollout/policy.h"
#include "controllers/canary_rollout/split_verdict.h"
#include "controllers/canary_rollout/transitions.h"

namespace sluice::canary_rollout {
namespace {

using analysis::BlockData;

// The step whose traffic the candidate has: the present one, in a pause the last such before it.
LiveStep present_step(const Turn& turn) {
  if (turn.status().phase == api::RolloutPhase::kWatching) {
    return {.share = kWatchedShare};
  }
  const auto& steps = turn.policy->steps;
  std::size_t i = std::min(static_cast<std::size_t>(turn.status().step_index), steps.size() - 1);
  std::optional<LiveStep> step = live_step(steps.at(i));
  while (!step) {
    CHECK(turn.status().phase == api::RolloutPhase::kPaused && i > 0);
    step = live_step(steps.at(--i));
  }
  return *step;
}

// The traffic of the step is there: its clock and its proof begin. Evidence for a rollback goes on
// from the steps before.
void start_step(Turn& turn) {
  const analysis::Settings settings = settings_of(*turn.policy);
  std::optional<analysis::State> state = stored_state(turn);
  if (!state) {
    state = analysis::new_state(settings);
  }
  const LiveStep step = present_step(turn);
  analysis::reset_step(*state, step.weight().fraction());
  if (turn.status().phase == api::RolloutPhase::kWatching) {
    // Nobody asked for more than the promotion: what both suffer from here on is not blamed on it.
    state->marks.weight_raised_at = -1;
  }
  take_baseline(turn, *state);
  store_state(turn, *state);
  turn.status().evidence->invalid_blocks = 0;
  turn.status().evidence->agreement.reset();
  if (step.is_shadow) {
    turn.status().evidence->agreement.emplace();
  }
  if (!turn.status().step_started_at) {
    turn.status().step_started_at = turn.second;
  }
  if (turn.status().phase != api::RolloutPhase::kPaused) {
    turn.status().message = "collecting evidence";
    set_progressing(turn, api::name_of(turn.status().phase), turn.status().message);
  }
  look_again_in(turn, turn.policy->analysis.block);
}

void await_traffic(Turn& turn) {
  api::CanaryRolloutStatus& status = turn.status();
  const api::RouteStatus* route = turn.route();
  const bool is_there = is_split_confirmed(turn) && all_run_the_table(turn) &&
                        freshness(turn, WallTime{}, turn.policy->analysis.block).is_fresh;
  if (is_there || is_planted(Mutant::kTrafficUnconfirmed)) {
    start_step(turn);
    return;
  }
  learn_from_stable(turn);
  const std::string share = format_share(present_step(turn).share);
  if (route != nullptr && route->desired_seq == status.desired.seq) {
    status.message = fmt::format("waiting for every router to confirm {}", share);
  } else {
    const std::string& trouble = turn.seen.candidate_pods.detail;
    status.message = bounded(fmt::format("waiting for enough ready workers to carry {}{}{}",
                                         share,
                                         trouble.empty() ? "" : "; ",
                                         trouble),
                             kTextMax);
  }
  set_progressing(turn, api::name_of(status.phase), status.message);
  look_again_in(turn, turn.policy->analysis.block / 2);
}

// Without a worker of the old stable the new one is not judged: what fails both would look like its
// own fault.
bool lacks_control(const Turn& turn) {
  const api::PreviousStatus* control = control_of(turn);
  return control != nullptr && !control->ready_since;
}

// What was counted and cannot be judged.
analysis::Block blind_block(const Turn& turn, const std::string& why) {
  analysis::Block block;
  block.data = BlockData::kBothBlind;
  block.data_detail = why;
  block.candidate_pods = turn.seen.candidate_pods.ready;
  return block;
}

// The block that has ended; what is counted in it is counted no more, even if it is not judged.
analysis::Block end_block(Turn& turn, analysis::State& state, const EndedBlock& ended) {
  if (!ended.fresh.is_fresh) {
    return blind_block(turn, ended.fresh.detail);
  }
  TakenBlock taken = take_block(turn, state);
  if (lacks_control(turn)) {
    return blind_block(
        turn, "no worker of " + turn.status().stable_revision + " is ready to compare with");
  }
  if (auto& agreement = turn.status().evidence->agreement) {
    add_agreement(*agreement, taken.compared);
  }
  return std::move(taken.block);
}

void fold_block(Turn& turn, analysis::State state, const EndedBlock& ended) {
  const analysis::Settings settings = settings_of(*turn.policy);
  if (is_planted(Mutant::kEvidenceForgotten)) {
    state = analysis::new_state(settings);
  }
  if (is_planted(Mutant::kClockRestarts)) {
    turn.status().step_started_at = turn.second;
  }
  const analysis::State before = state;
  analysis::Block block = end_block(turn, state, ended);
  block.index = state.block_index + ended.intervals;
  const analysis::Assessment assessment = analysis::fold(settings, state, block);
  store_state(turn, state);
  api::EvidenceSnapshot& evidence = *turn.status().evidence;
  const bool has_data = block.data == BlockData::kValid && block.candidate.n + block.pairs.n > 0;
  evidence.invalid_blocks = has_data ? 0 : evidence.invalid_blocks + 1;
  act_on_block(turn,
               {.step = present_step(turn),
                .settings = settings,
                .before = before,
                .after = state,
                .block = block,
                .assessment = assessment});
}

void lose_evidence(Turn& turn) {
  announce(turn, true, "EvidenceLost", "the stored evidence cannot be read; it begins anew");
  start_step(turn);
}

void await_block(Turn& turn) {
  const auto ended = ended_block(turn);
  if (!ended) {
    return;
  }
  std::optional<analysis::State> state = stored_state(turn);
  if (!state) {
    lose_evidence(turn);
    return;
  }
  fold_block(turn, std::move(*state), *ended);
  const bool goes_on = turn.status().phase == api::RolloutPhase::kProgressing ||
                       turn.status().phase == api::RolloutPhase::kWatching ||
                       turn.status().phase == api::RolloutPhase::kPaused;
  if (goes_on && turn.status().step_started_at) {
    look_again_in(turn, turn.policy->analysis.block);
  }
}

}  // namespace

void on_progressing(Turn& turn) {
  CHECK(turn.policy.has_value());
  if (!fails_hard(turn, unready_max(turn))) {
    judge_live(turn);
  }
}

void judge_live(Turn& turn) {
  if (!turn.status().step_started_at) {
    await_traffic(turn);
  } else if (!turn.status().evidence || !turn.status().evidence->block_ended_at) {
    lose_evidence(turn);
  } else {
    await_block(turn);
  }
}

}  // namespace sluice::canary_rollout
