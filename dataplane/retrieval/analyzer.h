#pragma once
// Analyzer: text in, index terms out; the same for documents and queries, and named in the index's
// manifest, so that an index is never queried through another one. Holds a stemmer with state: one
// for each thread.

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "dataplane/retrieval/word_rules.h"
#include "dataplane/retrieval/words.h"

struct sb_stemmer;

namespace sluice::retrieval {

// "english": Unicode words, lower case (compatibility-composed and case-folded outside ASCII),
// possessive 's removed, stop words removed, synonyms put in place, Porter's stemmer. The last
// three by the index's WordRules.
// "simple": words and lower case only.
inline constexpr std::string_view kDefaultAnalyzer = "english";

class Analyzer {
 public:
  using Sink = std::function<void(std::string_view term)>;

  // The rules must outlive the analyzer. kInvalid for a name that this program does not know.
  [[nodiscard]] static Result<Analyzer> create(std::string_view name,
                                               const WordRules& rules = WordRules::english());

  // Gives each term of `text` to `sink`, in order. A term is valid only during the call.
  void analyze(std::string_view text, const Sink& sink);

 private:
  struct DeleteStemmer {
    void operator()(sb_stemmer* stemmer) const;
  };

  explicit Analyzer(const WordRules& rules) : rules_(&rules) {}

  void stem(std::string_view word, const Sink& sink) const;

  const WordRules* rules_;
  std::unique_ptr<sb_stemmer, DeleteStemmer> stemmer_;  // Null for "simple".
  std::string term_;
};

}  // namespace sluice::retrieval
