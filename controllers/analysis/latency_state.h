#pragma once
// What the judging of latencies remembers across a restart: which edges were fixed at the rollout's
// start, and the tests at each of them. Part of State; plain data.

#include <array>
#include <cstdint>
#include <vector>

#include "controllers/analysis/counts.h"
#include "controllers/analysis/dispersion.h"
#include "controllers/analysis/e_process.h"
#include "controllers/analysis/noninferiority.h"
#include "controllers/analysis/stable_mask.h"

namespace sluice::analysis {

// One edge of a bucket: stable's answers beyond it against the candidate's beyond it or a bit
// later.
struct LatencyEdge {
  std::int64_t bucket = 0;
  EProcess relative = {};      // K1 at the rollback margin.
  Dispersion dispersion = {};  // How stable's slow answers clump.
  double phi = 1;              // That the last block was judged with.
  bool operator==(const LatencyEdge&) const = default;
};

// Mean counts of about the last five minutes, as RecentCounts and over the same weight.
struct RecentSlow {
  double gate_candidate = 0;
  double gate_stable = 0;
  double possibly = 0;
  bool operator==(const RecentSlow&) const = default;
};

struct LatencyState {
  // Ascending; empty until enough of stable's answers were known. One budget: the mean of their E.
  std::vector<LatencyEdge> edges = {};
  std::int64_t gate = 0;  // Which of them is nearest to stable's quantile.
  std::int64_t limit =
      0;  // Which of them is the first at or above the max; the gate without a max.
  EProcess absolute = {};  // K2: the candidate beyond the limit; no blocks without a max.
  StableMask mask = {};
  NonInferiority gate_proof = {};    // Of the step: K1 at the gate, moved by the promotion margin.
  NonInferiority limit_excess = {};  // Of the step: both arms beyond the limit, for display.
  // Of the step: K2 that the candidate is possibly beyond the max in less than the allowed share
  // and the step's margin. Log-capitals on kDownRatios.
  std::array<double, 6> limit_proof = {};
  LatencyCounts totals = {};           // Of the step, live and pairs together.
  std::int64_t candidate_answers = 0;  // Of which these are.
  std::int64_t stable_answers = 0;
  RecentSlow recent = {};
  bool operator==(const LatencyState&) const = default;
};

}  // namespace sluice::analysis
