#pragma once
// The production judge (controllers/analysis) in a scenario: it gets blocks as the operator makes
// them and rolls back by evidence alone; the rules without statistics (crash loop, no ready worker,
// all requests failing, no data) stay out. One for each run and thread.

#include <cstdint>
#include <vector>

#include "bench/calibration/scenario.h"
#include "bench/calibration/traffic.h"
#include "controllers/analysis/rollout_analysis.h"

namespace sluice::bench {

// {max: 1 %, worseThanStableBy: 0.5 %}, which makes the rollback margin 0.1 points; with latencies
// also {p95: 300 ms, worseThanStableBy: 20 %}. False rollbacks 1 %, horizon as long as the
// scenario.
[[nodiscard]] analysis::Settings judge_settings(const Scenario& scenario);

class Judge {
 public:
  explicit Judge(const Scenario& scenario);

  // A block of stable alone.
  void learn(const Tick& tick);
  // Whether the evidence demands a rollback after this block.
  [[nodiscard]] bool rolls_back(const Tick& tick);
  // The same with everything that fold() says.
  [[nodiscard]] analysis::Assessment assess(const Tick& tick);

 private:
  void begin_step(double weight);
  [[nodiscard]] analysis::Block block_of(const Tick& tick);
  void add_latencies(const Tick& tick, analysis::Block& block);

  analysis::Settings settings_;
  analysis::State state_;
  std::vector<std::int64_t> before_ = {};  // Stable's answers until the edges are planned.
  double planned_seconds_ = 0;
  double weight_ = -1;
};

}  // namespace sluice::bench
