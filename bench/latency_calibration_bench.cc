// Prints how often a candidate as fast as stable is rolled back for its latency, and how soon a
// slow one is; see docs/calibration.md. Usage: latency_calibration_bench [runs]

#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <string_view>

#include "base/text.h"
#include "bench/latency_calibration.h"

namespace sluice::bench {
namespace {

struct Row {
  std::string_view name;
  LatencyScene scene;
};

constexpr std::array kRows = {
    Row{"as fast as stable", {}},
    Row{"as fast, pods wander (sd 0.08, 60 s)", {.pod_sd = 0.08}},
    Row{"as fast, pods wander slowly (sd 0.05, 600 s)", {.pod_sd = 0.05, .pod_seconds = 600}},
    Row{"as fast, both 4 times as slow for a minute",
        {.pod_sd = 0.08, .stable_slower = 4, .shared_at = 1200}},
    Row{"10 % slower", {.slower = 1.1}},
    Row{"20 % slower", {.slower = 1.2}},
    Row{"50 % slower", {.slower = 1.5}},
    Row{"50 % slower, pods wander (sd 0.08, 60 s)", {.slower = 1.5, .pod_sd = 0.08}},
    Row{"twice as slow", {.slower = 2}},
};

void print_rows(std::int64_t runs) {
  fmt::print(
      "| candidate | rolled back | 95 % Wilson | seconds: median, p95 | "
      "slow answers: median, p95 |\n|---|---|---|---|---|\n");
  for (const Row& row : kRows) {
    LatencyScene scene = row.scene;
    scene.runs = runs;
    const LatencyOutcome seen = latency_outcome(scene);
    fmt::print("| {} | {} of {} | [{:.4f}, {:.4f}] | {:.0f}, {:.0f} | {:.0f}, {:.0f} |\n",
               row.name,
               seen.rolled_back.crossed,
               seen.rolled_back.runs,
               seen.rolled_back.low,
               seen.rolled_back.high,
               seen.seconds_median,
               seen.seconds_p95,
               seen.slow_median,
               seen.slow_p95);
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  std::int64_t runs = sluice::bench::LatencyScene{}.runs;
  if (argc > 1) {
    runs = sluice::parse_number<std::int64_t>(argv[1]).value_or(0);
    if (runs < 1) {
      fmt::print(stderr, "usage: latency_calibration_bench [runs]\n");
      return 2;
    }
  }
  sluice::bench::print_rows(runs);
  return 0;
}
