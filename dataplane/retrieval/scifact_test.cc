// The engine against published figures: SciFact (BEIR), when its files lie beside the repository.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "dataplane/retrieval/builder.h"
#include "dataplane/retrieval/evaluation.h"

namespace sluice::retrieval {
namespace {

constexpr const char* kFolder = "../shared/data/scifact";

struct Case {
  ScoringOptions scoring;
  double ndcg;
  double recall_at_100;
};

class Scifact : public testing::TestWithParam<Case> {};

TEST_P(Scifact, ReachesThePublishedFigures) {
  const std::filesystem::path folder = kFolder;
  if (!std::filesystem::exists(folder)) {
    std::cerr << "NOT THERE: " << kFolder << ", so the published figures are not checked\n";
    GTEST_SKIP() << kFolder << " is not there";
  }
  const std::filesystem::path out =
      std::filesystem::temp_directory_path() / ("scifact_" + std::to_string(::getpid()) + ".idx");
  const Result<BuildSummary> built =
      build_index({.corpus_path = (folder / "corpus.jsonl.gz").string(),
                   .out_path = out.string(),
                   .scoring = GetParam().scoring});
  ASSERT_TRUE(built) << built.error().describe();
  EXPECT_EQ(built->manifest.documents, 5183U);
  const Result<Index> index = Index::open(out.string());
  std::filesystem::remove(out);
  ASSERT_TRUE(index) << index.error().describe();
  const Result<GoldenSet> golden =
      read_beir((folder / "queries.jsonl").string(), (folder / "qrels" / "test.tsv").string());
  ASSERT_TRUE(golden) << golden.error().describe();
  ASSERT_EQ(golden->queries.size(), 300U);
  const Result<Evaluation> at_10 = evaluate(*index, *golden, {.k = 10});
  ASSERT_TRUE(at_10) << at_10.error().describe();
  EXPECT_NEAR(at_10->mean.ndcg, GetParam().ndcg, 0.002);
  const Result<Evaluation> at_100 = evaluate(*index, *golden, {.k = 100});
  ASSERT_TRUE(at_100) << at_100.error().describe();
  EXPECT_NEAR(at_100->mean.recall, GetParam().recall_at_100, 0.004);
}

INSTANTIATE_TEST_SUITE_P(
    Figures,
    Scifact,
    testing::Values(Case{{.mode = RetrievalMode::kBm25, .k1 = 0.9, .b = 0.4}, 0.678, 0.925},
                    Case{{.mode = RetrievalMode::kBm25, .k1 = 1.5, .b = 0.75}, 0.688, 0.928},
                    Case{{.mode = RetrievalMode::kTfidf}, 0.660, 0.927}));

}  // namespace
}  // namespace sluice::retrieval
