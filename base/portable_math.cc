#include "base/portable_math.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/check.h"

// The method: reduce the argument, evaluate a short series, and carry the leading terms as a sum of
// two doubles, so that what is left to round is less than a hundredth of the last place.
// Coefficients are those of the Taylor series, where a few more terms than a minimax polynomial
// cost nothing that matters here. Products are split by Dekker's method because a fused
// multiply-add is not portable.

namespace sluice::portable {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// ln 2 in two parts; the first has 32 trailing zero bits, so that k * kLn2High is exact.
constexpr double kLn2High = 0x1.62e42feep-1;
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
constexpr double kInverseLn2 = 0x1.71547652b82fep+0;

// An unevaluated sum: |low| is at most half a last place of high.
struct Sum {
  double high = 0;
  double low = 0;
};

// Exact: high + low == a + b (Knuth).
Sum two_sum(double a, double b) {
  const double sum = a + b;
  const double b_part = sum - a;
  const double a_part = sum - b_part;
  return {sum, (a - a_part) + (b - b_part)};
}

// Exact: high + low == x * x, for |x| < 2^480 (Dekker).
Sum square(double x) {
  constexpr double kSplitter = 0x1p27 + 1;
  const double scaled = kSplitter * x;
  const double head = scaled - (scaled - x);
  const double tail = x - head;
  const double product = x * x;
  return {product, ((head * head - product) + 2 * head * tail) + tail * tail};
}

// 2^k for k in [-1022, 1023].
double power_of_two(int k) {
  return std::bit_cast<double>(static_cast<std::uint64_t>(k + 1023) << 52);
}

// Multiplies by 2^k where the result may be subnormal or too large for one step.
double scale(double x, int k) {
  if (k > 1023) {
    return x * power_of_two(1023) * power_of_two(k - 1023);
  }
  if (k < -1022) {
    // The smaller factor first keeps the only rounding in the second product.
    return x * power_of_two(-960) * power_of_two(k + 960);
  }
  return x * power_of_two(k);
}

struct Reduced {
  int k = 0;
  Sum r;  // x == k ln 2 + r, |r| <= ln(2) / 2 (a little more at the ends).
};

Reduced reduce(double x) {
  const double scaled = x * kInverseLn2;
  const int k = static_cast<int>(scaled + (scaled < 0 ? -0.5 : 0.5));
  const double high = x - k * kLn2High;
  return {k, two_sum(high, -(k * kLn2Low))};
}

// e^r - 1 for |r| <= 0.35: r + r^2/2 + r^3 (1/3! + r/4! + …).
Sum expm1_reduced(Sum r) {
  static constexpr std::array<double, 13> kInverseFactorials = {1.0 / 6,
                                                                1.0 / 24,
                                                                1.0 / 120,
                                                                1.0 / 720,
                                                                1.0 / 5040,
                                                                1.0 / 40320,
                                                                1.0 / 362880,
                                                                1.0 / 3628800,
                                                                1.0 / 39916800,
                                                                1.0 / 479001600,
                                                                1.0 / 6227020800,
                                                                1.0 / 87178291200,
                                                                1.0 / 1307674368000};
  const double x = r.high;
  double series = 0;
  for (std::size_t i = kInverseFactorials.size(); i-- > 0;) {
    series = series * x + kInverseFactorials[i];
  }
  const Sum half_square = [x] {
    const Sum s = square(x);
    return Sum{0.5 * s.high, 0.5 * s.low};
  }();
  const Sum leading = two_sum(x, half_square.high);
  // d(e^r) = e^r dr, to first order (1 + r) dr, for the part of r below its last place.
  const double tail = leading.low + (half_square.low + x * x * x * series + r.low * (1 + x));
  return two_sum(leading.high, tail);
}

// ln(1 + f) + k ln 2 + extra for f in [sqrt(1/2) - 1, sqrt(2) - 1]. With s = f / (2 + f):
// ln(1 + f) = 2 atanh(s) = f - f^2/2 + s (f^2/2 + 2 (s^2/3 + s^4/5 + …)).
double log_reduced(double f, int k, double extra) {
  const double s = f / (2 + f);
  const double z = s * s;
  double series = 0;
  for (int odd = 25; odd >= 3; odd -= 2) {
    series = series * z + 2.0 / odd;
  }
  series *= z;
  const Sum squared = square(f);
  const double half_square = 0.5 * squared.high;
  const Sum leading = two_sum(f, -half_square);
  const Sum total = two_sum(k * kLn2High, leading.high);
  const double tail = s * (half_square + series) - 0.5 * squared.low;
  return total.high + (total.low + (leading.low + (tail + (k * kLn2Low + extra))));
}

struct Split {
  int k = 0;
  double mantissa = 0;  // In [sqrt(1/2), sqrt(2)).
};

// x = 2^k * mantissa for finite x > 0.
Split split(double x) {
  int k = 0;
  if (x < 0x1p-1022) {
    x *= 0x1p54;
    k = -54;
  }
  std::uint64_t bits = std::bit_cast<std::uint64_t>(x);
  k += static_cast<int>(bits >> 52) - 1023;
  bits = (bits & 0x000fffffffffffffULL) | 0x3ff0000000000000ULL;
  double mantissa = std::bit_cast<double>(bits);
  if (mantissa >= 0x1.6a09e667f3bcdp+0) {
    mantissa *= 0.5;
    ++k;
  }
  return {k, mantissa};
}

// What Stirling's formula leaves of ln Gamma(x), for x >= 10.
double stirling_rest(double x) {
  const double z = 1 / (x * x);
  static constexpr std::array<double, 8> kBernoulli = {1.0 / 12,
                                                       -1.0 / 360,
                                                       1.0 / 1260,
                                                       -1.0 / 1680,
                                                       1.0 / 1188,
                                                       -691.0 / 360360,
                                                       1.0 / 156,
                                                       -3617.0 / 122400};
  double series = 0;
  for (std::size_t i = kBernoulli.size(); i-- > 0;) {
    series = series * z + kBernoulli[i];
  }
  return series / x;
}

}  // namespace

