#include "bench/calibration/limits.h"

#include <cmath>

#include "base/check.h"

namespace sluice::bench {
namespace {

// Of Bernoulli(p) from Bernoulli(q); both in (0, 1).
double divergence(double p, double q) {
  return p * std::log(p / q) + (1 - p) * std::log((1 - p) / (1 - q));
}

}  // namespace

double wald_two_arm(const TwoArmLimit& limit) {
  CHECK(limit.candidate > limit.stable + limit.delta);
  CHECK(limit.stable > 0 && limit.candidate < 1);
  const double stable_requests = (1 - limit.weight) / limit.weight;
  // The null that is hardest to tell from the truth: stable at q, the candidate at q + delta.
  const auto at = [&](double q) {
    return divergence(limit.candidate, q + limit.delta) +
           stable_requests * divergence(limit.stable, q);
  };
  constexpr int kSections = 200;
  double low = limit.stable;
  double high = limit.candidate - limit.delta;
  for (int i = 0; i < kSections; ++i) {
    const double third = (high - low) / 3;
    if (at(low + third) < at(high - third)) {
      high -= third;
    } else {
      low += third;
    }
  }
  return -std::log(limit.alpha) / at((low + high) / 2);
}

}  // namespace sluice::bench
