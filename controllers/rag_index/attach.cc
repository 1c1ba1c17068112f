#include <algorithm>
#include <tuple>

#include "base/mutant.h"
#include "controllers/rag_index/turn.h"

namespace sluice::rag_index {
namespace {

bool is_older(const api::CanaryRollout* a, const api::CanaryRollout* b) {
  return std::tuple(a->metadata.creation_timestamp.value_or(WallTime{}), a->metadata.name) <
         std::tuple(b->metadata.creation_timestamp.value_or(WallTime{}), b->metadata.name);
}

}  // namespace

// The oldest CanaryRollout that names the index is its policy, and stays it until it is deleted.
// While a candidate lives the lost policy's UID stays too: settle_candidate rejects the candidate
// first, so that no crash in between can lose that.
void attach_policy(Turn& turn) {
  std::vector<const api::CanaryRollout*> rollouts;
  for (const api::CanaryRollout& rollout : turn.seen.rollouts) {
    if (!rollout.metadata.deletion_timestamp) {
      rollouts.push_back(&rollout);
    }
  }
  api::RagIndexStatus& status = turn.status();
  if (!status.policy_uid.empty()) {
    const auto same = std::ranges::find_if(rollouts, [&](const api::CanaryRollout* rollout) {
      return rollout->metadata.uid == status.policy_uid;
    });
    if (same != rollouts.end()) {
      turn.rollout = *same;
      return;
    }
    turn.is_policy_lost = true;
    if (status.candidate && turn.is_judged() && !is_planted(Mutant::kLostPolicyForgotten)) {
      return;
    }
    turn.is_policy_lost = false;
    status.policy_uid.clear();
    status.policy_name.clear();
  }
  if (const auto oldest = std::ranges::min_element(rollouts, is_older); oldest != rollouts.end()) {
    turn.rollout = *oldest;
    status.policy_uid = turn.rollout->metadata.uid;
    status.policy_name = turn.rollout->metadata.name;
  }
}

}  // namespace sluice::rag_index
