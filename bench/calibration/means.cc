#include "bench/calibration/means.h"

#include <cmath>
#include <optional>

#include "base/check.h"
#include "controllers/analysis/bounded_mean.h"
#include "controllers/analysis/log_sum.h"

namespace sluice::bench {
namespace {

constexpr std::int64_t kOverlapGrid = 11;
constexpr std::int64_t kPairedGrid = 41;
constexpr std::int64_t kValuesMax = 2000;
constexpr std::int64_t kQueriesMax = 20'000;
constexpr std::int64_t kValuesPerLook = 10;

const std::vector<MeanNull> kMeanNulls = {
    {.name = "K3, Bernoulli .5", .values = Values::kHalf, .m0 = 0.5, .reference = 0.0150},
    {.name = "K3, Bernoulli .9", .values = Values::kNine, .m0 = 0.9, .reference = 0.0200},
    {.name = "K3, Beta(3.2, .8)", .values = Values::kBeta, .m0 = 0.8, .reference = 0.0210},
    {.name = "K3, paired, 80 % zero", .values = Values::kPaired, .m0 = 0.5, .reference = 0.0140},
};

// Jöhnk's method.
double draw_beta(Rng& rng, double a, double b) {
  for (;;) {
    const double x = std::pow(rng.unit(), 1 / a);
    const double y = std::pow(rng.unit(), 1 / b);
    if (x + y > 0 && x + y <= 1) {
      return x / (x + y);
    }
  }
}

double draw_difference(Rng& rng, double loses) {
  constexpr double kChanged = 0.2;
  constexpr double kGreatest = 0.35;
  if (rng.unit() >= kChanged) {
    return 0;
  }
  const double size = kGreatest * rng.unit();
  return rng.unit() < loses ? -size : size;
}

double draw_value(Rng& rng, Values values) {
  switch (values) {
    case Values::kHalf:
      return rng.unit() < 0.5 ? 1 : 0;
    case Values::kNine:
      return rng.unit() < 0.9 ? 1 : 0;
    case Values::kBeta:
      return draw_beta(rng, 3.2, 0.8);
    case Values::kPaired:
      return (draw_difference(rng, 0.5) + 1) / 2;
    case Values::kWorse:
      return (draw_difference(rng, 0.7) + 1) / 2;
  }
  CHECK(false);
  return 0;
}

struct MeanTest {
  Values values = Values::kHalf;
  double m0 = 0.5;
  double alpha = 0.05;
  std::int64_t grid = kOverlapGrid;
  std::int64_t values_max = kValuesMax;
};

// After how many values "below m0" is shown; empty: never.
std::optional<std::int64_t> values_until_shown(const MeanTest& test, Rng rng) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(test.grid));
  for (std::int64_t n = 1; n <= test.values_max; ++n) {
    const double place = draw_value(rng, test.values) * static_cast<double>(test.grid - 1);
    const double below = std::floor(place);
    const double rounded = below + (rng.unit() < place - below ? 1 : 0);
    ++counts.at(static_cast<std::size_t>(rounded));
    if (n % kValuesPerLook != 0) {
      continue;
    }
    const auto capitals = analysis::mean_capitals(counts, test.m0, analysis::MeanSide::kBelow);
    const double ln_e =
        analysis::log_sum_exp(capitals) - std::log(static_cast<double>(capitals.size()));
    if (ln_e >= -std::log(test.alpha)) {
      return n;
    }
  }
  return std::nullopt;
}

}  // namespace

const std::vector<MeanNull>& mean_nulls() {
  return kMeanNulls;
}

Rate mean_crossings(const MeanNull& null, const TrialSize& size) {
  const MeanTest test{.values = null.values,
                      .m0 = null.m0,
                      .alpha = kMeanAlpha,
                      .grid = null.values == Values::kPaired ? kPairedGrid : kOverlapGrid};
  Rng seeds(size.seed);
  std::int64_t crossed = 0;
  for (std::int64_t run = 0; run < size.runs; ++run) {
    crossed += values_until_shown(test, seeds.fork()) ? 1 : 0;
  }
  return wilson(crossed, size.runs);
}

Estimate queries_to_show_loss(std::int64_t grid, const TrialSize& size) {
  const MeanTest test{
      .values = Values::kWorse, .m0 = 0.5, .alpha = 0.01, .grid = grid, .values_max = kQueriesMax};
  Rng seeds(size.seed);
  std::vector<double> queries;
  for (std::int64_t run = 0; run < size.runs; ++run) {
    const auto shown = values_until_shown(test, seeds.fork());
    queries.push_back(shown ? static_cast<double>(*shown) : kForever);
  }
  return quantile(queries, 0.5);
}

}  // namespace sluice::bench
