#pragma once
// WordReader: cuts a text into words. A word is a run of letters, digits and marks; an apostrophe
// between two letters belongs to it. Chinese, Japanese and Korean have no spaces: their runs come
// as overlapping pairs of characters. Bytes that are no UTF-8 separate words.

#include <cstdint>
#include <optional>
#include <string_view>

namespace sluice::retrieval {

// A word's bytes in its text.
struct Word {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
};

// Reads one text from its begin to its end. The text (below 4 GiB) must outlive the reader.
class WordReader {
 public:
  explicit WordReader(std::string_view text);
  [[nodiscard]] std::optional<Word> next();

 private:
  enum class Kind : std::uint8_t { kOther, kLetter, kDigit, kMark, kPaired, kApostrophe };

  struct Seen {
    Kind kind = Kind::kOther;
    std::uint32_t bytes = 1;
  };

  [[nodiscard]] Seen look(std::size_t at) const;
  [[nodiscard]] Word read_plain(std::size_t begin) const;
  [[nodiscard]] Word read_pair(std::size_t begin);

  std::string_view text_;
  std::size_t at_ = 0;
  bool inside_pairs_ = false;  // at_ is the second half of the pair before.
};

}  // namespace sluice::retrieval
