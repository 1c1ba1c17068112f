#pragma once
// Many random rollouts of one scenario, each seen by several rules at once: the rules get the same
// traffic, so that their figures compare. Deterministic: seed and scenario give the figures.

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "bench/calibration/draws.h"
#include "bench/calibration/scenario.h"
#include "bench/calibration/traffic.h"

namespace sluice::bench {

// True when the rule rolls back after this block; not asked again then.
using Rule = std::function<bool(const Tick&)>;

// A rule that has seen stable alone if it wants to.
struct Watcher {
  Rule learn = {};  // Empty: only the rollout itself matters. The result is not looked at.
  Rule rolls_back = {};
};

// Makes a fresh rule for each run of a scenario.
struct RuleKind {
  std::string_view name = {};
  std::function<Watcher(const Scenario&)> make = {};
};

// The production judge, and Argo, Flagger, Kayenta and burn rate in that order.
[[nodiscard]] RuleKind judge_kind();
[[nodiscard]] std::vector<RuleKind> peer_kinds();

// What one rule did over the runs. Harm is the candidate's bad requests (with latencies: its slow
// ones) until the rollback, or until the end where there was none.
struct Outcome {
  std::string_view rule = {};
  Rate rolled_back = {};
  Estimate seconds_median = {};  // From when the candidate turned bad, of those rolled back.
  Estimate seconds_p95 = {};
  Estimate harm_median = {};  // Of all runs.
  Estimate harm_p95 = {};
  Estimate requests_mean = {};  // Of the candidate, of all runs.
};

struct TrialSize {
  std::int64_t runs = 1000;
  std::uint64_t seed = 1;
};

// One outcome a rule, in their order.
[[nodiscard]] std::vector<Outcome> try_rules(const Scenario& scenario,
                                             const std::vector<RuleKind>& kinds,
                                             const TrialSize& size);

}  // namespace sluice::bench
