#include "controllers/analysis/student_t.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace sluice::analysis {
namespace {

TEST(StudentT, OneDegreeOfFreedomIsCauchy) {
  for (const double t : {-50.0, -1.0, -0.2, 0.0, 0.3, 1.0, 7.0, 1e4}) {
    const double expected = 0.5 - std::atan(t) / std::numbers::pi;
    EXPECT_NEAR(student_t_upper(t, 1), expected, 1e-12) << t;
  }
}

TEST(StudentT, TwoDegreesOfFreedomHaveAClosedForm) {
  for (const double t : {-9.0, -1.0, 0.0, 0.5, 2.0, 30.0}) {
    const double expected = 0.5 - t / (2 * std::sqrt(2 + t * t));
    EXPECT_NEAR(student_t_upper(t, 2), expected, 1e-13) << t;
  }
}

// Expected values from 40-digit arithmetic.
TEST(StudentT, StaysAccurateForManyDegreesOfFreedom) {
  const double t = 1.959963984540054;
  EXPECT_NEAR(student_t_upper(t, 4) / 0.060779829893599209, 1, 1e-12);
  EXPECT_NEAR(student_t_upper(t, 99) / 0.026405693045156094, 1, 1e-12);
  EXPECT_NEAR(student_t_upper(t, 9999) / 0.025013866673946669, 1, 1e-11);
  EXPECT_NEAR(student_t_upper(t, 1e6) / 0.025000138647610833, 1, 1e-9);
}

TEST(StudentT, QuantileInvertsTheDistribution) {
  for (const double df : {1.0, 3.0, 19.0, 299.0, 1999.0}) {
    for (const double p : {0.001, 0.05, 0.3, 0.5, 0.9, 0.95, 0.9999}) {
      const double t = student_t_quantile(p, df);
      EXPECT_NEAR(student_t_upper(t, df), 1 - p, 1e-13) << p << " with df " << df;
    }
  }
}

// t(0.95; 19) and t(0.05; 299), from 25-digit arithmetic.
TEST(StudentT, QuantileMatchesTables) {
  EXPECT_NEAR(student_t_quantile(0.95, 19), 1.7291328115, 1e-9);
  EXPECT_NEAR(student_t_quantile(0.05, 299), -1.6499657674, 1e-9);
}

}  // namespace
}  // namespace sluice::analysis
