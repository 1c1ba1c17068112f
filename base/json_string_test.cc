#include "base/json_string.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/json_view.h"
#include "base/json_writer.h"

namespace sluice {
namespace {

struct Row {
  std::string_view text;
  std::string_view json;
};

const std::vector<Row> kRows = {
    {"", "\"\""},
    {"plain", "\"plain\""},
    {"a\"b\\c", R"("a\"b\\c")"},
    {"\n\r\t", R"("\n\r\t")"},
    {std::string_view("\0\x01\x1F", 3), R"("\u0000\u0001\u001f")"},
    {"\x7F/", "\"\x7F/\""},
    {"é€😀", "\"é€😀\""},
    {"\xFF", "\"\uFFFD\""},
    {"a\xC3(z", "\"a\uFFFD(z\""},                // Ends too early.
    {"\xE2\x82", "\"\uFFFD\uFFFD\""},            // The same at the end of the text.
    {"\x80\xBF", "\"\uFFFD\uFFFD\""},            // Continues nothing.
    {"\xC0\xAF", "\"\uFFFD\uFFFD\""},            // Overlong.
    {"\xED\xA0\x80", "\"\uFFFD\uFFFD\uFFFD\""},  // A surrogate.
    {"\xF4\x90\x80\x80!", "\"\uFFFD\uFFFD\uFFFD\uFFFD!\""},
    {"\xFF\"\n", "\"\uFFFD\\\"\\n\""},
};

TEST(JsonString, EscapesWhatJsonDoesNotTakeAndReplacesWhatIsNotUtf8) {
  for (const Row& row : kRows) {
    std::string out = "[";
    append_json_string(out, row.text);
    EXPECT_EQ(out, "[" + std::string(row.json));
  }
}

TEST(JsonString, IsTheSameFromTheWriterAsKeyAndAsValue) {
  for (const Row& row : kRows) {
    const std::string json(row.json);
    EXPECT_EQ(json_quote(row.text), json);
    JsonWriter writer;
    EXPECT_EQ(writer.begin_object().member(row.text, row.text).end_object().take(),
              "{" + json + ":" + json + "}");
  }
}

TEST(JsonString, IsAlwaysJson) {
  std::string all;
  for (int byte = 0; byte < 256; ++byte) {
    all.push_back(static_cast<char>(byte));
  }
  // Each byte before and behind each place of some characters.
  for (const std::string_view text : {std::string_view("aé€😀z"), std::string_view(all)}) {
    for (std::size_t at = 0; at <= text.size(); ++at) {
      for (int byte = 0; byte < 256; byte += 5) {
        std::string mixed(text);
        mixed.insert(at, 1, static_cast<char>(byte));
        EXPECT_TRUE(JsonDocument::parse(json_quote(mixed))) << at << " " << byte;
      }
    }
  }
}

}  // namespace
}  // namespace sluice
