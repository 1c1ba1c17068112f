#pragma once
// UTF-8 as far as everybody needs it: where characters begin and end. Pure.

#include <cstddef>
#include <string_view>

namespace sluice {

// Bytes of the character at the front of `text` (1 to 4), or 0 if none that is well-formed by
// Unicode's table 3-7 stands there: no overlong forms, surrogates or values above U+10FFFF.
[[nodiscard]] std::size_t utf8_length(std::string_view text);

// Characters, not bytes: what JSON Schema's maxLength counts. Only of well-formed text.
[[nodiscard]] std::size_t count_utf8(std::string_view text);

// The longest beginning of at most `bytes_max` bytes that cuts no character in two. A view into
// `text`. Of text that is not UTF-8 at most three bytes more are lost.
[[nodiscard]] std::string_view cut_utf8(std::string_view text, std::size_t bytes_max);

}  // namespace sluice
