#pragma once
// Draws what happens in a scenario, block by block. One Traffic for each run and thread; the tables
// of distributions are shared by the runs of a scenario.

#include <array>
#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "bench/calibration/draws.h"
#include "bench/calibration/scenario.h"
#include "controllers/analysis/counts.h"

namespace sluice::bench {

// What some pods did in one block.
struct Seen {
  analysis::ArmCounts counts;
  std::vector<std::int64_t> histogram = {};  // In routers' buckets; empty without latencies.
  std::int64_t slow = 0;                     // Took longer than the objective.
};

// One block of the cluster. A candidate of no weight has no requests.
struct Tick {
  double begins = 0;
  double seconds = 0;
  double weight = 0;
  std::int64_t candidate_pods = 0;
  Seen candidate;
  Seen baseline;  // Pods of stable's revision with as much traffic as the candidate's.
  std::array<Seen, kStablePods> stable_pods;
};

// The objective that slow answers are counted by.
inline constexpr double kLatencyMaxSeconds = 0.3;

class Traffic {
 public:
  // Both must outlive it.
  Traffic(const Scenario& scenario, PoissonTables& tables, Rng rng);

  // The block that begins at `begins` with the candidate as `step` says. Blocks follow each other.
  void draw(double begins, const Step& step, Tick& tick);

 private:
  struct Pod {
    double log_speed = 0;
    bool bursts = false;
  };

  void move_pods();
  [[nodiscard]] Seen draw_pod(double mean, double bad_rate, const Pod& pod, double slower);

  const Scenario& scenario_;
  PoissonTables& tables_;
  Rng rng_;
  std::array<Pod, kStablePods> stable_;
  std::array<Pod, kStablePods> candidate_;
  std::array<Pod, kStablePods> baseline_;
};

}  // namespace sluice::bench
