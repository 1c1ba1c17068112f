#include "dataplane/retrieval/utf8.h"

#include <utf8proc.h>

#include <cstring>

#include "base/check.h"

namespace sluice::retrieval {
Character character_at(std::string_view text, std::size_t at) {
  CHECK(at < text.size());
  const auto first = static_cast<unsigned char>(text[at]);
  if (first < 0x80) {
    return {.code = first, .bytes = 1};
  }
  utf8proc_int32_t code = -1;
  const auto used = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + at),
                                     static_cast<utf8proc_ssize_t>(text.size() - at),
                                     &code);
  if (used <= 0) {
    return {.code = -1, .bytes = 1};
  }
  return {.code = code, .bytes = static_cast<std::uint32_t>(used)};
}

bool is_utf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    // Eight ASCII bytes at a time: most text is that.
    while (i + 8 <= text.size()) {
      std::uint64_t word = 0;
      std::memcpy(&word, text.data() + i, 8);
      if ((word & 0x8080808080808080ULL) != 0) {
        break;
      }
      i += 8;
    }
    if (i == text.size()) {
      break;
    }
    const Character character = character_at(text, i);
    if (character.code < 0) {
      return false;
    }
    i += character.bytes;
  }
  return true;
}

}  // namespace sluice::retrieval
