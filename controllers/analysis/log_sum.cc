#include "controllers/analysis/log_sum.h"

#include <algorithm>

#include "base/portable_math.h"

namespace sluice::analysis {

double log_add(double a, double b) {
  const double high = std::max(a, b);
  const double low = std::min(a, b);
  if (low == kMinusInfinity) {
    return high;
  }
  return high + portable::log1p(portable::exp(low - high));
}

double log_sum_exp(std::span<const double> values) {
  double high = kMinusInfinity;
  for (const double value : values) {
    high = std::max(high, value);
  }
  if (high == kMinusInfinity) {
    return kMinusInfinity;
  }
  double sum = 0;
  for (const double value : values) {
    if (value != kMinusInfinity) {
      sum += portable::exp(value - high);
    }
  }
  return high + portable::log(sum);
}

}  // namespace sluice::analysis
