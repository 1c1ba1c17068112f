#include "base/machine.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Machine, TellsTimesAndSeeds) {
  const MonotonicTime before = monotonic_now();
  EXPECT_GE(monotonic_now(), before);
  EXPECT_EQ(format_time(wall_now()).substr(0, 2), "20");
  EXPECT_NE(fresh_seed(), fresh_seed());
  EXPECT_EQ(fresh_word().size(), 64U);
  EXPECT_NE(fresh_word(), fresh_word());
}

}  // namespace
}  // namespace sluice
