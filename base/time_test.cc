#include "base/time.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

using namespace std::chrono_literals;

TEST(Time, RoundTripsThroughRfc3339) {
  for (const char* text :
       {"1970-01-01T00:00:00Z", "2026-11-21T23:59:59Z", "2024-02-29T12:00:00Z"}) {
    const auto parsed = parse_time(text);
    ASSERT_TRUE(parsed) << text;
    EXPECT_EQ(format_time(*parsed), text);
  }
  const auto micro = parse_time("2026-11-21T10:00:00.123456Z");
  ASSERT_TRUE(micro);
  EXPECT_EQ(format_micro_time(*micro), "2026-11-21T10:00:00.123456Z");
  EXPECT_EQ(format_time(truncate_to_seconds(*micro)), "2026-11-21T10:00:00Z");
}

TEST(Time, ReadsOffsets) {
  EXPECT_EQ(format_time(parse_time("2026-11-21T10:00:00+02:30").value()), "2026-11-21T07:30:00Z");
}

TEST(Time, RefusesNonsense) {
  for (const char* text : {"",
                           "2026",
                           "2026-13-01T00:00:00Z",
                           "2026-02-30T00:00:00Z",
                           "2026-11-21T10:00:00",
                           "2026-11-21T25:00:00Z",
                           "2026-11-21T10:00:00.Z",
                           "2026-11-21T10:00:00Zx"}) {
    EXPECT_FALSE(parse_time(text)) << text;
  }
}

TEST(Duration, ReadsAndWritesTheApiForm) {
  EXPECT_EQ(parse_duration("5m").value(), 5min);
  EXPECT_EQ(parse_duration("1h30m").value(), 90min);
  EXPECT_EQ(parse_duration("250ms").value(), 250ms);
  EXPECT_EQ(parse_duration("0s").value(), 0s);
  EXPECT_EQ(format_duration(90min), "1h30m");
  EXPECT_EQ(format_duration(0s), "0s");
  EXPECT_EQ(format_duration(1500ms), "1s500ms");
}

TEST(Duration, RefusesNonsense) {
  for (const char* text : {"", "5", "m", "-5m", "5 m", "5d", "123456s", "1h1m1s1ms1h", "+5m"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

}  // namespace
}  // namespace sluice
