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

// How slow is too slow: `quantile` of the answers (0.95: the p95) against a time and against
// stable.
struct LatencyObjective {
  double quantile = 0.95;
  std::optional<double> max_seconds = {};  // At most 1 - quantile of the answers may take longer.
  double worse_than_stable_by = 0.2;       // Share of time: 0.2 is a fifth slower.
};

// The same share of answers may exceed a time that is later by so many buckets: what has to be
// shown for a rollback (a fifth of worse_than_stable_by, rounded against a rollback) and for a
// promotion (worse_than_stable_by, rounded against a promotion).
[[nodiscard]] std::int64_t rollback_shift(const LatencyObjective& objective);
[[nodiscard]] std::int64_t promotion_shift(const LatencyObjective& objective);
// The share of answers beyond a time by which the candidate has to exceed stable for a rollback,
// and within which it has to be for a promotion; for a p95 1 and 2 points.
[[nodiscard]] double rollback_margin(const LatencyObjective& objective);
[[nodiscard]] double promotion_margin(const LatencyObjective& objective);

// Between which edges of buckets the objective's max lies. Needs a max.
struct LimitBuckets {
  std::int64_t possibly = 0;  // The last edge at or below it.
  std::int64_t surely = 0;    // The first edge at or above it.
};

[[nodiscard]] LimitBuckets limit_buckets(const LatencyObjective& objective);

[[nodiscard]] double promotion_margin(const ErrorObjective& objective);
[[nodiscard]] double rollback_margin(const ErrorObjective& objective);

struct Settings {
  std::optional<ErrorObjective> errors = {};
  std::optional<LatencyObjective> latency = {};
  double false_rollback_rate = 0.01;   // Over the whole rollout, all objectives together.
  double false_promotion_rate = 0.05;  // Of each step.
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
// The margins that a step at this weight has to prove, of errors and of answers beyond a time;
// weight is a share in (0, 1].
[[nodiscard]] double margin_at(const Settings& settings, double weight);
[[nodiscard]] double latency_margin_at(const Settings& settings, double weight);

}  // namespace sluice::analysis
