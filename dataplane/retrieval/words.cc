#include "dataplane/retrieval/words.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <limits>

#include "base/check.h"
#include "dataplane/retrieval/utf8.h"

namespace sluice::retrieval {
namespace {

constexpr std::int32_t kRightQuote = 0x2019;  // The typographic apostrophe.

struct Range {
  std::int32_t first;
  std::int32_t last;
};

// Scripts written without spaces (and Hangul, whose endings pairs absorb), in ascending order.
constexpr std::array kPairedScripts = {
    Range{0x1100, 0x11FF},
    Range{0x2E80, 0x2FDF},
    Range{0x3005, 0x3007},
    Range{0x3040, 0x30FF},
    Range{0x3130, 0x318F},
    Range{0x31F0, 0x31FF},
    Range{0x3400, 0x4DBF},
    Range{0x4E00, 0x9FFF},
    Range{0xA960, 0xA97F},
    Range{0xAC00, 0xD7FF},
    Range{0xF900, 0xFAFF},
    Range{0xFF66, 0xFFDC},
    Range{0x20000, 0x323AF},
};

bool is_paired(std::int32_t code) {
  if (code < kPairedScripts.front().first) {
    return false;
  }
  return std::any_of(kPairedScripts.begin(), kPairedScripts.end(), [code](const Range& range) {
    return code >= range.first && code <= range.last;
  });
}

}  // namespace

WordReader::WordReader(std::string_view text) : text_(text) {
  CHECK(text.size() < std::numeric_limits<std::uint32_t>::max());
}

WordReader::Seen WordReader::look(std::size_t at) const {
  if (at >= text_.size()) {
    return {};
  }
  const Character character = character_at(text_, at);
  const std::int32_t code = character.code;
  if (code < 0) {
    return {.kind = Kind::kOther, .bytes = 1};
  }
  if (code < 0x80) {
    const bool is_letter = (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z');
    const bool is_digit = code >= '0' && code <= '9';
    const Kind other = code == '\'' ? Kind::kApostrophe : Kind::kOther;
    return {.kind = is_letter ? Kind::kLetter : (is_digit ? Kind::kDigit : other), .bytes = 1};
  }
  if (code == kRightQuote) {
    return {.kind = Kind::kApostrophe, .bytes = character.bytes};
  }
  const auto category = utf8proc_category(code);
  Kind kind = Kind::kOther;
  if (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) {
    kind = is_paired(code) ? Kind::kPaired : Kind::kLetter;
  } else if (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO) {
    kind = Kind::kDigit;
  } else if (category >= UTF8PROC_CATEGORY_MN && category <= UTF8PROC_CATEGORY_ME) {
    kind = Kind::kMark;
  }
  return {.kind = kind, .bytes = character.bytes};
}

std::optional<Word> WordReader::next() {
  while (at_ < text_.size()) {
    const Seen seen = look(at_);
    switch (seen.kind) {
      case Kind::kLetter:
      case Kind::kDigit: {
        inside_pairs_ = false;
        const Word word = read_plain(at_);
        at_ = word.end;
        return word;
      }
      case Kind::kPaired: {
        const Word word = read_pair(at_);
        if (word.end != 0) {
          return word;
        }
        break;
      }
      case Kind::kOther:
      case Kind::kMark:
      case Kind::kApostrophe:
        inside_pairs_ = false;
        at_ += seen.bytes;
        break;
    }
  }
  return std::nullopt;
}

Word WordReader::read_plain(std::size_t begin) const {
  std::size_t end = begin;
  Kind before = Kind::kOther;
  for (;;) {
    const Seen seen = look(end);
    if (seen.kind == Kind::kLetter || seen.kind == Kind::kDigit || seen.kind == Kind::kMark) {
      end += seen.bytes;
      before = seen.kind;
    } else if (seen.kind == Kind::kApostrophe && before == Kind::kLetter &&
               look(end + seen.bytes).kind == Kind::kLetter) {
      end += seen.bytes;
    } else {
      return {.begin = static_cast<std::uint32_t>(begin), .end = static_cast<std::uint32_t>(end)};
    }
  }
}

// The pair that begins here; a character that stands alone comes alone. The last character of a
// run has been the second half of a pair and starts none: an empty word then.
Word WordReader::read_pair(std::size_t begin) {
  const Seen first = look(begin);
  at_ = begin + first.bytes;
  const Seen second = look(at_);
  const bool was_inside = inside_pairs_;
  inside_pairs_ = second.kind == Kind::kPaired;
  if (inside_pairs_) {
    return {.begin = static_cast<std::uint32_t>(begin),
            .end = static_cast<std::uint32_t>(at_ + second.bytes)};
  }
  if (was_inside) {
    return {};
  }
  return {.begin = static_cast<std::uint32_t>(begin), .end = static_cast<std::uint32_t>(at_)};
}

}  // namespace sluice::retrieval
