#pragma once
// Share: a part of a whole in ten-thousandths, written "5%", "0.5%", "100%" in our API.

#include <compare>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice {

struct Share {
  int ten_thousandths = 0;  // 0 to 10,000.
  auto operator<=>(const Share&) const = default;

  [[nodiscard]] double fraction() const { return ten_thousandths / 10'000.0; }
};

inline constexpr Share kWhole{10'000};

// ^(100|[0-9]{1,2}(\.[0-9]{1,2})?)%$
[[nodiscard]] Result<Share> parse_share(std::string_view text);
// The shortest such text.
[[nodiscard]] std::string format_share(Share share);

}  // namespace sluice
