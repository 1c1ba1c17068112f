#pragma once
// What a rollout is judged by. Fixed at its start and the same for every block. Plain values.

#include <cstdint>
#include <optional>

#include "base/result.h"
#include "controllers/analysis/data_policy.h"
#include "controllers/analysis/shared_breach.h"

namespace sluice::analysis {

// Rates are shares: 0.01 is 1 %. At least one of `max` and `worse_than_stable_by`.
struct ErrorObjective {
  std::optional<double> max = {};                   // The candidate's greatest bad rate, absolute.
  std::optional<double> worse_than_stable_by = {};  // Promotion margin; half of `max` if left out.
  std::optional<double> rollback_margin = {};       // A fifth of the promotion margin if left out.
};

[[nodiscard]] double promotion_margin(const ErrorObjective& objective);
[[nodiscard]] double rollback_margin(const ErrorObjective& objective);

struct Settings {
  std::optional<ErrorObjective> errors = {};  // Latency and shadow objectives come beside it.
  double false_rollback_rate = 0.01;          // Over the whole rollout, all objectives together.
  double false_promotion_rate = 0.05;         // Of each step.
  double block_seconds = 10;
  double max_duration_seconds = 86'400;  // The horizon of the restart mixture.
  double min_blocks = 3;      // No statistical rollback from fewer blocks. To ignore outages of up
                              // to b seconds: ceil(b / block_seconds) + 2.
  double step_risk = 0.0005;  // Share of all traffic that a step may harm unseen.
  double step_margin_max = 0.05;
  double interval_alpha = 0.05;  // Displayed intervals are at level 1 - this.
  double phi_prior = 2;          // Dispersion assumed while stable has a single pod.
  bool roll_forward = false;     // Advance although stable breaks the objective (a fix).
  DataPolicy data = {};
  SharedBreachPolicy shared_breach = {};
};

// kInvalid with the name of the setting that is out of its range.
[[nodiscard]] Status validate(const Settings& settings);

[[nodiscard]] std::int64_t horizon_blocks(const Settings& settings);
// The margin that a step at this weight has to prove; weight is a share in (0, 1].
[[nodiscard]] double margin_at(const Settings& settings, double weight);

}  // namespace sluice::analysis
