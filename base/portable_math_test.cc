#include "base/portable_math.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/rng.h"

namespace sluice {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// The distance from the true value in units of its last place as a double.
double ulps(double actual, long double expected) {
  const auto rounded = static_cast<double>(expected);
  if (!std::isfinite(rounded) || rounded == 0) {
    return actual == rounded ? 0 : kInfinity;
  }
  int exponent = 0;
  std::frexp(expected, &exponent);
  const long double last_place = std::ldexp(1.0L, std::max(exponent - 53, -1074));
  return static_cast<double>(std::fabs(static_cast<long double>(actual) - expected) / last_place);
}

// Arguments of all sizes, from subnormals to overflow, dense where the formulas change.
double exponent_argument(Rng& rng, int i) {
  const double u = rng.unit();
  switch (i % 5) {
    case 0:
      return u * 1455 - 745;
    case 1:
      return u * 4 - 2;
    case 2:
      return (u - 0.5) * 0.02;
    case 3:
      return (u - 0.5) * 100;
    default: {
      const auto shift = static_cast<int>(rng.below(60));
      return std::ldexp((u - 0.5) * 2, -shift);
    }
  }
}

double log_argument(Rng& rng, int i) {
  const double u = rng.unit();
  switch (i % 4) {
    case 0: {
      const auto shift = static_cast<int>(rng.below(2040));
      return std::ldexp(1 + u, shift - 1020);
    }
    case 1:
      return u * 3 + 0x1p-60;
    case 2:
      return 1 + (u - 0.5) * 0.01;
    default:
      return std::ldexp(u + 0x1p-40, -1022);
  }
}

double log1p_argument(Rng& rng, int i) {
  const double u = rng.unit();
  const auto shift = static_cast<int>(rng.below(50));
  switch (i % 4) {
    case 0:
      return std::ldexp(1 + u, 20 * shift - 1000);
    case 1:
      return u * 4 - 0.999999;
    case 2:
      return (u - 0.5) * 0.01;
    default:
      return -1 + std::ldexp(u + 0x1p-50, -shift);
  }
}

TEST(PortableMath, ErrsByLessThanOneLastPlace) {
  Rng rng(5);
  double worst = 0;
  for (int i = 0; i < 400'000; ++i) {
    const double x = exponent_argument(rng, i);
    const double y = log_argument(rng, i);
    const double z = log1p_argument(rng, i);
    const auto exact_x = static_cast<long double>(x);
    worst = std::max(worst, ulps(portable::exp(x), std::exp(exact_x)));
    worst = std::max(worst, ulps(portable::expm1(x), std::expm1(exact_x)));
    worst = std::max(worst, ulps(portable::log(y), std::log(static_cast<long double>(y))));
    worst = std::max(worst, ulps(portable::log1p(z), std::log1p(static_cast<long double>(z))));
    ASSERT_LE(worst, 1.0) << x << " " << y << " " << z;
  }
  RecordProperty("worst_ulp_in_thousandths", static_cast<int>(worst * 1000));
}

// One hash over many results. Every compiler, optimisation level and machine must come to this
// number; when it changes, stored verdicts no longer replay.
TEST(PortableMath, GivesTheSameBitsEverywhere) {
  Rng rng(5);
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  const auto mix = [&hash](double value) {
    hash = (hash ^ std::bit_cast<std::uint64_t>(value)) * 0x100000001b3ULL;
    hash ^= hash >> 29;
  };
  for (int i = 0; i < 200'000; ++i) {
    const double x = exponent_argument(rng, i);
    const double y = log_argument(rng, i);
    const double z = log1p_argument(rng, i);
    mix(portable::exp(x));
    mix(portable::expm1(x));
    mix(portable::log(y));
    mix(portable::log1p(z));
    mix(portable::log_beta(1 + std::fabs(x), 0.5 + (i % 7)));
  }
  EXPECT_EQ(hash, 0x23bb2b80ad7c112fULL);
}

TEST(PortableMath, IsExactWhereTheResultIs) {
  EXPECT_EQ(portable::exp(0), 1);
  EXPECT_EQ(portable::log(1), 0);
  EXPECT_EQ(portable::log1p(0), 0);
  EXPECT_EQ(portable::expm1(0), 0);
  EXPECT_TRUE(std::signbit(portable::expm1(-0.0)));
  EXPECT_TRUE(std::signbit(portable::log1p(-0.0)));
}

TEST(PortableMath, TreatsTheEdgesLikeTheStandardLibrary) {
  EXPECT_EQ(portable::exp(kInfinity), kInfinity);
  EXPECT_EQ(portable::exp(-kInfinity), 0);
  EXPECT_EQ(portable::exp(710), kInfinity);
  EXPECT_EQ(portable::exp(-746), 0);
  EXPECT_EQ(portable::exp(-745), 0x1p-1074);
  EXPECT_EQ(portable::expm1(-kInfinity), -1);
  EXPECT_EQ(portable::expm1(kInfinity), kInfinity);
  EXPECT_EQ(portable::log(0), -kInfinity);
  EXPECT_EQ(portable::log(kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(portable::log(-1)));
  EXPECT_EQ(portable::log1p(-1), -kInfinity);
  EXPECT_TRUE(std::isnan(portable::log1p(-1.5)));
  EXPECT_EQ(portable::log1p(kInfinity), kInfinity);
  for (double (*f)(double) : {&portable::exp, &portable::expm1, &portable::log, &portable::log1p}) {
    EXPECT_TRUE(std::isnan(f(kNan)));
  }
}

// From 40-digit arithmetic.
TEST(PortableMath, LogBetaHoldsFromHalvesToBillions) {
  EXPECT_NEAR(portable::log_beta(0.5, 0.5), 1.1447298858494002, 1e-14);
  EXPECT_NEAR(portable::log_beta(3, 4), -4.0943445622221007, 1e-14);
  EXPECT_NEAR(portable::log_beta(1000000.5, 999000000.5) / -7907264.5549265141, 1, 1e-14);
}

}  // namespace
}  // namespace sluice
