#include "dataplane/router/core/sticky.h"

#include <charconv>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "base/sha256.h"

namespace sluice::router {

bool names_user(std::string_view value) {
  return !value.empty() && value.size() <= kStickyValueMax;
}

Share sticky_place(std::string_view revision, std::string_view value) {
  constexpr std::size_t kDigits = 8;
  constexpr int kHexadecimal = 16;
  constexpr int kBits = 32;
  // Neither a revision's name nor a header's value has an end of line in it.
  std::string text(revision);
  text += '\n';
  text += value;
  const std::string digest = sha256_of(text);
  std::uint32_t number = 0;
  const auto [stop, error] =
      std::from_chars(digest.data(), digest.data() + kDigits, number, kHexadecimal);
  CHECK(error == std::errc{});
  CHECK(stop == digest.data() + kDigits);
  const std::uint64_t scaled = std::uint64_t{number} * kWhole.ten_thousandths;
  return Share{static_cast<int>(scaled >> kBits)};
}

}  // namespace sluice::router
