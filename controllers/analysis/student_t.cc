#include "controllers/analysis/student_t.h"

#include <cmath>

#include "base/check.h"
#include "base/portable_math.h"

namespace sluice::analysis {
namespace {

constexpr int kTermsMax = 2000;
constexpr int kBisections = 200;

// The continued fraction of the incomplete beta function (Lentz's method); converges fast for
// x < (a + 1) / (a + b + 2).
double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  constexpr double kEnough = 1e-16;
  double c = 1;
  double d = 1 - (a + b) * x / (a + 1);
  d = 1 / (std::fabs(d) < kTiny ? kTiny : d);
  double value = d;
  for (int m = 1; m <= kTermsMax; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 + even * d;
    d = 1 / (std::fabs(d) < kTiny ? kTiny : d);
    c = 1 + even / c;
    c = std::fabs(c) < kTiny ? kTiny : c;
    value *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 + odd * d;
    d = 1 / (std::fabs(d) < kTiny ? kTiny : d);
    c = 1 + odd / c;
    c = std::fabs(c) < kTiny ? kTiny : c;
    value *= d * c;
    if (std::fabs(d * c - 1) < kEnough) {
      break;
    }
  }
  return value;
}

// The regularised incomplete beta function; `y` is 1 - x, given apart because it may be tiny.
double incomplete_beta(double a, double b, double x, double y) {
  if (x <= 0) {
    return 0;
  }
  if (y <= 0) {
    return 1;
  }
  // Next to one the logarithm of the rounded number would be worthless times a large a or b.
  const double ln_x = y < 0.5 ? portable::log1p(-y) : portable::log(x);
  const double ln_y = x < 0.5 ? portable::log1p(-x) : portable::log(y);
  const double front = portable::exp(a * ln_x + b * ln_y - portable::log_beta(a, b));
  if (x < (a + 1) / (a + b + 2)) {
    return front * beta_fraction(a, b, x) / a;
  }
  return 1 - front * beta_fraction(b, a, y) / b;
}

}  // namespace

double student_t_upper(double t, double df) {
  CHECK(df > 0);
  const double squared = t * t;
  const double tail =
      0.5 * incomplete_beta(df / 2, 0.5, df / (df + squared), squared / (df + squared));
  return t >= 0 ? tail : 1 - tail;
}

double student_t_quantile(double p, double df) {
  CHECK(p > 0);
  CHECK(p < 1);
  if (p == 0.5) {
    return 0;
  }
  // Symmetric: find t > 0 with an upper tail of the smaller side.
  const double tail = p < 0.5 ? p : 1 - p;
  double low = 0;
  double high = 1;
  while (student_t_upper(high, df) > tail && high < 1e300) {
    low = high;
    high *= 2;
  }
  for (int i = 0; i < kBisections && low < high; ++i) {
    const double middle = 0.5 * (low + high);
    if (middle <= low || middle >= high) {
      break;
    }
    (student_t_upper(middle, df) > tail ? low : high) = middle;
  }
  const double t = 0.5 * (low + high);
  return p < 0.5 ? -t : t;
}

}  // namespace sluice::analysis
