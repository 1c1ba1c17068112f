#pragma once
// UTF-8, as the engine needs it: is a text valid, and which characters does it have. Cutting it
// is in base/utf8.h.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::retrieval {

// Well-formed by Unicode's table 3-7: no overlong forms, surrogates or values above U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view text);

struct Character {
  std::int32_t code = 0;  // -1 for a byte that starts no character.
  std::uint32_t bytes = 1;
};

// The character at `text[at]`; at < text.size().
[[nodiscard]] Character character_at(std::string_view text, std::size_t at);

}  // namespace sluice::retrieval
