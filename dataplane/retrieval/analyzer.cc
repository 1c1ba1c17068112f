#include "dataplane/retrieval/analyzer.h"

#include <libstemmer.h>

#include "dataplane/retrieval/folding.h"

namespace sluice::retrieval {

void Analyzer::DeleteStemmer::operator()(sb_stemmer* stemmer) const {
  sb_stemmer_delete(stemmer);
}

Result<Analyzer> Analyzer::create(std::string_view name, const WordRules& rules) {
  Analyzer analyzer(rules);
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
    fold_word(text.substr(word->begin, word->end - word->begin), term_);
    if (stemmer_ == nullptr) {
      sink(term_);
      continue;
    }
    strip_possessive(term_);
    if (rules_->is_stop_word(term_)) {
      continue;
    }
    if (const std::vector<std::string>* instead = rules_->find_synonym(term_)) {
      for (const std::string& other : *instead) {
        stem(other, sink);
      }
    } else {
      stem(term_, sink);
    }
  }
}

void Analyzer::stem(std::string_view word, const Sink& sink) const {
  const sb_symbol* stem = sb_stemmer_stem(stemmer_.get(),
                                          reinterpret_cast<const sb_symbol*>(word.data()),
                                          static_cast<int>(word.size()));
  if (stem != nullptr) {
    const auto size = static_cast<std::size_t>(sb_stemmer_length(stemmer_.get()));
    sink({reinterpret_cast<const char*>(stem), size});
  }
}

}  // namespace sluice::retrieval
