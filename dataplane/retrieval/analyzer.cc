#include "dataplane/retrieval/analyzer.h"

#include <libstemmer.h>
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/utf8.h"

namespace sluice::retrieval {
namespace {

// Lucene's EnglishAnalyzer set, sorted.
constexpr std::array<std::string_view, 33> kStopWords = {
    "a",   "an",    "and",  "are",   "as",    "at",   "be",   "but", "by",  "for",  "if",
    "in",  "into",  "is",   "it",    "no",    "not",  "of",   "on",  "or",  "such", "that",
    "the", "their", "then", "there", "these", "they", "this", "to",  "was", "will", "with"};
static_assert(std::is_sorted(kStopWords.begin(), kStopWords.end()));

// Longer ones are data (keys, encoded blobs), not words; cut, so that the dictionary stays small.
constexpr std::size_t kTermBytesMax = 128;

// Writes the word in lower case; outside ASCII composed and case-folded, so that two spellings of
// the same letters are one term.
void fold(std::string_view word, std::string& out) {
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

bool is_stop_word(std::string_view term) {
  return std::binary_search(kStopWords.begin(), kStopWords.end(), term);
}

}  // namespace

void Analyzer::DeleteStemmer::operator()(sb_stemmer* stemmer) const {
  sb_stemmer_delete(stemmer);
}

Result<Analyzer> Analyzer::create(std::string_view name) {
  Analyzer analyzer;
  if (name == "simple") {
    return analyzer;
  }
  if (name != "english") {
    return fail(ErrorCode::kInvalid,
                "the analyzer \"" + std::string(name) + "\" is not known (english, simple)");
  }
  analyzer.stemmer_.reset(sb_stemmer_new("porter", "UTF_8"));
  if (analyzer.stemmer_ == nullptr) {
    return fail(ErrorCode::kInternal, "libstemmer has no Porter stemmer");
  }
  return analyzer;
}

void Analyzer::analyze(std::string_view text, const Sink& sink) {
  WordReader words(text);
  while (const std::optional<Word> word = words.next()) {
    fold(cut_utf8(text.substr(word->begin, word->end - word->begin), kTermBytesMax), term_);
    if (stemmer_ == nullptr) {
      sink(term_);
      continue;
    }
    strip_possessive(term_);
    if (is_stop_word(term_)) {
      continue;
    }
    const sb_symbol* stem = sb_stemmer_stem(stemmer_.get(),
                                            reinterpret_cast<const sb_symbol*>(term_.data()),
                                            static_cast<int>(term_.size()));
    if (stem != nullptr) {
      const auto size = static_cast<std::size_t>(sb_stemmer_length(stemmer_.get()));
      sink({reinterpret_cast<const char*>(stem), size});
    }
  }
}

}  // namespace sluice::retrieval
