// What the index says of its artefacts: whether they are on a volume, whether they are lost.

#include <algorithm>

#include "controllers/rag_index/build.h"
#include "controllers/rag_index/names.h"
#include "controllers/rag_index/turn.h"

namespace sluice::rag_index {
namespace {

constexpr std::string_view kDurable = "ArtifactDurable";
constexpr std::string_view kLost = "Lost";

// What a holder says that has answered, or what it waits for; empty while it only starts.
std::string words_of_holder(const Turn& turn) {
  for (const kube::Pod* pod : pods_of(turn.seen, api::kComponentHolder)) {
    const BuilderState state = state_of_builder(turn.seen, *pod, turn.now);
    const std::string said = state.report ? state.report->message : state.waiting;
    if (!said.empty()) {
      return ": " + said;
    }
  }
  return {};
}

void set_durable(Turn& turn) {
  if (!is_durable(turn)) {
    set_condition(
        turn,
        kDurable,
        false,
        {.reason = "Ephemeral",
         .message = "the index lives on its workers; if all are lost it is built again from the "
                    "same documents, as long as the source has them"});
    return;
  }
  const std::string& stable = turn.status().stable_revision;
  if (stable.empty()) {
    set_condition(turn, kDurable, false, {.reason = "Keeping", .message = "nothing is stable yet"});
    return;
  }
  const std::string& claim = turn.spec().artifacts->persistent_volume_claim->claim_name;
  const std::string kept = stable + " is on the volume of " + claim;
  const kube::Condition* known = kube::find_condition(turn.status().conditions, kDurable);
  // Known from before to an operator that has just started and has not asked the holder yet.
  const bool was_kept =
      known != nullptr && known->status == kube::ConditionStatus::kTrue && known->message == kept;
  const Keeping keeping = keeping_of(turn, stable);
  if (keeping == Keeping::kHeld || (keeping == Keeping::kComing && was_kept)) {
    set_condition(turn, kDurable, true, {.reason = "Kept", .message = kept});
  } else if (keeping == Keeping::kComing) {
    set_condition(
        turn,
        kDurable,
        false,
        {.reason = "Keeping",
         .message = stable + " is on its way to the volume of " + claim + words_of_holder(turn)});
  } else {
    set_condition(
        turn,
        kDurable,
        false,
        {.reason = "NotKept",
         .message = stable + " serves and is not on the volume of " + claim +
                    words_of_holder(turn) +
                    "; kubectl describe pod says whether the holder's volume can be mounted"});
  }
}

bool is_stable_held(const Turn& turn) {
  const std::string& stable = turn.status().stable_revision;
  const auto builders = pods_of(turn.seen, api::kComponentBuilder, stable);
  return has_holding_worker(turn.seen, stable) || keeping_of(turn, stable) == Keeping::kHeld ||
         std::ranges::any_of(builders, [](const kube::Pod* pod) { return kube::is_ready(*pod); });
}

}  // namespace

void recall_loss(Turn& turn) {
  const kube::Condition* known = kube::find_condition(turn.status().conditions, kLost);
  const bool was_lost = known != nullptr && known->status == kube::ConditionStatus::kTrue;
  if (turn.lost.empty() && was_lost && turn.has_stable() && !turn.is_suspended() &&
      !is_stable_held(turn)) {
    turn.lost = known->message;
  }
}

void set_artifact_conditions(Turn& turn) {
  set_durable(turn);
  if (!turn.lost.empty()) {
    set_condition(turn, kLost, true, {.reason = "HeldNowhere", .message = turn.lost});
  } else if (kube::find_condition(turn.status().conditions, kLost) != nullptr) {
    set_condition(
        turn, kLost, false, {.reason = "Held", .message = "the artefacts are held again"});
  }
}

}  // namespace sluice::rag_index
