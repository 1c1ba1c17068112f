// Prints how often the rules err over 5,000 random rollouts a row, and how fast they find what is
// wrong; see docs/calibration.md. Usage: calibration_bench [runs]

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

#include "base/text.h"
#include "bench/calibration.h"

namespace sluice::bench {
namespace {

constexpr std::array kQuestions = {
    Question{.row = Row::kEvidence, .alpha = 0.01, .block_seconds = 10},
    Question{.row = Row::kEvidence, .alpha = 0.01, .block_seconds = 5},
    Question{.row = Row::kEvidence, .alpha = 0.05, .block_seconds = 5},
    Question{.row = Row::kPromotion, .alpha = 0.05, .block_seconds = 10},
    Question{.row = Row::kPromotion, .alpha = 0.05, .block_seconds = 5},
    Question{.row = Row::kJudge, .alpha = 0.01, .block_seconds = 5},
    Question{.row = Row::kClustered, .alpha = 0.01, .block_seconds = 5},
    Question{.row = Row::kUnlearned, .alpha = 0.01, .block_seconds = 5},
    Question{.row = Row::kClustered, .alpha = 0.01, .block_seconds = 10},
    Question{.row = Row::kShared, .alpha = 0.01, .block_seconds = 5},
    Question{.row = Row::kSharedClustered, .alpha = 0.01, .block_seconds = 5},
    Question{.row = Row::kSharedClusteredAtMargin, .alpha = 0.01, .block_seconds = 5},
};

constexpr std::array kRegressions = {
    Regression{.bad_rate = 0.001, .block_seconds = 5},
    Regression{.bad_rate = 0.001, .cluster_mean = 5, .block_seconds = 5},
    Regression{.bad_rate = 0.05, .cluster_mean = 5, .block_seconds = 5},
    Regression{.bad_rate = 0.01, .block_seconds = 10},
    Regression{.bad_rate = 0.01, .block_seconds = 5},
    Regression{.bad_rate = 0.05, .block_seconds = 10},
    Regression{.bad_rate = 0.05, .block_seconds = 5},
    Regression{.bad_rate = 0.5, .block_seconds = 10},
    Regression{.bad_rate = 0.5, .block_seconds = 5},
    Regression{.bad_rate = 0.01, .cluster_mean = 5, .block_seconds = 5},
    Regression{.bad_rate = 0.05, .block_seconds = 5, .is_after_outage = true},
    Regression{.bad_rate = 0.05, .cluster_mean = 5, .block_seconds = 5, .is_after_outage = true},
};

void print_rates(std::int64_t runs) {
  fmt::print("| null | block | alpha | rate | 95 % Wilson | crossed |\n");
  fmt::print("|---|---|---|---|---|---|\n");
  for (Question question : kQuestions) {
    question.runs = runs;
    const Rate rate = crossing_rate(question);
    fmt::print("| {} | {:.0f} s | {:.2f} | {:.4f} | [{:.4f}, {:.4f}] | {} of {} |\n",
               describe_row(question.row),
               question.block_seconds,
               question.alpha,
               rate.rate,
               rate.low,
               rate.high,
               rate.crossed,
               rate.runs);
    std::fflush(stdout);
  }
}

void print_detections(std::int64_t runs) {
  fmt::print(
      "\n| candidate's errors | block | rolled back | seconds: median, p95 | "
      "bad requests: median, p95 |\n");
  fmt::print("|---|---|---|---|---|\n");
  for (Regression regression : kRegressions) {
    regression.runs = runs;
    const Detection seen = detection(regression);
    fmt::print("| {:.3g} %{}{} | {:.0f} s | {} of {} | {:.0f}, {:.0f} | {:.0f}, {:.0f} |\n",
               100 * regression.bad_rate,
               regression.cluster_mean > 1 ? ", clusters of 5" : "",
               regression.is_after_outage ? ", after a shared outage" : "",
               regression.block_seconds,
               seen.rolled_back.crossed,
               seen.rolled_back.runs,
               seen.seconds_median,
               seen.seconds_p95,
               seen.bad_median,
               seen.bad_p95);
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  std::int64_t runs = sluice::bench::Question{}.runs;
  if (argc > 1) {
    runs = sluice::parse_number<std::int64_t>(argv[1]).value_or(0);
    if (runs < 1) {
      fmt::print(stderr, "usage: calibration_bench [runs]\n");
      return 2;
    }
  }
  sluice::bench::print_rates(runs);
  sluice::bench::print_detections(std::max<std::int64_t>(1, runs / 5));
  return 0;
}
