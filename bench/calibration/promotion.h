#pragma once
// Rollouts that end in promotion: the weight is raised when the judge says so and a step has lasted
// its least time, as the operator does.

#include <cstdint>

#include "bench/calibration/draws.h"
#include "bench/calibration/scenario.h"
#include "bench/calibration/trial.h"

namespace sluice::bench {

struct PromotionPlan {
  Scenario scenario = {};  // Its steps are walked by evidence, not by time.
  double step_seconds_min = 60;
  double step_seconds_max = 1800;  // Held when the step is not proven by then.
};

struct Promotions {
  Rate promoted = {};
  Rate rolled_back = {};         // The others were held.
  Estimate seconds_median = {};  // Of those promoted.
};

[[nodiscard]] Promotions try_promotions(const PromotionPlan& plan, const TrialSize& size);

}  // namespace sluice::bench
