#include "controllers/analysis/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/check.h"
#include "controllers/analysis/latency_buckets.h"
#include "controllers/analysis/noninferiority.h"

namespace sluice::analysis {
namespace {

constexpr double kPromotionShareOfMax = 0.5;
constexpr double kRollbackShareOfPromotion = 0.2;
constexpr double kRateMax = 0.99;
// Of a latency objective's share of slow answers, 1 - quantile: of 5 % beyond the p95 1, 2 and 10
// points, and a step may slow 0.2 % of all answers unseen.
constexpr double kLatencyRollbackShare = 0.2;
constexpr double kLatencyPromotionShare = 0.4;
constexpr double kLatencyMarginMaxShare = 2;
constexpr double kLatencyRiskShare = 0.04;
constexpr double kLatencySecondsMax = 60;

struct Bounded {
  std::string_view name;
  double value = 0;
  double low = 0;
  double high = 0;
};

// False for NaN.
bool is_within(double value, double low, double high) {
  return value >= low && value <= high;
}

Status check_errors(const ErrorObjective& errors) {
  if (!errors.max && !errors.worse_than_stable_by) {
    return fail(ErrorCode::kInvalid, "errors: neither max nor worse_than_stable_by is set");
  }
  if (errors.max && !is_within(*errors.max, 0, kRateMax)) {
    return fail(ErrorCode::kInvalid, fmt::format("errors.max {} is not in [0, 0.99]", *errors.max));
  }
  const double promotion = promotion_margin(errors);
  if (!is_within(promotion, 0, kRateMax)) {
    return fail(ErrorCode::kInvalid,
                fmt::format("errors.worse_than_stable_by {} is not in [0, 0.99]", promotion));
  }
  const double rollback = rollback_margin(errors);
  if (!is_within(rollback, 0, promotion)) {
    return fail(
        ErrorCode::kInvalid,
        fmt::format("errors.rollback_margin {} is not in [0, {}]: a candidate could be shown both "
                    "good enough to advance and bad enough to roll back",
                    rollback,
                    promotion));
  }
  return {};
}

Status check_latency(const LatencyObjective& latency) {
  if (!is_within(latency.quantile, 0.9, 0.99)) {
    return fail(ErrorCode::kInvalid,
                fmt::format("latency.quantile {} is not in [0.9, 0.99]", latency.quantile));
  }
  if (latency.max_seconds && !is_within(*latency.max_seconds, 0.001, kLatencySecondsMax)) {
    return fail(ErrorCode::kInvalid,
                fmt::format("latency.max {} is not in [1 ms, 60 s]", *latency.max_seconds));
  }
  if (!is_within(latency.worse_than_stable_by, 1e-9, 1)) {
    return fail(ErrorCode::kInvalid,
                fmt::format("latency.worse_than_stable_by {} is not above 0 and at most 1",
                            latency.worse_than_stable_by));
  }
  return {};
}

}  // namespace

std::int64_t rollback_shift(const LatencyObjective& objective) {
  return shift_of(1 + kRollbackShareOfPromotion * objective.worse_than_stable_by).at_least;
}

std::int64_t promotion_shift(const LatencyObjective& objective) {
  return shift_of(1 + objective.worse_than_stable_by).at_most;
}

double rollback_margin(const LatencyObjective& objective) {
  return kLatencyRollbackShare * (1 - objective.quantile);
}

double promotion_margin(const LatencyObjective& objective) {
  return kLatencyPromotionShare * (1 - objective.quantile);
}

LimitBuckets limit_buckets(const LatencyObjective& objective) {
  CHECK(objective.max_seconds);
  const BucketsAround around = buckets_around(*objective.max_seconds);
  return {.possibly = around.below, .surely = around.above};
}

double promotion_margin(const ErrorObjective& objective) {
  return objective.worse_than_stable_by.value_or(kPromotionShareOfMax * objective.max.value_or(0));
}

double rollback_margin(const ErrorObjective& objective) {
  return objective.rollback_margin.value_or(kRollbackShareOfPromotion *
                                            promotion_margin(objective));
}

Status validate(const Settings& settings) {
  constexpr double kSmallest = 1e-9;
  constexpr double kLargest = 1e9;
  const std::array bounds = {
      Bounded{"false_rollback_rate", settings.false_rollback_rate, kSmallest, 0.5},
      Bounded{"false_promotion_rate", settings.false_promotion_rate, kSmallest, 0.5},
      Bounded{"block_seconds", settings.block_seconds, 0.1, 3600},
      Bounded{"max_duration_seconds",
              settings.max_duration_seconds,
              2 * settings.block_seconds,
              kLargest},
      Bounded{"min_blocks", settings.min_blocks, 1, 1000},
      Bounded{"step_risk", settings.step_risk, 0, 1},
      Bounded{"step_margin_max", settings.step_margin_max, kSmallest, 1},
      Bounded{"interval_alpha", settings.interval_alpha, kSmallest, 0.5},
      Bounded{"phi_prior", settings.phi_prior, 1, 50},
      Bounded{"no_data_abort_seconds", settings.data.no_data_abort_seconds, 0, kLargest},
      Bounded{"stale_blocks", static_cast<double>(settings.data.stale_blocks), 1, kLargest},
      Bounded{"shared_breach.lasts_seconds", settings.shared_breach.lasts_seconds, 0, kLargest},
      Bounded{"shared_breach.after_raise_seconds",
              settings.shared_breach.after_raise_seconds,
              0,
              kLargest},
  };
  for (const Bounded& bound : bounds) {
    if (!is_within(bound.value, bound.low, bound.high)) {
      return fail(
          ErrorCode::kInvalid,
          fmt::format("{} {} is not in [{}, {}]", bound.name, bound.value, bound.low, bound.high));
    }
  }
  if (settings.errors) {
    if (Status status = check_errors(*settings.errors); !status) {
      return status;
    }
  }
  return settings.latency ? check_latency(*settings.latency) : Status{};
}

std::int64_t horizon_blocks(const Settings& settings) {
  return std::max<std::int64_t>(
      2, static_cast<std::int64_t>(settings.max_duration_seconds / settings.block_seconds));
}

double margin_at(const Settings& settings, double weight) {
  CHECK(settings.errors);
  const double promotion = promotion_margin(*settings.errors);
  return step_margin(weight,
                     {.risk = settings.step_risk,
                      .delta_min = promotion,
                      .delta_max = std::max(promotion, settings.step_margin_max)});
}

double latency_margin_at(const Settings& settings, double weight) {
  CHECK(settings.latency);
  const double slow = 1 - settings.latency->quantile;
  return step_margin(weight,
                     {.risk = kLatencyRiskShare * slow,
                      .delta_min = promotion_margin(*settings.latency),
                      .delta_max = kLatencyMarginMaxShare * slow});
}

}  // namespace sluice::analysis
