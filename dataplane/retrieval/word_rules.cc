#include "dataplane/retrieval/word_rules.h"

#include <algorithm>
#include <array>
#include <optional>

#include "dataplane/retrieval/folding.h"
#include "dataplane/retrieval/words.h"

namespace sluice::retrieval {
namespace {

// Lucene's EnglishAnalyzer set.
constexpr std::array<std::string_view, 33> kEnglishStopWords = {
    "a",   "an",    "and",  "are",   "as",    "at",   "be",   "but", "by",  "for",  "if",
    "in",  "into",  "is",   "it",    "no",    "not",  "of",   "on",  "or",  "such", "that",
    "the", "their", "then", "there", "these", "they", "this", "to",  "was", "will", "with"};

// The text's words as the analyzer sees them; nothing if the text is more than words and spaces.
std::optional<std::vector<std::string>> words_of(std::string_view text) {
  std::vector<std::string> all;
  WordReader reader(text);
  std::size_t end = 0;
  while (const std::optional<Word> word = reader.next()) {
    const std::string_view between =
        text.substr(end, std::max<std::size_t>(word->begin, end) - end);
    if (word->begin < end || between != (all.empty() ? "" : " ")) {
      return std::nullopt;  // Overlapping pairs, or something that is no word.
    }
    fold_word(text.substr(word->begin, word->end - word->begin), all.emplace_back());
    strip_possessive(all.back());
    end = word->end;
  }
  return end == text.size() && !all.empty() ? std::optional(all) : std::nullopt;
}

Result<std::string> one_word(const std::string& text) {
  std::optional<std::vector<std::string>> words = words_of(text);
  if (!words || words->size() != 1) {
    return fail(ErrorCode::kInvalid,
                "\"" + text +
                    "\" is not one word as the analyzer cuts them (Chinese, Japanese and "
                    "Korean: two characters)");
  }
  return std::move(words->front());
}

}  // namespace

const WordRules& WordRules::english() {
  static const WordRules kRules = [] {
    WordRules rules;
    rules.stop_words_.assign(kEnglishStopWords.begin(), kEnglishStopWords.end());
    std::ranges::sort(rules.stop_words_);
    return rules;
  }();
  return kRules;
}

Result<WordRules> WordRules::create(const api::AnalyzerWords& words) {
  WordRules rules;
  if (!words.stop_words) {
    rules.stop_words_ = english().stop_words_;
  } else {
    for (const std::string& text : *words.stop_words) {
      Result<std::string> word = one_word(text);
      if (!word) {
        return fail(word.error().with_context("stopWords"));
      }
      rules.stop_words_.push_back(*std::move(word));
    }
    std::ranges::sort(rules.stop_words_);
  }
  for (const api::Synonym& synonym : words.synonyms) {
    if (Status added = rules.add(synonym); !added) {
      return fail(added.error().with_context("synonyms"));
    }
  }
  return rules;
}

Result<WordRules> WordRules::parse(std::string_view json) {
  if (json.empty()) {
    return english();
  }
  const Result<api::AnalyzerWords> words = api::parse_analyzer_words(json);
  return words ? create(*words) : fail(words.error());
}

Status WordRules::add(const api::Synonym& synonym) {
  const std::optional<std::vector<std::string>> to = words_of(synonym.to);
  if (!to) {
    return fail(ErrorCode::kInvalid, "\"" + synonym.to + "\" is more than words and single spaces");
  }
  for (const std::string& text : synonym.from) {
    const Result<std::string> word = one_word(text);
    if (!word) {
      return fail(word.error());
    }
    if (is_stop_word(*word)) {
      return fail(ErrorCode::kInvalid, "\"" + text + "\" is a stop word, too");
    }
    const auto [known, is_new] = synonyms_.emplace(*word, *to);
    if (!is_new && known->second != *to) {
      return fail(ErrorCode::kInvalid, "\"" + text + "\" stands for two different things");
    }
  }
  return {};
}

bool WordRules::is_stop_word(std::string_view word) const {
  return std::binary_search(stop_words_.begin(), stop_words_.end(), word);
}

const std::vector<std::string>* WordRules::find_synonym(std::string_view word) const {
  const auto found = synonyms_.find(word);
  return found == synonyms_.end() ? nullptr : &found->second;
}

}  // namespace sluice::retrieval
