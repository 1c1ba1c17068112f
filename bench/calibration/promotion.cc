#include "bench/calibration/promotion.h"

#include <vector>

#include "bench/calibration/judge.h"
#include "bench/calibration/traffic.h"

namespace sluice::bench {
namespace {

using analysis::Verdict;

struct Walk {
  Verdict end = Verdict::kHold;  // kAdvance: promoted.
  double seconds = 0;
};

Walk walk(const PromotionPlan& plan, Traffic traffic) {
  const Scenario& scenario = plan.scenario;
  const double block = scenario.block_seconds;
  Judge judge(scenario);
  Tick tick;
  for (std::int64_t i = -learned_blocks(scenario); i < 0; ++i) {
    traffic.draw(static_cast<double>(i) * block, {}, tick);
    judge.learn(tick);
  }
  double now = 0;
  for (const Step& step : scenario.steps) {
    const double entered = now;
    for (bool is_proven = false; !is_proven;) {
      if (now - entered >= plan.step_seconds_max) {
        return {.end = Verdict::kHold, .seconds = now};
      }
      traffic.draw(now, step, tick);
      now += block;
      const Verdict verdict = judge.assess(tick).verdict;
      if (verdict == Verdict::kRollBack) {
        return {.end = verdict, .seconds = now};
      }
      is_proven = verdict == Verdict::kAdvance && now - entered >= plan.step_seconds_min;
    }
  }
  return {.end = Verdict::kAdvance, .seconds = now};
}

}  // namespace

Promotions try_promotions(const PromotionPlan& plan, const TrialSize& size) {
  PoissonTables tables;
  Rng seeds(size.seed);
  std::int64_t rolled_back = 0;
  std::vector<double> seconds;
  for (std::int64_t run = 0; run < size.runs; ++run) {
    const Walk seen = walk(plan, Traffic(plan.scenario, tables, seeds.fork()));
    rolled_back += seen.end == Verdict::kRollBack ? 1 : 0;
    if (seen.end == Verdict::kAdvance) {
      seconds.push_back(seen.seconds);
    }
  }
  return {.promoted = wilson(std::ssize(seconds), size.runs),
          .rolled_back = wilson(rolled_back, size.runs),
          .seconds_median = quantile(seconds, 0.5)};
}

}  // namespace sluice::bench
