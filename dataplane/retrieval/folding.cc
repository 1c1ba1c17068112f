#include "dataplane/retrieval/folding.h"

#include <utf8proc.h>

#include <cstdlib>

#include "base/utf8.h"

namespace sluice::retrieval {
namespace {

// Longer ones are data (keys, encoded blobs), not words; cut, so that the dictionary stays small.
constexpr std::size_t kTermBytesMax = 128;

}  // namespace

void fold_word(std::string_view word, std::string& out) {
  word = cut_utf8(word, kTermBytesMax);
  out.clear();
  bool is_ascii = true;
  for (const char c : word) {
    is_ascii = is_ascii && static_cast<unsigned char>(c) < 0x80;
    out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
  if (is_ascii) {
    return;
  }
  utf8proc_uint8_t* mapped = nullptr;
  const auto options = static_cast<utf8proc_option_t>(
      static_cast<unsigned>(UTF8PROC_STABLE) | static_cast<unsigned>(UTF8PROC_COMPAT) |
      static_cast<unsigned>(UTF8PROC_COMPOSE) | static_cast<unsigned>(UTF8PROC_CASEFOLD));
  const auto size = utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(word.data()),
                                 static_cast<utf8proc_ssize_t>(word.size()),
                                 &mapped,
                                 options);
  if (size >= 0) {
    out.assign(reinterpret_cast<const char*>(mapped), static_cast<std::size_t>(size));
  }
  std::free(mapped);  // NOLINT: utf8proc allocates with malloc.
  constexpr std::string_view kTypographic = "\u2019";
  for (std::size_t at = 0; (at = out.find(kTypographic, at)) != std::string::npos;) {
    out.replace(at, kTypographic.size(), "'");
  }
}

void strip_possessive(std::string& term) {
  constexpr std::string_view kEnding = "'s";
  if (term.size() > kEnding.size() && term.ends_with(kEnding)) {
    term.resize(term.size() - kEnding.size());
  }
}

}  // namespace sluice::retrieval
