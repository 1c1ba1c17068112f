#pragma once
// Searcher: answers queries from an Index. Holds the working memory of one query at a time, so one
// for each thread; the Index must outlive it. The same query gives the same answer, bit for bit.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dataplane/retrieval/analyzer.h"
#include "dataplane/retrieval/index.h"
#include "dataplane/retrieval/stored_reader.h"

namespace sluice::retrieval {

// Documents that have any of the values; several filters must all hold.
struct KeywordFilter {
  std::string field = {};
  std::vector<std::string> any_of = {};
};

struct Query {
  std::string_view text = {};
  std::uint32_t top_k = 10;  // > 0.
  std::vector<KeywordFilter> filter = {};
};

// A document through its best chunk.
struct Hit {
  std::uint32_t document = 0;
  std::uint32_t chunk = 0;
  float score = 0;
};

// A distinct term of a query.
struct QueryTerm {
  std::string term = {};
  std::uint32_t count = 0;   // In the query.
  std::uint32_t chunks = 0;  // That have it.
};

class Searcher {
 public:
  [[nodiscard]] static Result<Searcher> create(const Index& index);

  // The best documents, best first, ties by document number; only such that share a term with the
  // query. kInvalid for a filter on a field that the index does not have. Valid until the next
  // call.
  [[nodiscard]] Result<const std::vector<Hit>*> search(const Query& query);

  // The document of a hit; its text is the best chunk's. Valid until the next call.
  [[nodiscard]] Result<StoredDocument> fetch(const Hit& hit);

  // What the last query was understood as.
  [[nodiscard]] const std::vector<QueryTerm>& terms() const { return terms_; }

 private:
  Searcher(const Index& index, Analyzer analyzer);
  void analyze(std::string_view text);
  [[nodiscard]] Status select(const std::vector<KeywordFilter>& filter);
  void score_bm25(QueryTerm& term);
  void score_tfidf(QueryTerm& term);
  void collect(std::uint32_t top_k);
  void offer(const Hit& hit, std::uint32_t top_k);

  const Index* index_;
  Analyzer analyzer_;
  StoredReader stored_;
  std::vector<QueryTerm> terms_;
  std::vector<float> scores_;         // For each chunk.
  std::vector<std::uint8_t> passes_;  // For each document; empty without a filter.
  std::vector<Hit> hits_;
};

}  // namespace sluice::retrieval
