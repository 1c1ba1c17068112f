#include "base/json_string.h"

#include <fmt/format.h>

#include "base/utf8.h"

namespace sluice {
namespace {

// `code` in place of itself: a control character, quote, backslash, or a byte that is not UTF-8.
void append_escape(std::string& out, unsigned char code) {
  switch (code) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      out += code < 0x20U ? fmt::format("\\u{:04x}", code) : "\xEF\xBF\xBD";
  }
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t start = 0;  // What stands before it is written already.
  std::size_t at = 0;
  while (at < text.size()) {
    const auto code = static_cast<unsigned char>(text[at]);
    const bool is_plain = code >= 0x20U && code < 0x80U && code != '"' && code != '\\';
    const std::size_t length = is_plain ? 1 : code < 0x80U ? 0 : utf8_length(text.substr(at));
    if (length > 0) {
      at += length;
      continue;
    }
    out += text.substr(start, at - start);
    append_escape(out, code);
    start = ++at;
  }
  out += text.substr(start);
  out += '"';
}

}  // namespace sluice
