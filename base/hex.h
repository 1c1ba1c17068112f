#pragma once
// Bytes as text: two lower-case hex digits each. Any thread.

#include <span>
#include <string>

namespace sluice {

[[nodiscard]] std::string to_hex(std::span<const unsigned char> bytes);

}  // namespace sluice
