#pragma once
// Inputs: what a decision record keeps of a verdict, as JSON, and the way back: the same inputs
// give the same verdict again, bit for bit. Pure.

#include <string>
#include <string_view>

#include "base/result.h"
#include "controllers/analysis/golden_set.h"
#include "controllers/analysis/rollout_analysis.h"

namespace sluice::canary_rollout {

// All that the verdict on a block rests on, and what it was.
struct BlockVerdict {
  const analysis::Settings& settings;
  const analysis::State& before;  // The state that the block was folded into.
  const analysis::Block& block;
  const analysis::Assessment& assessment;
};

// At most 8,192 bytes in any but absurd cases (a hundred stable pods); the record then says so.
[[nodiscard]] std::string block_inputs(const BlockVerdict& verdict);

[[nodiscard]] std::string golden_inputs(const analysis::GoldenSetSettings& settings,
                                        const analysis::GoldenSetAssessment& assessment);

struct Replayed {
  std::string verdict;  // "RollBack", "Advance", …
  std::string reason;
  double ln_e = 0;
  bool is_same = false;  // As the record says.
};

// Judges the block of a record again. kInvalid for inputs of another kind or cut short.
[[nodiscard]] Result<Replayed> replay(std::string_view inputs);

}  // namespace sluice::canary_rollout
