#pragma once
// WordRules: which words the analyzer leaves out, and which it reads as others. Made of a model's
// AnalyzerWords, folded as the analyzer folds a text's words. Immutable; shared by all threads.

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crds/analyzer_words.h"

namespace sluice::retrieval {

class WordRules {
 public:
  // Without a model: Lucene's 33 English stop words, no synonyms. Lives for ever.
  [[nodiscard]] static const WordRules& english();

  // kInvalid, naming the word: what the engine would not cut as one word, or two words that are one
  // when folded and are to be rewritten differently or left out as well.
  [[nodiscard]] static Result<WordRules> create(const api::AnalyzerWords& words);

  // Of the JSON of such words; empty: english(). The errors of create() and of reading it.
  [[nodiscard]] static Result<WordRules> parse(std::string_view json);

  // Both take a folded word, before it is stemmed.
  [[nodiscard]] bool is_stop_word(std::string_view word) const;
  // What stands for the word, folded; null: the word itself.
  [[nodiscard]] const std::vector<std::string>* find_synonym(std::string_view word) const;

 private:
  WordRules() = default;
  [[nodiscard]] Status add(const api::Synonym& synonym);

  std::vector<std::string> stop_words_;  // Sorted.
  std::map<std::string, std::vector<std::string>, std::less<>> synonyms_;
};

}  // namespace sluice::retrieval
