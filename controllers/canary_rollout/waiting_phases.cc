// The phases that wait for the index or a person: Pending, Paused, Promoting, RollingBack, and
// those that are settled.

#include <fmt/format.h>

#include <algorithm>

#include "base/check.h"
#include "base/mutant.h"
#include "controllers/canary_rollout/conditions.h"
#include "controllers/canary_rollout/learning.h"
#include "controllers/canary_rollout/pauses.h"
#include "controllers/canary_rollout/phases.h"
#include "controllers/canary_rollout/transitions.h"

namespace sluice::canary_rollout {
namespace {

std::string build_message(const api::CandidateStatus& candidate) {
  switch (candidate.phase) {
    case api::CandidatePhase::kResolving:
      return "the candidate's documents are being downloaded: " + candidate.message;
    case api::CandidatePhase::kBuilding:
      return "the candidate is being built: " + candidate.message;
    case api::CandidatePhase::kFetching:
    case api::CandidatePhase::kReady:
      return "waiting for the candidate's facts: " + candidate.message;
    case api::CandidatePhase::kFailed:
      return candidate.message;
  }
  return candidate.message;
}

bool is_built(const api::CandidateStatus& candidate) {
  return candidate.facts.has_value() && !candidate.revision.empty() &&
         (candidate.phase == api::CandidatePhase::kFetching ||
          candidate.phase == api::CandidatePhase::kReady);
}

// The new candidate may begin when the last one's traffic is off everywhere.
void begin_or_wait(Turn& turn, const SpecPolicy& spec_policy) {
  api::CanaryRolloutStatus& status = turn.status();
  if (!spec_policy) {
    status.phase = api::RolloutPhase::kInvalid;
    status.message = bounded(spec_policy.error().message, kTextMax);
    set_not_progressing(turn, "InvalidPolicy", "a candidate waits for a valid policy");
  } else if (!is_traffic_off(turn)) {
    status.message = "a new candidate waits until every router has confirmed weight 0 for the last";
    look_again_in(turn, std::chrono::seconds(5));
  } else {
    begin_rollout(turn, *spec_policy);
  }
}

}  // namespace

Duration unready_max(const Turn& turn) {
  const api::RouteStatus* route = turn.route();
  const bool has_traffic = route != nullptr && !route->candidate_revision.empty() &&
                           route->candidate_revision == turn.status().candidate_revision;
  return has_traffic || turn.status().phase == api::RolloutPhase::kPromoting
             ? kUnreadyMax
             : std::max(kUnreadyMax, turn.policy->analysis.no_data_timeout);
}

bool fails_hard(Turn& turn, Duration unready_max) {
  const CandidatePods& pods = turn.seen.candidate_pods;
  if (pods.is_crash_looping) {
    roll_back(turn,
              {.verdict = "RolledBack",
               .reason = "CrashLoop",
               .message =
                   "a worker of the candidate restarted 3 times within 5 minutes: " + pods.detail});
    return true;
  }
  if (!pods.none_ready_since) {
    return false;
  }
  const Duration unready = turn.now - *pods.none_ready_since;
  if (unready >= unready_max) {
    roll_back(turn,
              {.verdict = "RolledBack",
               .reason = "NoReadyWorker",
               .message = fmt::format("no worker of the candidate has been ready for {}: {}",
                                      format_duration(unready_max),
                                      pods.detail)});
    return true;
  }
  look_again_in(turn, unready_max - unready);
  return false;
}

void on_settled(Turn& turn, const SpecPolicy& spec_policy) {
  api::CanaryRolloutStatus& status = turn.status();
  const api::RagIndex& index = turn.index();
  if (status.phase == api::RolloutPhase::kSuperseded && !status.candidate_retired_at &&
      is_traffic_off(turn)) {
    status.candidate_retired_at = turn.second;
  }
  // The first revision has nothing to be compared with, and Direct means without a rollout.
  const bool is_judged_here =
      !index.status.stable_revision.empty() && index.spec.changeover == api::Changeover::kRollout;
  if (is_judged_here && turn.candidate() != nullptr && !is_our_candidate(turn)) {
    begin_or_wait(turn, spec_policy);
    return;
  }
  const bool is_idle =
      status.phase == api::RolloutPhase::kIdle || status.phase == api::RolloutPhase::kInvalid;
  if (is_idle) {
    status.phase = spec_policy ? api::RolloutPhase::kIdle : api::RolloutPhase::kInvalid;
    status.message = spec_policy ? "no candidate" : bounded(spec_policy.error().message, kTextMax);
    set_not_progressing(turn, spec_policy ? "NoCandidate" : "InvalidPolicy", status.message);
  }
}

void on_pending(Turn& turn) {
  api::CanaryRolloutStatus& status = turn.status();
  CHECK(turn.candidate() != nullptr && turn.policy.has_value());
  const api::CandidateStatus& candidate = *turn.candidate();
  learn_from_stable(turn);
  if (!is_built(candidate)) {
    status.message = bounded(build_message(candidate), kTextMax);
    set_progressing(turn, "Pending", status.message);
    return;
  }
  if (fails_hard(turn, unready_max(turn))) {
    return;
  }
  if (is_held(turn)) {
    status.message = "the candidate is built; " + what_person_must_do(turn);
    set_progressing(turn, "Pending", status.message);
    return;
  }
  enter_step_or_promote(turn, 0);
}

// The weight of the steps before is judged on; without any, stable is learned from.
void on_paused(Turn& turn) {
  CHECK(turn.policy.has_value());
  if (turn.status().desired.mode != api::TrafficMode::kNone) {
    on_progressing(turn);
  } else if (!fails_hard(turn, unready_max(turn))) {
    learn_from_stable(turn);
    end_late_pause(turn, true);
  }
  if (turn.status().phase == api::RolloutPhase::kPaused) {
    turn.status().message = what_person_must_do(turn);
  }
}

void on_promoting(Turn& turn) {
  // Before the commit the old stable is still whole, so going back costs nothing.
  static_cast<void>(fails_hard(turn, unready_max(turn)));
}

void on_rolling_back(Turn& turn) {
  api::CanaryRolloutStatus& status = turn.status();
  const bool is_return = control_of(turn) != nullptr;
  if (is_committed(turn) && !is_return) {
    // The index was quicker, and keeps no old stable: its write of the stable revision is what
    // counts.
    conclude_promotion(turn);
    return;
  }
  const api::RouteStatus* route = turn.route();
  // While the candidate is the index's, an answer to an earlier request could still be on its way;
  // once it is not, nothing can give it weight. In a return the index has to say that all is the
  // old stable's.
  const bool may_have_weight = is_our_candidate(turn) || is_return;
  const bool is_answered =
      !may_have_weight || route == nullptr || route->desired_seq >= status.desired.seq;
  const bool is_off = is_traffic_off(turn) && is_answered;
  if (!is_off && !is_planted(Mutant::kRollbackUnconfirmed)) {
    return;
  }
  if (status.last_rollback && !status.last_rollback->traffic_restored_at) {
    api::RollbackRecord& rollback = *status.last_rollback;
    const WallTime verdict_at = rollback.verdict_at.value_or(WallTime{});
    const bool is_told =
        route != nullptr && route->confirmed_at && *route->confirmed_at >= verdict_at;
    rollback.traffic_restored_at = is_told ? *route->confirmed_at : turn.now;
  }
  const std::string message = fmt::format("{}: {}", candidate_text(status), status.message);
  announce(turn, true, "TrafficRestored", message + "; every router has confirmed weight 0");
  conclude_rollback(turn);
}

}  // namespace sluice::canary_rollout
