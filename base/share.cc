#include "base/share.h"

#include <fmt/format.h>

#include <cctype>

namespace sluice {
namespace {

bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

}  // namespace

Result<Share> parse_share(std::string_view text) {
  const auto wrong = [whole = text] {
    return fail(ErrorCode::kInvalid, fmt::format("\"{}\" is not a share like 5% or 0.5%", whole));
  };
  if (text == "100%") {
    return kWhole;
  }
  int whole = 0;
  std::size_t digits = 0;
  while (digits < text.size() && digits < 2 && is_digit(text[digits])) {
    whole = whole * 10 + (text[digits++] - '0');
  }
  if (digits == 0) {
    return wrong();
  }
  text.remove_prefix(digits);
  int hundredths = 0;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    std::size_t count = 0;
    while (count < text.size() && count < 2 && is_digit(text[count])) {
      hundredths += (text[count] - '0') * (count == 0 ? 10 : 1);
      ++count;
    }
    if (count == 0) {
      return wrong();
    }
    text.remove_prefix(count);
  }
  if (text != "%") {
    return wrong();
  }
  return Share{whole * 100 + hundredths};
}

std::string format_share(Share share) {
  const int whole = share.ten_thousandths / 100;
  const int hundredths = share.ten_thousandths % 100;
  if (hundredths == 0) {
    return fmt::format("{}%", whole);
  }
  if (hundredths % 10 == 0) {
    return fmt::format("{}.{}%", whole, hundredths / 10);
  }
  return fmt::format("{}.{:02}%", whole, hundredths);
}

}  // namespace sluice
