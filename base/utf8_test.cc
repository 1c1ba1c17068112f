#include "base/utf8.h"

#include <gtest/gtest.h>

#include <string_view>
#include <vector>

namespace sluice {
namespace {

TEST(Utf8, IsCutOnlyBetweenCharacters) {
  struct Row {
    std::string_view text;
    std::size_t bytes_max;
    std::string_view cut;
  };

  const std::vector<Row> rows = {
      {"", 0, ""},
      {"", 4, ""},
      {"abc", 0, ""},
      {"abc", 2, "ab"},
      {"abc", 3, "abc"},
      {"abc", 5, "abc"},
      // Two, three and four bytes, cut before, in every place within, and behind.
      {"aéz", 1, "a"},
      {"aéz", 2, "a"},
      {"aéz", 3, "aé"},
      {"€", 0, ""},
      {"€", 1, ""},
      {"€", 2, ""},
      {"€", 3, "€"},
      {"日本", 4, "日"},
      {"日本", 5, "日"},
      {"日本", 6, "日本"},
      {"x😀y", 1, "x"},
      {"x😀y", 2, "x"},
      {"x😀y", 3, "x"},
      {"x😀y", 4, "x"},
      {"x😀y", 5, "x😀"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(cut_utf8(row.text, row.bytes_max), row.cut) << row.text << " at " << row.bytes_max;
  }
}

TEST(Utf8, LosesAtMostThreeBytesOfTextThatIsNone) {
  EXPECT_EQ(cut_utf8("ab\xFF\xFEz", 3), "ab\xFF");
  EXPECT_EQ(cut_utf8("a\xC3z", 2), "a\xC3");
  EXPECT_EQ(cut_utf8("\x80\x80\x80\x80\x80\x80\x80\x80", 7), "\x80\x80\x80\x80");
  EXPECT_EQ(cut_utf8("\x80\x80", 1), "");
}

TEST(Utf8, KnowsTheLengthOfWellFormedCharactersOnly) {
  struct Row {
    std::string_view text;
    std::size_t length;
  };

  const std::vector<Row> rows = {
      {"", 0},
      {std::string_view("\0", 1), 1},
      {"az", 1},
      {"\x7F", 1},
      {"\xC2\x80", 2},
      {"éz", 2},
      {"\xE0\xA0\x80", 3},
      {"€", 3},
      {"\xED\x9F\xBF", 3},
      {"\xEE\x80\x80", 3},
      {"\xF0\x90\x80\x80", 4},
      {"😀", 4},
      {"\xF4\x8F\xBF\xBF", 4},
      {"\x80", 0},              // Starts nothing.
      {"\xBF\x80", 0},          // Starts nothing.
      {"\xC0\x80", 0},          // Overlong NUL.
      {"\xC1\xBF", 0},          // Overlong.
      {"\xE0\x9F\xBF", 0},      // Overlong.
      {"\xF0\x8F\xBF\xBF", 0},  // Overlong.
      {"\xED\xA0\x80", 0},      // A surrogate.
      {"\xF4\x90\x80\x80", 0},  // Above U+10FFFF.
      {"\xF5\x80\x80\x80", 0},  // Above U+10FFFF.
      {"\xFF", 0},
      {"\xC3", 0},  // Ends too early.
      {"\xE2\x82", 0},
      {"\xF0\x9F\x98", 0},
      {"\xC3(", 0},  // No continuation where one belongs.
      {"\xE2\x82(", 0},
      {"\xF0\x9F\x98(", 0},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(utf8_length(row.text), row.length) << testing::PrintToString(row.text);
  }
}

TEST(Utf8, CountsCharactersNotBytes) {
  EXPECT_EQ(count_utf8(""), 0U);
  EXPECT_EQ(count_utf8("abc"), 3U);
  EXPECT_EQ(count_utf8("aé€😀"), 4U);
}

}  // namespace
}  // namespace sluice
