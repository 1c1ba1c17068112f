#include "controllers/analysis/settings.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <vector>

namespace sluice::analysis {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

Settings with_errors(const ErrorObjective& errors) {
  Settings settings;
  settings.errors = errors;
  return settings;
}

TEST(AnalysisSettings, MarginsDefaultFromOneAnother) {
  const ErrorObjective only_max{.max = 0.01};
  EXPECT_DOUBLE_EQ(promotion_margin(only_max), 0.005);
  EXPECT_DOUBLE_EQ(rollback_margin(only_max), 0.001);
  const ErrorObjective both{.worse_than_stable_by = 0.02, .rollback_margin = 0.003};
  EXPECT_DOUBLE_EQ(promotion_margin(both), 0.02);
  EXPECT_DOUBLE_EQ(rollback_margin(both), 0.003);
}

TEST(AnalysisSettings, TheStepMarginShrinksWithTheWeightDownToThePromotionMargin) {
  const Settings settings = with_errors({.max = 0.01, .worse_than_stable_by = 0.005});
  EXPECT_DOUBLE_EQ(margin_at(settings, 0.01), 0.05);
  EXPECT_DOUBLE_EQ(margin_at(settings, 0.05), 0.01);
  EXPECT_DOUBLE_EQ(margin_at(settings, 0.1), 0.005);
  EXPECT_DOUBLE_EQ(margin_at(settings, 0.5), 0.005);
  // A margin above the usual maximum is the user's word.
  const Settings loose = with_errors({.worse_than_stable_by = 0.1});
  EXPECT_DOUBLE_EQ(margin_at(loose, 0.01), 0.1);
}

TEST(AnalysisSettings, LatencyMarginsAreSharesOfTimeAtEdgesAndPointsOfAnswers) {
  const LatencyObjective p95;
  EXPECT_EQ(rollback_shift(p95), 1);   // 4 % later is at least one bucket of 9 %.
  EXPECT_EQ(promotion_shift(p95), 2);  // 20 % later is at most two.
  EXPECT_NEAR(rollback_margin(p95), 0.01, 1e-12);
  EXPECT_NEAR(promotion_margin(p95), 0.02, 1e-12);
  EXPECT_NEAR(promotion_margin(LatencyObjective{.quantile = 0.99}), 0.004, 1e-12);
  const LimitBuckets limit = limit_buckets(LatencyObjective{.max_seconds = 0.3});
  EXPECT_EQ(limit.surely - limit.possibly, 1);
  Settings settings;
  settings.latency = p95;
  EXPECT_NEAR(latency_margin_at(settings, 0.01), 0.1, 1e-12);
  EXPECT_NEAR(latency_margin_at(settings, 0.05), 0.04, 1e-12);
  EXPECT_NEAR(latency_margin_at(settings, 0.5), 0.02, 1e-12);
}

TEST(AnalysisSettings, HorizonCountsBlocks) {
  Settings settings;
  EXPECT_EQ(horizon_blocks(settings), 8640);
  settings.block_seconds = 5;
  EXPECT_EQ(horizon_blocks(settings), 17280);
}

TEST(AnalysisSettings, DefaultsAreValid) {
  EXPECT_TRUE(validate(Settings{}));
  EXPECT_TRUE(validate(with_errors({.max = 0.01, .worse_than_stable_by = 0.005})));
  EXPECT_TRUE(validate(with_errors({.max = 0.0})));
}

TEST(AnalysisSettings, RefusesNonsenseByName) {
  const std::vector<std::pair<std::function<void(Settings&)>, const char*>> cases = {
      {[](Settings& s) { s.false_rollback_rate = 0; }, "false_rollback_rate"},
      {[](Settings& s) { s.false_promotion_rate = 2; }, "false_promotion_rate"},
      {[](Settings& s) { s.block_seconds = kNan; }, "block_seconds"},
      {[](Settings& s) { s.max_duration_seconds = 5; }, "max_duration_seconds"},
      {[](Settings& s) { s.min_blocks = 0; }, "min_blocks"},
      {[](Settings& s) { s.step_risk = -1; }, "step_risk"},
      {[](Settings& s) { s.phi_prior = 0.5; }, "phi_prior"},
      {[](Settings& s) { s.data.stale_blocks = 0; }, "stale_blocks"},
      {[](Settings& s) { s.errors = ErrorObjective{}; }, "neither max nor worse_than_stable_by"},
      {[](Settings& s) { s.errors = ErrorObjective{.max = 1.0}; }, "errors.max"},
      {[](Settings& s) { s.errors = ErrorObjective{.max = kNan}; }, "errors.max"},
      {[](Settings& s) { s.errors = ErrorObjective{.worse_than_stable_by = -0.1}; },
       "errors.worse_than_stable_by"},
      {[](Settings& s) {
         s.errors = ErrorObjective{.worse_than_stable_by = 0.01, .rollback_margin = 0.02};
       },
       "errors.rollback_margin"},
      {[](Settings& s) { s.latency = LatencyObjective{.quantile = 0.5}; }, "latency.quantile"},
      {[](Settings& s) { s.latency = LatencyObjective{.max_seconds = 0}; }, "latency.max"},
      {[](Settings& s) { s.latency = LatencyObjective{.max_seconds = kNan}; }, "latency.max"},
      {[](Settings& s) { s.latency = LatencyObjective{.worse_than_stable_by = 0}; },
       "latency.worse_than_stable_by"}};
  for (const auto& [change, name] : cases) {
    Settings settings;
    change(settings);
    const Status status = validate(settings);
    ASSERT_FALSE(status) << name;
    EXPECT_NE(status.error().message.find(name), std::string::npos) << status.error().message;
  }
}

}  // namespace
}  // namespace sluice::analysis
