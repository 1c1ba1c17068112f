#include "dataplane/retrieval/evaluation.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "base/check.h"
#include "dataplane/retrieval/searcher.h"

namespace sluice::retrieval {
namespace {

using Json = nlohmann::ordered_json;

// How many relevant documents the golden set names, and how many the index does not have.
struct Known {
  std::uint64_t relevant = 0;
  std::uint64_t unknown = 0;
};

Known count_known(const Index& index, const GoldenSet& golden) {
  const auto ids = index.file().document_ids();
  const std::unordered_set<std::uint64_t> documents(ids.begin(), ids.end());
  Known known;
  for (const JudgedQuery& query : golden.queries) {
    for (const rankings::Judgement& judgement : query.judged) {
      if (judgement.gain > 0) {
        ++known.relevant;
        known.unknown += documents.contains(judgement.id) ? 0U : 1U;
      }
    }
  }
  return known;
}

QueryResult measure(const JudgedQuery& query,
                    const std::vector<rankings::Id>& ranking,
                    std::uint32_t k) {
  const rankings::Judgements judged(query.judged);
  return {.id = query.id,
          .ndcg = rankings::ndcg_at(ranking, judged, k),
          .recall = rankings::recall_at(ranking, judged, k),
          .reciprocal_rank = rankings::reciprocal_rank_at(ranking, judged, k),
          .hit = rankings::hit_at(ranking, judged, k),
          .judged = rankings::judged_at(ranking, judged, k)};
}

QueryResult mean_of(const std::vector<QueryResult>& results) {
  QueryResult mean;
  for (const QueryResult& result : results) {
    mean.ndcg += result.ndcg;
    mean.recall += result.recall;
    mean.reciprocal_rank += result.reciprocal_rank;
    mean.hit += result.hit;
    mean.judged += result.judged;
  }
  const auto count = static_cast<double>(results.size());
  for (double* value : {&mean.ndcg, &mean.recall, &mean.reciprocal_rank, &mean.hit, &mean.judged}) {
    *value /= count;
  }
  return mean;
}

}  // namespace

Result<Evaluation> evaluate(const Index& index,
                            const GoldenSet& golden,
                            const EvaluationOptions& options) {
  CHECK(options.k > 0);
  CHECK(!golden.queries.empty());
  const Known known = count_known(index, golden);
  const double allowed = options.unknown_max * static_cast<double>(known.relevant);
  if (known.unknown == known.relevant || static_cast<double>(known.unknown) > allowed) {
    return fail(ErrorCode::kInvalid,
                "the golden set names documents that are not in the index: " +
                    std::to_string(known.unknown) + " of " + std::to_string(known.relevant) +
                    " relevant ones");
  }
  Result<Searcher> searcher = Searcher::create(index);
  if (!searcher) {
    return fail(searcher.error());
  }
  Evaluation evaluation{.k = options.k,
                        .judgements = known.relevant,
                        .unknown_documents = known.unknown,
                        .golden_set_digest = golden.digest};
  std::vector<rankings::Id> ranking;
  for (const JudgedQuery& query : golden.queries) {
    if (options.should_stop && options.should_stop()) {
      return fail(ErrorCode::kCancelled, "the evaluation was stopped");
    }
    const Result<const std::vector<Hit>*> hits =
        searcher->search({.text = query.text, .top_k = options.k});
    if (!hits) {
      return fail(hits.error());
    }
    ranking.clear();
    for (const Hit& hit : **hits) {
      ranking.push_back(index.file().document_ids()[hit.document]);
    }
    evaluation.queries.push_back(measure(query, ranking, options.k));
  }
  evaluation.mean = mean_of(evaluation.queries);
  return evaluation;
}

std::string to_json(const Evaluation& evaluation) {
  const std::string at = "At" + std::to_string(evaluation.k);
  Json per_query = Json::array();
  for (const QueryResult& result : evaluation.queries) {
    per_query.push_back({{"id", result.id},
                         {"ndcg", result.ndcg},
                         {"recall", result.recall},
                         {"reciprocalRank", result.reciprocal_rank},
                         {"judged", result.judged}});
  }
  const QueryResult& mean = evaluation.mean;
  const Json json = {{"k", evaluation.k},
                     {"queries", evaluation.queries.size()},
                     {"ndcg" + at, mean.ndcg},
                     {"recall" + at, mean.recall},
                     {"mrr" + at, mean.reciprocal_rank},
                     {"hitRate" + at, mean.hit},
                     {"judged" + at, mean.judged},
                     {"judgements", evaluation.judgements},
                     {"unknownDocuments", evaluation.unknown_documents},
                     {"goldenSetDigest", evaluation.golden_set_digest},
                     {"perQuery", std::move(per_query)}};
  return json.dump();
}

}  // namespace sluice::retrieval
