#include "controllers/canary_rollout/watching.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "controllers/canary_rollout/blocks.h"
#include "controllers/canary_rollout/pauses.h"
#include "controllers/canary_rollout/phases.h"
#include "controllers/canary_rollout/transitions.h"

namespace sluice::canary_rollout {
namespace {

// While something speaks against it, it is watched for up to so many windows.
constexpr int kWindowsMax = 2;

// Without workers of both, which an outage of the place takes away, none is to blame: the time
// without a worker of the new one counts from when the old one has some.
Duration unready_max(const Turn& turn, WallTime control_ready_since) {
  const auto& none_ready_since = turn.seen.candidate_pods.none_ready_since;
  const Duration shared =
      none_ready_since ? control_ready_since - *none_ready_since : Duration::zero();
  return kUnreadyMax + std::max(shared, Duration::zero());
}

// Since the control has its users; where it never got them, since the promotion.
Duration time_watched(const Turn& turn, const api::PreviousStatus& control) {
  return turn.status().step_started_at ? time_in_step(turn) : turn.now - control.since;
}

void end_when_over(Turn& turn, const api::PreviousStatus& control, bool is_suspect) {
  if (is_held(turn)) {
    return;
  }
  const Duration window = turn.policy->rollback.watch_after_promotion;
  const Duration left = (is_suspect ? kWindowsMax * window : window) - time_watched(turn, control);
  const bool was_compared = turn.status().step_started_at.has_value();
  if (control.has_successor && !is_suspect) {
    conclude_promotion(turn, "NewerRevision", "nothing speaks against it, and a newer one waits");
  } else if (left > Duration::zero()) {
    look_again_in(turn, left);
  } else if (was_compared) {
    conclude_promotion(turn, "Watched", "it was watched for " + format_duration(window));
  } else {
    conclude_promotion(turn,
                       "NotCompared",
                       fmt::format("{} had no users to compare it with for {}",
                                   control.revision,
                                   format_duration(window)));
  }
}

// Any of its tests holds anything against it, or routers protect users from it.
bool is_suspected(const Turn& turn, const JudgedBlock& judged) {
  return is_quarantined(turn) || judged.assessment.verdict == analysis::Verdict::kHold ||
         std::ranges::any_of(judged.assessment.metrics,
                             [](const analysis::MetricAssessment& test) { return test.ln_e > 0; });
}

}  // namespace

void on_watching(Turn& turn) {
  CHECK(turn.policy.has_value());
  const api::PreviousStatus* control = control_of(turn);
  if (control == nullptr) {
    return;  // The index as it was before it committed: an older look than the last.
  }
  if (control->ready_since && fails_hard(turn, unready_max(turn, *control->ready_since))) {
    return;
  }
  judge_live(turn);
  const bool goes_on = turn.status().phase == api::RolloutPhase::kWatching;
  if (goes_on && !turn.status().step_started_at) {
    end_when_over(turn, *control, false);
  }
}

void act_in_watch(Turn& turn, const JudgedBlock& judged) {
  const api::PreviousStatus* control = control_of(turn);
  CHECK(control != nullptr);
  keep_looking(turn,
               judged,
               "the end of its watch, " +
                   format_duration(turn.policy->rollback.watch_after_promotion) +
                   " after the promotion");
  end_when_over(turn, *control, is_suspected(turn, judged));
}

}  // namespace sluice::canary_rollout
