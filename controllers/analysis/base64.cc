#include "controllers/analysis/base64.h"

#include <algorithm>
#include <cstdint>

namespace sluice::analysis {
namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

std::string to_base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t present = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = (group << 8) | (j < present ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      const std::uint32_t digit = (group >> (18 - 6 * j)) & 63U;
      text += j <= present ? kAlphabet[digit] : '=';
    }
  }
  return text;
}

std::optional<std::string> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) {
    return std::nullopt;
  }
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (std::size_t i = 0; i < text.size(); i += 4) {
    std::string_view group = text.substr(i, 4);
    if (i + 4 == text.size()) {
      while (group.size() > 2 && group.back() == '=') {
        group.remove_suffix(1);
      }
    }
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 4; ++j) {
      const std::size_t digit = j < group.size() ? kAlphabet.find(group[j]) : 0;
      if (digit == std::string_view::npos) {
        return std::nullopt;
      }
      bits = (bits << 6) | static_cast<std::uint32_t>(digit);
    }
    const std::size_t present = group.size() - 1;
    for (std::size_t j = 0; j < 3; ++j) {
      const std::uint32_t byte = (bits >> (16 - 8 * j)) & 255U;
      if (j < present) {
        bytes += static_cast<char>(byte);
      } else if (byte != 0) {
        return std::nullopt;
      }
    }
  }
  return bytes;
}

}  // namespace sluice::analysis
