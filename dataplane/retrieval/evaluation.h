#pragma once
// Evaluation: an index against queries whose relevant documents are known, query by query, so that
// two indexes can be compared in pairs.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/rankings/rankings.h"
#include "base/result.h"
#include "dataplane/retrieval/index.h"

namespace sluice::retrieval {

struct JudgedQuery {
  std::string id = {};
  std::string text = {};
  std::vector<rankings::Judgement> judged = {};  // Ids are hash_of_id.
};

struct GoldenSet {
  std::vector<JudgedQuery> queries = {};
  std::string digest = {};  // sha256 of the file in hex, for a golden set in one file.
};

// Lines of {"id": "q1", "query": "…", "relevant": {"<document id>": 1, …}}. kInvalid with the
// line's number for the first that is not so: a golden set is small and made by hand or script, and
// a wrong one must not judge.
[[nodiscard]] Result<GoldenSet> read_golden_set(const std::string& path);
// BEIR's layout: queries.jsonl ({"_id", "text"}) and qrels (query id, document id, grade, separated
// by tabs, under a head line). Queries without judgements are left out.
[[nodiscard]] Result<GoldenSet> read_beir(const std::string& queries_path,
                                          const std::string& qrels_path);

struct QueryResult {
  std::string id = {};
  double ndcg = 0;
  double recall = 0;
  double reciprocal_rank = 0;
  double hit = 0;
  double judged = 0;  // The judged part of the first k.
};

struct Evaluation {
  std::uint32_t k = 10;
  std::vector<QueryResult> queries = {};  // In the golden set's order.
  QueryResult mean = {};
  std::uint64_t judgements = 0;
  std::uint64_t unknown_documents = 0;  // Judged, relevant, and not in the index.
  std::string golden_set_digest = {};
};

struct EvaluationOptions {
  std::uint32_t k = 10;
  // Above this part of the relevant documents unknown, the golden set belongs to other documents.
  double unknown_max = 0.1;
  // Asked before each query; true ends the evaluation with kCancelled. May be empty.
  std::function<bool()> should_stop = {};
};

// kInvalid if too many of the relevant documents are not in the index.
[[nodiscard]] Result<Evaluation> evaluate(const Index& index,
                                          const GoldenSet& golden,
                                          const EvaluationOptions& options);

// {"k", "queries": count, "ndcgAt10", "recallAt10", "mrrAt10", "hitRateAt10", "judgedAt10",
// "judgements", "unknownDocuments", "goldenSetDigest", "perQuery": [{"id", "ndcg", "recall",
// "reciprocalRank", "judged"}]}; the names carry k.
[[nodiscard]] std::string to_json(const Evaluation& evaluation);

}  // namespace sluice::retrieval
