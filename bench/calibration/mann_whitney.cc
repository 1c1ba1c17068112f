#include "bench/calibration/mann_whitney.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "base/check.h"

namespace sluice::bench {
namespace {

constexpr int kBisections = 60;

struct Ranks {
  double above_mean = 0;  // U less its mean under "no shift".
  double sigma = 0;
};

// U of the experiment moved down by `shift`, in one walk over both samples.
Ranks ranks_at(const std::vector<double>& experiment,
               const std::vector<double>& control,
               double shift) {
  const auto n = static_cast<double>(experiment.size());
  const auto m = static_cast<double>(control.size());
  double u = 0;
  double ties = 0;
  std::size_t e = 0;
  std::size_t c = 0;
  while (e < experiment.size() || c < control.size()) {
    const bool is_control_done = c == control.size();
    const double value =
        e < experiment.size() && (is_control_done || experiment[e] - shift <= control[c])
            ? experiment[e] - shift
            : control[c];
    const auto below = static_cast<double>(c);
    double in_experiment = 0;
    double in_control = 0;
    for (; e < experiment.size() && experiment[e] - shift <= value; ++e) {
      ++in_experiment;
    }
    for (; c < control.size() && control[c] <= value; ++c) {
      ++in_control;
    }
    u += in_experiment * (below + in_control / 2);
    const double tied = in_experiment + in_control;
    ties += tied * tied * tied - tied;
  }
  const double all = n + m;
  const double variance = n * m / 12 * (all + 1 - ties / (all * (all - 1)));
  return {.above_mean = u - n * m / 2, .sigma = std::sqrt(std::max(0.0, variance))};
}

// Two-sided, with continuity correction: positive when the experiment is higher.
bool is_above(const Ranks& ranks, double z) {
  const double corrected = ranks.above_mean - (ranks.above_mean > 0 ? 0.5 : 0);
  return ranks.above_mean > 0 && ranks.sigma > 0 && corrected >= z * ranks.sigma;
}

// The quantile of the normal distribution above 0.5.
double normal_quantile(double q) {
  double low = 0;
  double high = 10;
  for (int i = 0; i < kBisections; ++i) {
    const double middle = (low + high) / 2;
    (0.5 * std::erfc(-middle / std::sqrt(2)) < q ? low : high) = middle;
  }
  return low;
}

// The greatest shift at which `holds` (which holds for small ones and fails for great ones).
template <class Holds>
double last_shift(const std::vector<double>& experiment,
                  const std::vector<double>& control,
                  const Holds& holds) {
  double low = experiment.front() - control.back();
  double high = experiment.back() - control.front();
  for (int i = 0; i < kBisections; ++i) {
    const double middle = (low + high) / 2;
    (holds(ranks_at(experiment, control, middle)) ? low : high) = middle;
  }
  return (low + high) / 2;
}

}  // namespace

Shift shift_between(const std::vector<double>& experiment,
                    const std::vector<double>& control,
                    double confidence) {
  CHECK(!experiment.empty());
  CHECK(!control.empty());
  const double z = normal_quantile(1 - (1 - confidence) / 2);
  const double low =
      last_shift(experiment, control, [z](const Ranks& ranks) { return is_above(ranks, z); });
  // Between these the samples balance.
  const double first =
      last_shift(experiment, control, [](const Ranks& ranks) { return ranks.above_mean > 0; });
  const double last =
      last_shift(experiment, control, [](const Ranks& ranks) { return ranks.above_mean >= 0; });
  return {.low = low, .estimate = (first + last) / 2};
}

bool is_high(const std::vector<double>& experiment,
             const std::vector<double>& control,
             const HighQuestion& question) {
  if (experiment.empty() || control.empty()) {
    return false;
  }
  // The bound is at least 0: most judgements end here.
  const double z = normal_quantile(1 - (1 - question.confidence) / 2);
  if (!is_above(ranks_at(experiment, control, 0), z)) {
    return false;
  }
  const Shift shift = shift_between(experiment, control, question.confidence);
  return shift.low > question.tolerance * std::fabs(shift.estimate);
}

}  // namespace sluice::bench
