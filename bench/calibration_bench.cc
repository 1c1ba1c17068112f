// Prints how often the rules err over 5,000 random rollouts a row; see docs/calibration.md.
// Usage: calibration_bench [runs]

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <string_view>

#include "bench/calibration.h"

namespace {

using sluice::bench::crossing_rate;
using sluice::bench::describe_row;
using sluice::bench::Question;
using sluice::bench::Rate;
using sluice::bench::Row;

constexpr std::array kQuestions = {
    Question{.row = Row::kEvidence, .alpha = 0.01, .block_seconds = 10},
    Question{.row = Row::kEvidence, .alpha = 0.01, .block_seconds = 5},
    Question{.row = Row::kEvidence, .alpha = 0.05, .block_seconds = 5},
    Question{.row = Row::kPromotion, .alpha = 0.05, .block_seconds = 10},
    Question{.row = Row::kPromotion, .alpha = 0.05, .block_seconds = 5},
    Question{.row = Row::kJudge, .alpha = 0.01, .block_seconds = 5},
};

}  // namespace

int main(int argc, char** argv) {
  std::int64_t runs = Question{}.runs;
  if (argc > 1) {
    const std::string_view text = argv[1];
    const auto [end, error] = std::from_chars(text.begin(), text.end(), runs);
    if (error != std::errc() || end != text.end() || runs < 1) {
      fmt::print(stderr, "usage: calibration_bench [runs]\n");
      return 2;
    }
  }
  fmt::print(
      "| null | block | alpha | rate | 95 % Wilson | crossed |\n|---|---|---|---|---|---|\n");
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
  return 0;
}
