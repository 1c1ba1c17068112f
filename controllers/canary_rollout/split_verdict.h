#pragma once
// What follows from a block of a shadow or split step, or of a watch: rollback, the next step, or
// keep looking.
// Internal to the core.

#include <string>

#include "controllers/analysis/rollout_analysis.h"
#include "controllers/canary_rollout/live_step.h"
#include "controllers/canary_rollout/turn.h"

namespace sluice::canary_rollout {

struct JudgedBlock {
  LiveStep step;
  const analysis::Settings& settings;
  const analysis::State& before;
  const analysis::State& after;
  const analysis::Block& block;
  const analysis::Assessment& assessment;
};

// Says in message and condition how the judging stands; once the evidence is there, what else is
// awaited.
void keep_looking(Turn& turn, const JudgedBlock& judged, const std::string& awaited);

void act_on_block(Turn& turn, const JudgedBlock& judged);

// Whether the candidate's share of the step's queries is what was asked for, as far as its number
// can tell: within four standard errors and a tenth of the weight.
[[nodiscard]] bool share_matches(const analysis::StepTotals& totals, double weight);

}  // namespace sluice::canary_rollout
