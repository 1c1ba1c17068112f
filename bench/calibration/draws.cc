#include "bench/calibration/draws.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/check.h"

namespace sluice::bench {
namespace {

constexpr double kZ = 1.959963984540054;

}  // namespace

PoissonTable::PoissonTable(double mean) {
  CHECK(mean > 0);
  const double reach = 14 * std::sqrt(mean) + 40;
  const auto mode = static_cast<std::int64_t>(mean);
  first_ = std::max<std::int64_t>(0, mode - std::llround(reach));
  const std::int64_t last = mode + std::llround(reach);
  // Relative to the mode, so that nothing underflows where it matters.
  std::vector<double> weights(static_cast<std::size_t>(last - first_ + 1));
  const auto at = [this](std::int64_t k) { return static_cast<std::size_t>(k - first_); };
  weights[at(mode)] = 1;
  for (std::int64_t k = mode; k < last; ++k) {
    weights[at(k + 1)] = weights[at(k)] * mean / static_cast<double>(k + 1);
  }
  for (std::int64_t k = mode; k > first_; --k) {
    weights[at(k - 1)] = weights[at(k)] * static_cast<double>(k) / mean;
  }
  cumulative_.reserve(weights.size());
  double sum = 0;
  for (const double weight : weights) {
    sum += weight;
    cumulative_.push_back(sum);
  }
}

std::int64_t PoissonTable::draw(Rng& rng) const {
  const double target = rng.unit() * cumulative_.back();
  const auto found = std::ranges::upper_bound(cumulative_, target);
  const auto position =
      std::min<std::ptrdiff_t>(found - cumulative_.begin(), std::ssize(cumulative_) - 1);
  return first_ + position;
}

std::int64_t PoissonTables::draw(double mean, Rng& rng) {
  if (mean <= 0) {
    return 0;
  }
  return tables_.try_emplace(mean, mean).first->second.draw(rng);
}

std::int64_t draw_small_poisson(Rng& rng, double mean) {
  CHECK(mean < 500);  // exp() would be 0.
  const double limit = std::exp(-mean);
  std::int64_t count = 0;
  double product = rng.unit();
  while (product > limit) {
    ++count;
    product *= rng.unit();
  }
  return count;
}

double draw_normal(Rng& rng) {
  const double u = 1 - rng.unit();
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * rng.unit());
}

Rate wilson(std::int64_t crossed, std::int64_t runs) {
  CHECK(runs > 0);
  const auto n = static_cast<double>(runs);
  const double p = static_cast<double>(crossed) / n;
  const double centre = (p + kZ * kZ / (2 * n)) / (1 + kZ * kZ / n);
  const double half = kZ * std::sqrt(p * (1 - p) / n + kZ * kZ / (4 * n * n)) / (1 + kZ * kZ / n);
  return {.crossed = crossed,
          .runs = runs,
          .rate = p,
          .low = std::max(0.0, centre - half),
          // Of all trials it is 1, which rounding must not make a little less.
          .high = crossed == runs ? 1.0 : std::min(1.0, centre + half)};
}

Estimate quantile(std::vector<double> values, double q) {
  if (values.empty()) {
    return {};
  }
  std::ranges::sort(values);
  const auto n = static_cast<double>(values.size());
  const auto at = [&values](double position) {
    const double last = static_cast<double>(values.size() - 1);
    return values[static_cast<std::size_t>(std::llround(std::clamp(position, 0.0, last)))];
  };
  return {.value = at(q * (n - 1)), .low = at(q * (n - 1) - kZ * std::sqrt(n * q * (1 - q)) - 1)};
}

Estimate mean(const std::vector<double>& values) {
  if (values.empty()) {
    return {};
  }
  const auto n = static_cast<double>(values.size());
  double sum = 0;
  double squares = 0;
  for (const double value : values) {
    sum += value;
    squares += value * value;
  }
  const double middle = sum / n;
  const double variance = std::max(0.0, squares / n - middle * middle);
  return {.value = middle, .low = middle - kZ * std::sqrt(variance / n)};
}

}  // namespace sluice::bench