double exp(double x) {
  if (x != x) {
    return x;
  }
  if (x > 709.79) {
    return kInfinity;
  }
  if (x < -745.2) {
    return 0;
  }
  const Reduced reduced = reduce(x);
  const Sum fraction = expm1_reduced(reduced.r);
  const Sum one = two_sum(1, fraction.high);
  return scale(one.high + (one.low + fraction.low), reduced.k);
}

double expm1(double x) {
  if (x != x || (x < 0x1p-54 && x > -0x1p-54)) {
    return x;
  }
  if (x > 709.79) {
    return kInfinity;
  }
  if (x < -40) {
    return -1;
  }
  if (x > 60) {
    return exp(x);
  }
  const Reduced reduced = reduce(x);
  const Sum fraction = expm1_reduced(reduced.r);
  if (reduced.k == 0) {
    return fraction.high + fraction.low;
  }
  // 2^k (1 + fraction) - 1, where neither subtraction may lose the low parts.
  const double power = power_of_two(reduced.k);
  const Sum offset = two_sum(power, -1);
  const Sum total = two_sum(offset.high, power * fraction.high);
  return total.high + (total.low + (power * fraction.low + offset.low));
}

double log(double x) {
  if (x != x || x == kInfinity) {
    return x;
  }
  if (x <= 0) {
    return x == 0 ? -kInfinity : kNan;
  }
  const Split parts = split(x);
  return log_reduced(parts.mantissa - 1, parts.k, 0);
}

double log1p(double x) {
  if (x != x || x == kInfinity || (x < 0x1p-54 && x > -0x1p-54)) {
    return x;
  }
  if (x <= -1) {
    return x == -1 ? -kInfinity : kNan;
  }
  if (x > -0.29 && x < 0.41) {
    return log_reduced(x, 0, 0);
  }
  // What the addition of one rounds off comes back as a first-order term.
  const Sum sum = two_sum(1, x);
  const Split parts = split(sum.high);
  return log_reduced(parts.mantissa - 1, parts.k, sum.low / sum.high);
}

double log_beta(double a, double b) {
  CHECK(a > 0);
  CHECK(b > 0);
  // B(a, b) = B(a + 1, b) (a + b) / a lifts small arguments to where Stirling's series is exact.
  double shift = 0;
  while (a < 10) {
    shift += log((a + b) / a);
    a += 1;
  }
  while (b < 10) {
    shift += log((a + b) / b);
    b += 1;
  }
  if (a > b) {
    const double larger = a;
    a = b;
    b = larger;
  }
  constexpr double kHalfLogTwoPi = 0.91893853320467274178;
  const double rest = stirling_rest(a) + stirling_rest(b) - stirling_rest(a + b);
  return kHalfLogTwoPi - 0.5 * log(b) + (a - 0.5) * log(a / (a + b)) + b * log1p(-a / (a + b)) +
         rest + shift;
}

}  // namespace sluice::portable
