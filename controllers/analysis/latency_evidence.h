#pragma once
// The tests of a latency objective: counts of answers beyond edges of buckets, through K1 (against
// stable) and K2 (against the max). A query that ran into its deadline is slow like any other, for
// its user waited so long; that it failed is the errors' business. Shared by fold, assessment and
// outlook. Pure.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "controllers/analysis/latency_state.h"
#include "controllers/analysis/noninferiority.h"
#include "controllers/analysis/settings.h"

namespace sluice::analysis {

inline constexpr std::array<double, 4> kLatencyRatios = {1.15, 1.4, 2, 4};

// Fewer of stable's answers than these do not tell where its quantiles are.
inline constexpr std::int64_t kAnswersToPlan = 200;

// Fixes the edges by stable's answers so far, which are not judged: where its share of slower ones
// is nearest to 35 %, 15 % and 1 - quantile, and the first edge at or above the max. Does nothing
// when they are fixed already or the answers are too few. True when it has fixed them.
bool plan_edges(LatencyState& state,
                const LatencyObjective& objective,
                std::span<const std::int64_t> stable_histogram);

// One number of a revision's histogram that the tests need: its value, and where its increment
// belongs.
struct SlowReading {
  std::int64_t value = 0;
  std::int64_t* target = nullptr;
};

// Always as many for the same state, in the same order; none before the edges are fixed.
[[nodiscard]] std::vector<SlowReading> candidate_readings(const LatencyState& state,
                                                          const LatencyObjective& objective,
                                                          std::span<const std::int64_t> histogram,
                                                          LatencyCounts& counts);
[[nodiscard]] std::vector<SlowReading> stable_readings(const LatencyState& state,
                                                       std::span<const std::int64_t> histogram,
                                                       LatencyCounts& counts);

// A block as these tests see it.
struct LatencyBlock {
  ArmCounts candidate = {};  // n of live requests; bad is not looked at.
  ArmCounts stable = {};
  std::int64_t pairs = 0;
  LatencyCounts live = {};
  LatencyCounts paired = {};
  std::span<const PodCounts> stable_pods = {};
};

struct LatencyFold {
  const LatencyObjective& objective;
  EProcessSettings process = {};
  double traffic_ratio = 1;  // The candidate's requests for each pod, as a share of stable's.
  double phi_prior = 2;
  double step_margin = 0;
  double recent_decay = 1;
  // Evidence of the candidate is taken; otherwise only stable is learned from.
  bool is_judged = true;
};

// The state with the block in it: evidence with the dispersion of earlier blocks, then dispersion
// and mask. Needs fixed edges.
[[nodiscard]] LatencyState with_block(const LatencyState& state,
                                      const LatencyBlock& block,
                                      const LatencyFold& fold);

[[nodiscard]] bool is_finite(const LatencyState& state);

// ln E against stable: the mean over the edges. 0 before they are fixed.
[[nodiscard]] double ln_e_relative(const LatencyState& state);
// ln M that the candidate is possibly above the max in less than the allowed share and the margin.
[[nodiscard]] double ln_m_limit(const std::array<double, 6>& proof);

// What this many more of the candidate's answers, `possibly` of them possibly above the max, add to
// that proof.
struct LimitGrowth {
  double n = 0;
  double possibly = 0;
  double phi = 1;
};

void add_to_limit_proof(std::array<double, 6>& proof,
                        const LatencyObjective& objective,
                        double step_margin,
                        const LimitGrowth& growth);

// Forgets what belongs to the step.
void reset_latency_step(LatencyState& state);

}  // namespace sluice::analysis
