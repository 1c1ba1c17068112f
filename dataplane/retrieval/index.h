#pragma once
// Index: an opened IndexFile and what is computed from it at load (idf, norms), so that the file
// holds integers only. Immutable; shared by all threads. Searchers refer to it.

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "dataplane/retrieval/index_file.h"
#include "dataplane/retrieval/word_rules.h"

namespace sluice::retrieval {

class Index {
 public:
  // The errors of IndexFile::open; kInvalid also for an analyzer that this program does not know
  // or whose model is not the one that the manifest names.
  [[nodiscard]] static Result<Index> open(const std::string& path);

  [[nodiscard]] const IndexFile& file() const { return file_; }

  [[nodiscard]] const Manifest& manifest() const { return file_.manifest(); }

  // What the analyzer of documents and queries goes by.
  [[nodiscard]] const WordRules& word_rules() const { return rules_; }

  // The weight of a term that `chunks_with` of the chunks contain.
  [[nodiscard]] float idf(std::size_t chunks_with) const;

  // For each chunk: BM25's k1·(1 − b + b·length/average), or one over the length of the TF-IDF
  // vector.
  [[nodiscard]] std::span<const float> norms() const { return norms_; }

 private:
  Index(IndexFile file, WordRules rules);
  [[nodiscard]] std::vector<float> bm25_norms() const;
  [[nodiscard]] std::vector<float> tfidf_norms() const;

  IndexFile file_;
  WordRules rules_;
  std::vector<float> norms_;
};

// A term's weight in a chunk or query where it stands `count` times, before idf (TF-IDF only).
[[nodiscard]] float tfidf_weight(std::uint32_t count);

}  // namespace sluice::retrieval
