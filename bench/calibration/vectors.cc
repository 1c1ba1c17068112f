#include "bench/calibration/vectors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <limits>
#include <span>
#include <string_view>

#include "base/file.h"
#include "base/json_view.h"
#include "bench/calibration/limits.h"
#include "controllers/analysis/bernoulli_interval.h"
#include "controllers/analysis/bounded_mean.h"
#include "controllers/analysis/e_process.h"
#include "controllers/analysis/family.h"
#include "controllers/analysis/noninferiority.h"
#include "controllers/analysis/one_arm.h"
#include "controllers/analysis/two_arm.h"

namespace sluice::bench {
namespace {

constexpr std::size_t kFileBytesMax = 1'000'000;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

// What is missing is NaN, which no comparison accepts.
double number(JsonView object, std::string_view key) {
  const auto found = object.find(key);
  return (found ? found->as_number() : std::nullopt)
      .value_or(std::numeric_limits<double>::quiet_NaN());
}

std::vector<double> numbers_of(JsonView array) {
  std::vector<double> numbers;
  array.for_each_element([&numbers](JsonView item) {
    numbers.push_back(item.as_number().value_or(std::numeric_limits<double>::quiet_NaN()));
  });
  return numbers;
}

std::vector<double> numbers(JsonView object, std::string_view key) {
  const auto found = object.find(key);
  return found ? numbers_of(*found) : std::vector<double>();
}

// {candidate's requests, stable's, candidate's bad ones, stable's} of each block.
std::vector<analysis::TwoArmCounts> blocks(JsonView inputs) {
  std::vector<analysis::TwoArmCounts> blocks;
  if (const auto found = inputs.find("blocks")) {
    found->for_each_element([&blocks](JsonView item) {
      const std::vector<double> counts = numbers_of(item);
      if (counts.size() == 4) {
        blocks.push_back({.n_candidate = counts[0],
                          .n_stable = counts[1],
                          .bad_candidate = counts[2],
                          .bad_stable = counts[3]});
      }
    });
  }
  return blocks;
}

double error_of(double actual, double expected) {
  const double difference = std::fabs(actual - expected);
  if (!std::isfinite(difference)) {
    return kInfinity;
  }
  // Near zero 1e-12 is as good as 1e-9 of what is not.
  return difference / std::max(1e-3, std::fabs(expected));
}

double error_of(std::span<const double> actual, const std::vector<double>& expected) {
  if (expected.empty() || actual.size() != expected.size()) {
    return kInfinity;
  }
  double error = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    error = std::max(error, error_of(actual[i], expected[i]));
  }
  return error;
}

analysis::TwoArmMargin margin_of(JsonView inputs) {
  return {
      .r0 = number(inputs, "r0"), .delta = number(inputs, "delta"), .phi = number(inputs, "phi")};
}

double check_two_arm(JsonView inputs, JsonView expected) {
  const std::vector<double> ratios = numbers(inputs, "rho");
  std::vector<double> increments(ratios.size());
  analysis::two_arm_increment({.n_candidate = number(inputs, "nc"),
                               .n_stable = number(inputs, "ns"),
                               .bad_candidate = number(inputs, "ec"),
                               .bad_stable = number(inputs, "es")},
                              margin_of(inputs),
                              ratios,
                              increments);
  return error_of(increments, numbers(expected, "inc"));
}

double check_one_arm(JsonView inputs, JsonView expected) {
  const std::vector<double> ratios = numbers(inputs, "omega");
  std::vector<double> increments(ratios.size());
  analysis::one_arm_increment({.n = number(inputs, "n"), .bad = number(inputs, "e")},
                              {.p0 = number(inputs, "p0"), .phi = number(inputs, "phi")},
                              ratios,
                              increments);
  return error_of(increments, numbers(expected, "inc"));
}

double check_bounded_mean(JsonView inputs, JsonView expected) {
  std::vector<std::int64_t> counts;
  std::ranges::transform(numbers(inputs, "counts"), std::back_inserter(counts), [](double count) {
    return std::llround(count);
  });
  const double m0 = number(inputs, "m0");
  if (counts.size() < 2 || !(m0 > 0 && m0 < 1)) {
    return kInfinity;
  }
  const auto direction = inputs.find("direction");
  const bool is_below = direction && direction->as_string() == "below";
  auto capitals = analysis::mean_capitals(
      counts, m0, is_below ? analysis::MeanSide::kBelow : analysis::MeanSide::kAbove);
  for (double& capital : capitals) {
    capital /= number(inputs, "phi");
  }
  return error_of(capitals, numbers(expected, "inc"));
}

double check_e_process(JsonView inputs, JsonView expected) {
  const std::vector<double> ratios = numbers(inputs, "rho");
  if (ratios.empty() || ratios.size() > analysis::kGridPointsMax) {
    return kInfinity;
  }
  const analysis::EProcessSettings settings{
      .alpha = number(inputs, "alpha"),
      .horizon_blocks = std::llround(number(inputs, "horizon_blocks")),
      .min_blocks = number(inputs, "min_blocks")};
  analysis::EProcess process = analysis::new_e_process(ratios.size());
  std::vector<double> increments(ratios.size());
  std::vector<double> path;
  for (const analysis::TwoArmCounts& block : blocks(inputs)) {
    analysis::two_arm_increment(block, margin_of(inputs), ratios, increments);
    analysis::fold_block(process, settings, increments);
    path.push_back(analysis::ln_e(process));
  }
  return error_of(path, numbers(expected, "log_e_path"));
}

double check_noninferiority(JsonView inputs, JsonView expected) {
  analysis::NonInferiority state;
  for (const analysis::TwoArmCounts& block : blocks(inputs)) {
    analysis::fold_counts(state, block, number(inputs, "r0"), number(inputs, "phi"));
  }
  std::vector<double> proofs;
  std::ranges::transform(numbers(inputs, "deltas"),
                         std::back_inserter(proofs),
                         [&state](double delta) { return analysis::ln_m_below(state, delta); });
  const analysis::Interval interval = analysis::excess_interval(state, number(inputs, "alpha_cs"));
  return std::max({error_of(proofs, numbers(expected, "log_e_at_delta")),
                   error_of(interval.low, number(expected, "cs_low")),
                   error_of(interval.high, number(expected, "cs_high"))});
}

double check_family(JsonView inputs, JsonView expected) {
  const std::vector<double> weights = numbers(inputs, "v");
  return error_of(analysis::family_log_e(numbers(inputs, "log_e"), weights),
                  number(expected, "log_e_family"));
}

double check_bernoulli(JsonView inputs, JsonView expected) {
  const analysis::Interval interval = analysis::bernoulli_cs(
      {.n = std::llround(number(inputs, "n")), .bad = std::llround(number(inputs, "e"))},
      number(inputs, "alpha"),
      number(inputs, "phi"));
  return std::max(error_of(interval.low, number(expected, "low")),
                  error_of(interval.high, number(expected, "high")));
}

double check_wald(JsonView inputs, JsonView expected) {
  const TwoArmLimit limit{.candidate = number(inputs, "pc"),
                          .stable = number(inputs, "ps"),
                          .weight = number(inputs, "w"),
                          .delta = number(inputs, "delta"),
                          .alpha = number(inputs, "alpha")};
  const bool is_apart =
      limit.stable > 0 && limit.candidate < 1 && limit.candidate > limit.stable + limit.delta;
  return is_apart ? error_of(wald_two_arm(limit), number(expected, "n_candidate")) : kInfinity;
}

double check_step_margin(JsonView inputs, JsonView expected) {
  return error_of(analysis::step_margin(number(inputs, "weight"),
                                        {.risk = number(inputs, "risk"),
                                         .delta_min = number(inputs, "delta_min"),
                                         .delta_max = number(inputs, "delta_max")}),
                  number(expected, "delta"));
}

struct Function {
  std::string_view name;
  double (*error)(JsonView inputs, JsonView expected);
};

constexpr std::array kFunctions = {
    Function{"two_arm_increment", check_two_arm},
    Function{"one_arm_increment", check_one_arm},
    Function{"bounded_mean_increment", check_bounded_mean},
    Function{"e_process", check_e_process},
    Function{"noninferiority_and_cs", check_noninferiority},
    Function{"family_log_e", check_family},
    Function{"bernoulli_cs", check_bernoulli},
    Function{"wald_two_arm", check_wald},
    Function{"step_margin", check_step_margin},
};

void check_vector(JsonView vector, std::vector<VectorResult>& results) {
  const auto name = vector.find("function");
  const auto inputs = vector.find("inputs");
  const auto expected = vector.find("expected");
  if (!name || !inputs || !expected) {
    return;
  }
  const auto function = std::ranges::find(
      kFunctions, name->as_string().value_or(std::string_view()), &Function::name);
  if (function == kFunctions.end()) {
    return;
  }
  const auto id = vector.find("id");
  const std::string_view shown = (id ? id->as_string() : std::nullopt).value_or(function->name);
  const double error = function->error(*inputs, *expected);
  results.push_back({.text = fmt::format("{}: error {:.1e}", shown, error), .error = error});
}

}  // namespace

std::vector<VectorResult> check_vectors(const std::string& path) {
  const auto text = read_file(path, kFileBytesMax);
  if (!text) {
    return {{.text = fmt::format("no vectors: {}", text.error().message), .error = kInfinity}};
  }
  const auto document = JsonDocument::parse(*text);
  std::vector<VectorResult> results;
  if (document) {
    if (const auto vectors = document->root().find("vectors")) {
      vectors->for_each_element([&results](JsonView vector) { check_vector(vector, results); });
    }
  }
  if (results.empty()) {
    results.push_back({.text = path + " holds no vector of ours", .error = kInfinity});
  }
  return results;
}

}  // namespace sluice::bench
