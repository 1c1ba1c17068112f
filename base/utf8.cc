#include "base/utf8.h"

#include <algorithm>

namespace sluice {
namespace {

constexpr std::size_t kContinuationsMax = 3;

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

}  // namespace

std::size_t utf8_length(std::string_view text) {
  if (text.empty()) {
    return 0;
  }
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const std::size_t length = lead < 0x80U ? 1 : lead >= 0xF0U ? 4 : lead >= 0xE0U ? 3 : 2;
  if ((lead >= 0x80U && lead < 0xC2U) || lead > 0xF4U || text.size() < length) {
    return 0;
  }
  if (!std::ranges::all_of(text.substr(1, length - 1), is_continuation)) {
    return 0;
  }
  const bool is_overlong = (lead == 0xE0U && byte(1) < 0xA0U) || (lead == 0xF0U && byte(1) < 0x90U);
  const bool is_surrogate = lead == 0xEDU && byte(1) >= 0xA0U;
  const bool is_beyond = lead == 0xF4U && byte(1) >= 0x90U;
  return is_overlong || is_surrogate || is_beyond ? 0 : length;
}

std::size_t count_utf8(std::string_view text) {
  return text.size() - static_cast<std::size_t>(std::ranges::count_if(text, is_continuation));
}

std::string_view cut_utf8(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) {
    return text;
  }
  std::size_t end = bytes_max;
  while (end > 0 && bytes_max - end < kContinuationsMax && is_continuation(text[end])) {
    --end;
  }
  return text.substr(0, end);
}

}  // namespace sluice
