#pragma once
// Base64 (RFC 4648, padded) in which each byte string has exactly one text. Pure.

#include <optional>
#include <string>
#include <string_view>

namespace sluice::analysis {

[[nodiscard]] std::string to_base64(std::string_view bytes);
// Empty for anything that to_base64 does not write.
[[nodiscard]] std::optional<std::string> from_base64(std::string_view text);

}  // namespace sluice::analysis
