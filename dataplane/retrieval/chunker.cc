#include "dataplane/retrieval/chunker.h"

#include <algorithm>
#include <optional>

#include "base/check.h"
#include "dataplane/retrieval/utf8.h"
#include "dataplane/retrieval/words.h"

namespace sluice::retrieval {
namespace {

// What is never cut while packing: a sentence, a paragraph, or a word of one that is too long.
struct Unit {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::uint32_t words = 0;
};

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}

bool is_letter(char c) {
  return is_lower(c) || (c >= 'A' && c <= 'Z');
}

bool is_closing(char c) {
  return c == ')' || c == ']' || c == '"' || c == '\'';
}

// Where a paragraph ends if text[at] is its last line break: behind the blank line; else 0.
std::size_t paragraph_break(std::string_view text, std::size_t at) {
  if (text[at] != '\n') {
    return 0;
  }
  std::size_t i = at + 1;
  while (i < text.size() && (text[i] == ' ' || text[i] == '\t' || text[i] == '\r')) {
    ++i;
  }
  return i < text.size() && text[i] == '\n' ? i + 1 : 0;
}

// Where a sentence ends if its full stop (or '!', '?') is at text[at]; else 0. Not after an initial
// ("J. Smith"), and not before a small letter ("e.g. this").
std::size_t sentence_break(std::string_view text, std::size_t at) {
  const char c = text[at];
  if (c != '.' && c != '!' && c != '?') {
    const Character character = character_at(text, at);
    const bool is_full_stop =
        character.code == 0x3002 || character.code == 0xFF01 || character.code == 0xFF1F;
    return is_full_stop ? at + character.bytes : 0;
  }
  std::size_t i = at + 1;
  while (i < text.size() && is_closing(text[i])) {
    ++i;
  }
  const std::size_t end = i;
  if (i < text.size() && !is_space(text[i])) {
    return 0;
  }
  while (i < text.size() && is_space(text[i])) {
    ++i;
  }
  const bool is_initial = c == '.' && at > 0 && is_letter(text[at - 1]) &&
                          (at == 1 || is_space(text[at - 2]) || text[at - 2] == '.');
  const bool goes_on = i < text.size() && is_lower(text[i]);
  return is_initial || (c == '.' && goes_on) ? 0 : end;
}

std::vector<ChunkRange> cut(std::string_view text, ChunkStrategy strategy) {
  std::vector<ChunkRange> parts;
  std::size_t begin = 0;
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t end = paragraph_break(text, at);
    if (end == 0 && strategy == ChunkStrategy::kSentence) {
      end = sentence_break(text, at);
    }
    if (end == 0) {
      ++at;
      continue;
    }
    parts.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
    begin = end;
    at = end;
  }
  if (begin < text.size()) {
    parts.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(text.size())});
  }
  return parts;
}

std::vector<Word> words_of(std::string_view text, ChunkRange range) {
  std::vector<Word> words;
  WordReader reader(text.substr(range.begin, range.end - range.begin));
  while (const std::optional<Word> word = reader.next()) {
    words.push_back({range.begin + word->begin, range.begin + word->end});
  }
  return words;
}

std::uint32_t trimmed(std::string_view text, std::uint32_t begin, std::uint32_t end) {
  while (end > begin && is_space(text[end - 1])) {
    --end;
  }
  return end;
}

// The part as one unit, or as one for each word; each with the punctuation behind it. A part
// without words (a line of dashes) is no unit.
void append_units(std::string_view text, ChunkRange part, bool is_split, std::vector<Unit>& units) {
  const std::vector<Word> words = words_of(text, part);
  if (words.empty()) {
    return;
  }
  if (!is_split) {
    units.push_back({words.front().begin,
                     trimmed(text, words.back().end, part.end),
                     static_cast<std::uint32_t>(words.size())});
    return;
  }
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::uint32_t next = i + 1 < words.size() ? words[i + 1].begin : part.end;
    // Pairs of characters overlap: their end may lie behind the next one's begin.
    units.push_back(
        {words[i].begin, std::max(words[i].end, trimmed(text, words[i].begin, next)), 1});
  }
}

// Takes units as long as they fit; the next chunk begins as many whole units earlier as the overlap
// allows, but always behind the begin of this one.
std::vector<ChunkRange> pack(const std::vector<Unit>& units, const ChunkingOptions& options) {
  std::vector<ChunkRange> chunks;
  std::size_t first = 0;
  while (first < units.size()) {
    std::size_t last = first;
    std::uint32_t words = units[first].words;
    while (last + 1 < units.size() && words + units[last + 1].words <= options.max_tokens) {
      words += units[++last].words;
    }
    chunks.push_back({units[first].begin, units[last].end});
    if (last + 1 == units.size()) {
      break;
    }
    std::size_t next = last + 1;
    std::uint32_t repeated = 0;
    while (next - 1 > first && repeated + units[next - 1].words <= options.overlap_tokens &&
           repeated + units[next - 1].words + units[last + 1].words <= options.max_tokens) {
      repeated += units[--next].words;
    }
    first = next;
  }
  return chunks;
}

// So that the text between two chunks is in one of them: a chunk reaches to the next one's begin
// if there is a gap, the first one begins and the last one ends with the text.
void close_gaps(std::string_view text, std::vector<ChunkRange>& chunks) {
  chunks.front().begin = 0;
  chunks.back().end = static_cast<std::uint32_t>(text.size());
  for (std::size_t i = 0; i + 1 < chunks.size(); ++i) {
    const std::uint32_t end = std::max(chunks[i].end, chunks[i + 1].begin);
    chunks[i].end = trimmed(text, chunks[i].begin, end);
  }
}

}  // namespace

std::vector<ChunkRange> chunk(std::string_view text, const ChunkingOptions& options) {
  CHECK(options.max_tokens > 0);
  CHECK(options.overlap_tokens < options.max_tokens);
  const ChunkRange whole{0, static_cast<std::uint32_t>(text.size())};
  if (options.strategy == ChunkStrategy::kNone) {
    return {whole};
  }
  std::vector<Unit> units;
  if (options.strategy == ChunkStrategy::kFixed) {
    append_units(text, whole, true, units);
  } else {
    for (const ChunkRange& part : cut(text, options.strategy)) {
      append_units(text, part, words_of(text, part).size() > options.max_tokens, units);
    }
  }
  std::vector<ChunkRange> chunks = pack(units, options);
  if (chunks.empty()) {
    return {whole};
  }
  close_gaps(text, chunks);
  return chunks;
}

}  // namespace sluice::retrieval
