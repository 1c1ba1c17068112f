#include "controllers/canary_rollout/learning.h"

#include "base/check.h"
#include "controllers/canary_rollout/blocks.h"
#include "controllers/canary_rollout/live_step.h"
#include "controllers/canary_rollout/policy.h"

namespace sluice::canary_rollout {
namespace {

// Counters from here on; nothing is stored until there are some.
void begin(Turn& turn) {
  const Duration block = turn.policy->analysis.block;
  if (freshness(turn, WallTime{}, block).is_fresh) {
    analysis::State state = analysis::new_state(settings_of(*turn.policy));
    take_baseline(turn, state);
    store_state(turn, state);
    look_again_in(turn, block);
  }
}

}  // namespace

void learn_from_stable(Turn& turn) {
  CHECK(turn.policy.has_value());
  if (!has_live_step(*turn.policy) || !is_traffic_off(turn)) {
    return;
  }
  std::optional<analysis::State> state = stored_state(turn);
  if (!state || !turn.status().evidence->block_ended_at) {
    begin(turn);
    return;
  }
  const auto ended = ended_block(turn);
  if (!ended || !ended->fresh.is_fresh) {
    return;  // Routers that tell again bring the next look.
  }
  analysis::Block block = take_block(turn, *state).block;
  block.index = state->block_index + ended->intervals;
  analysis::learn_stable(settings_of(*turn.policy), *state, block);
  store_state(turn, *state);
  look_again_in(turn, turn.policy->analysis.block);
}

}  // namespace sluice::canary_rollout
