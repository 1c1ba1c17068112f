#include "base/text.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace sluice {
namespace {

TEST(Text, IsTrimmedOnBothSides) {
  EXPECT_EQ(trimmed(""), "");
  EXPECT_EQ(trimmed(" \t\r\n"), "");
  EXPECT_EQ(trimmed("a"), "a");
  EXPECT_EQ(trimmed("\t a b\r\n"), "a b");
}

TEST(Text, IsComparedWithoutCaseOnlyWhereItIsAscii) {
  EXPECT_TRUE(equals_ignoring_case("", ""));
  EXPECT_TRUE(equals_ignoring_case("Retry-After", "retry-aFTER"));
  EXPECT_FALSE(equals_ignoring_case("a", "ab"));
  EXPECT_FALSE(equals_ignoring_case("ab", "a"));
  EXPECT_FALSE(equals_ignoring_case("@", "`"));  // 32 apart as letters are, but none.
  EXPECT_FALSE(equals_ignoring_case("[", "{"));
  EXPECT_FALSE(equals_ignoring_case("É", "é"));
}

TEST(Text, IsANumberOnlyAsAWhole) {
  EXPECT_EQ(parse_number<std::int32_t>("-17"), -17);
  EXPECT_EQ(parse_number<std::uint16_t>("65535"), 65535);
  EXPECT_EQ(parse_number<double>("2.5e3"), 2500.0);
  for (const char* bad : {"", " 1", "1 ", "+1", "1x", "0x1", "-", "1.5", "99999999999"}) {
    EXPECT_FALSE(parse_number<std::int32_t>(bad)) << bad;
  }
  EXPECT_FALSE(parse_number<std::uint16_t>("65536"));
  EXPECT_FALSE(parse_number<std::uint16_t>("-1"));
}

}  // namespace
}  // namespace sluice
