#include "base/rng.h"

#include <gtest/gtest.h>

#include <array>

namespace sluice {
namespace {

TEST(Rng, SameSeedGivesTheSameSequence) {
  Rng a(7);
  Rng b(7);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(a.next(), b.next());
  }
}

TEST(Rng, BelowStaysBelowAndReachesAll) {
  Rng rng(1);
  std::array<int, 6> seen{};
  for (int i = 0; i < 6000; ++i) {
    ++seen.at(rng.below(6));
  }
  for (const int count : seen) {
    EXPECT_NEAR(count, 1000, 150);
  }
}

TEST(Rng, UnitIsInHalfOpenInterval) {
  Rng rng(3);
  for (int i = 0; i < 1000; ++i) {
    const double u = rng.unit();
    EXPECT_GE(u, 0.0);
    EXPECT_LT(u, 1.0);
  }
}

}  // namespace
}  // namespace sluice
