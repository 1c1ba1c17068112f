#pragma once
// The Mann-Whitney U test as canary judges use it: the interval of the shift between two samples
// by the normal approximation with ties and continuity, as in R's wilcox.test. Pure.

#include <vector>

namespace sluice::bench {

struct Shift {
  double low = 0;       // Of the interval.
  double estimate = 0;  // Hodges and Lehmann's.
};

// How far the experiment's values lie above the control's. Both ascend and are not empty. Both are
// 0 when all values are the same.
[[nodiscard]] Shift shift_between(const std::vector<double>& experiment,
                                  const std::vector<double>& control,
                                  double confidence);

// Whether the metric is classified as too high: the interval lies above `tolerance` times the
// estimate.
struct HighQuestion {
  double confidence = 0.98;
  double tolerance = 0.25;
};

[[nodiscard]] bool is_high(const std::vector<double>& experiment,
                           const std::vector<double>& control,
                           const HighQuestion& question);

}  // namespace sluice::bench
