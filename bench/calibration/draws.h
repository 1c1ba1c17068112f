#pragma once
// Random draws and the figures made of them. Exact distributions and no std ones, so that a seed
// gives the same figures everywhere. Any thread, one Rng each.

#include <cstdint>
#include <map>
#include <vector>

#include "base/rng.h"

namespace sluice::bench {

// Poisson draws from a table of the distribution (within 14 standard deviations). mean > 0.
class PoissonTable {
 public:
  explicit PoissonTable(double mean);
  [[nodiscard]] std::int64_t draw(Rng& rng) const;

 private:
  std::int64_t first_ = 0;
  std::vector<double> cumulative_;
};

// A table for each mean that was asked for. As many as a scenario has different means.
class PoissonTables {
 public:
  // 0 for a mean of 0 or less.
  [[nodiscard]] std::int64_t draw(double mean, Rng& rng);

 private:
  std::map<double, PoissonTable> tables_;
};

// Poisson draws without a table (Knuth's method): quick for small means.
[[nodiscard]] std::int64_t draw_small_poisson(Rng& rng, double mean);
// Standard normal.
[[nodiscard]] double draw_normal(Rng& rng);

// A share of runs with its 95 % Wilson interval.
struct Rate {
  std::int64_t crossed = 0;
  std::int64_t runs = 0;
  double rate = 0;
  double low = 0;
  double high = 0;
};

[[nodiscard]] Rate wilson(std::int64_t crossed, std::int64_t runs);

// A figure over all runs and how far down it may really lie: the lower end of its 95 % interval.
struct Estimate {
  double value = 0;
  double low = 0;
};

// By order statistics, which needs no assumption. Infinite values stand for "never"; 0 for none.
[[nodiscard]] Estimate quantile(std::vector<double> values, double q);
[[nodiscard]] Estimate mean(const std::vector<double>& values);

}  // namespace sluice::bench
