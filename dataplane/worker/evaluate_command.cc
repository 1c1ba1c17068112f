// sluice-worker evaluate: how good an index is, on queries with known answers.

#include <cstdio>

#include "dataplane/retrieval/evaluation.h"
#include "dataplane/retrieval/index.h"
#include "dataplane/worker/commands.h"

namespace sluice::worker {
namespace {

constexpr std::int64_t kDepthMax = 1000;

struct Options {
  std::string index;
  std::string queries;
  std::string qrels;
  std::string golden;
  std::int64_t k = 10;
  bool json = false;
};

void print_table(const retrieval::Evaluation& evaluation) {
  const auto row = [&evaluation](const char* name, double value) {
    std::printf("%s@%-6u %.4f\n", name, evaluation.k, value);
  };
  std::printf("queries       %zu\n", evaluation.queries.size());
  row("nDCG   ", evaluation.mean.ndcg);
  row("recall ", evaluation.mean.recall);
  row("MRR    ", evaluation.mean.reciprocal_rank);
  row("hit    ", evaluation.mean.hit);
  row("judged ", evaluation.mean.judged);
  if (evaluation.unknown_documents > 0) {
    std::printf("%llu of %llu relevant documents are not in the index\n",
                static_cast<unsigned long long>(evaluation.unknown_documents),
                static_cast<unsigned long long>(evaluation.judgements));
  }
}

Outcome<retrieval::Evaluation> run(const Options& options) {
  const Result<retrieval::Index> index = retrieval::Index::open(options.index);
  if (!index) {
    return failed(ExitCode::kArtifact, index.error().message);
  }
  const Result<retrieval::GoldenSet> golden =
      options.golden.empty() ? retrieval::read_beir(options.queries, options.qrels)
                             : retrieval::read_golden_set(options.golden);
  if (!golden) {
    return failed(ExitCode::kGoldenSet, golden.error().message);
  }
  Result<retrieval::Evaluation> evaluation =
      retrieval::evaluate(*index, *golden, {.k = static_cast<std::uint32_t>(options.k)});
  if (!evaluation) {
    return failed(ExitCode::kGoldenSet, evaluation.error().message);
  }
  return *std::move(evaluation);
}

}  // namespace

int run_evaluate(const Arguments& arguments) {
  Options options;
  Flags flags("sluice-worker evaluate",
              "Measures an index on judged queries: nDCG@k, recall@k, MRR@k by trec_eval's "
              "definitions.");
  flags.text("index", options.index, "FILE", "The index.");
  flags.text("queries", options.queries, "FILE", "BEIR's queries.jsonl.");
  flags.text("qrels", options.qrels, "FILE", "BEIR's qrels, tab-separated.");
  flags.text("golden", options.golden, "FILE", "Our golden set in place of the two.");
  flags.integer("k", options.k, "How many hits of each query count.");
  flags.toggle("json", options.json, "JSON with the results query by query, in place of a table.");
  if (const std::optional<int> code = parse_flags(flags, arguments)) {
    return *code;
  }
  const bool has_queries = options.golden.empty()
                               ? !options.queries.empty() && !options.qrels.empty()
                               : options.queries.empty() && options.qrels.empty();
  if (options.index.empty() || !has_queries || options.k < 1 || options.k > kDepthMax) {
    return report({ExitCode::kUsage,
                   "evaluate needs --index, either --queries and --qrels or --golden, and --k "
                   "from 1 to 1000"},
                  kTerminationLog);
  }
  const Outcome<retrieval::Evaluation> evaluation = run(options);
  if (!evaluation) {
    return report(evaluation.error(), kTerminationLog);
  }
  if (options.json) {
    std::printf("%s\n", retrieval::to_json(*evaluation).c_str());
  } else {
    print_table(*evaluation);
  }
  return static_cast<int>(ExitCode::kDone);
}

}  // namespace sluice::worker
