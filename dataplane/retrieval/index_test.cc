// From documents to hits: the builder, the index file, the searcher and the evaluation.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/rng.h"
#include "dataplane/retrieval/builder.h"
#include "dataplane/retrieval/evaluation.h"
#include "dataplane/retrieval/scratch_folder.h"
#include "dataplane/retrieval/searcher.h"

namespace sluice::retrieval {
namespace {

std::string line(const std::string& id, const std::string& text, const std::string& section = "") {
  return "{\"_id\": \"" + id + "\", \"title\": \"\", \"text\": \"" + text +
         "\", \"metadata\": {\"section\": \"" + section + "\"}}\n";
}

// Lengths 3, 2, 4 (average 3); "cat" in two of three, twice in d3.
std::string three_documents() {
  return line("d1", "cat dog bird", "pets") + line("d2", "dog fish", "pets") +
         line("d3", "cat cat tree house", "garden");
}

struct Built {
  ScratchFolder folder;
  Result<BuildSummary> summary = fail(ErrorCode::kInternal, "not built");
  std::optional<Index> index;

  explicit Built(const std::string& corpus, BuildOptions options = {}) {
    options.corpus_path = folder.write("corpus", corpus);
    options.out_path = folder.path("index");
    options.format.keywords = {"section"};
    summary = build_index(options);
    if (summary) {
      Result<Index> opened = Index::open(options.out_path);
      EXPECT_TRUE(opened) << opened.error().message;
      if (opened) {
        index.emplace(*std::move(opened));
      }
    }
  }
};

struct Found {
  std::string id;
  float score;
};

std::vector<Found> search(const Index& index, const Query& query) {
  Result<Searcher> searcher = Searcher::create(index);
  EXPECT_TRUE(searcher);
  const auto hits = searcher->search(query);
  EXPECT_TRUE(hits);
  std::vector<Found> found;
  for (const Hit& hit : **hits) {
    const auto document = searcher->fetch(hit);
    EXPECT_TRUE(document);
    found.push_back({std::string(document->id), hit.score});
  }
  return found;
}

std::vector<std::string> ids(const std::vector<Found>& found) {
  std::vector<std::string> names;
  for (const Found& f : found) {
    names.push_back(f.id);
  }
  return names;
}

using Ids = std::vector<std::string>;

TEST(Searcher, ScoresBm25AsComputedByHand) {
  const Built built(three_documents(), {.scoring = {.k1 = 0.9, .b = 0.4}});
  ASSERT_TRUE(built.index);
  const double idf = std::log(1 + (3 - 2 + 0.5) / (2 + 0.5));  // In two of three.
  const double norm_d1 = 0.9 * (1 - 0.4 + 0.4 * 3 / 3.0);
  const double norm_d3 = 0.9 * (1 - 0.4 + 0.4 * 4 / 3.0);
  const std::vector<Found> once = search(*built.index, {.text = "cats"});
  ASSERT_EQ(ids(once), (Ids{"d3", "d1"}));
  EXPECT_NEAR(once[0].score, idf * 2 / (2 + norm_d3), 1e-6);
  EXPECT_NEAR(once[1].score, idf * 1 / (1 + norm_d1), 1e-6);
  const std::vector<Found> twice = search(*built.index, {.text = "cat the cats"});
  EXPECT_NEAR(twice[0].score, 2 * once[0].score, 1e-6);  // Repeated terms count.
}

TEST(Searcher, ScoresTfidfCosineAsComputedByHand) {
  const Built built(three_documents(), {.scoring = {.mode = RetrievalMode::kTfidf}});
  ASSERT_TRUE(built.index);
  const double in_one = std::log(3.0 / 1) + 1;
  const double in_two = std::log(3.0 / 2) + 1;
  const double cat_d3 = (1 + std::log(2.0)) * in_two;
  const double length_d3 = std::sqrt(cat_d3 * cat_d3 + 2 * in_one * in_one);
  const double length_d1 = std::sqrt(2 * in_two * in_two + in_one * in_one);
  const std::vector<Found> found = search(*built.index, {.text = "cat"});
  ASSERT_EQ(ids(found), (Ids{"d3", "d1"}));
  EXPECT_NEAR(found[0].score, in_two * cat_d3 / length_d3, 1e-6);
  EXPECT_NEAR(found[1].score, in_two * in_two / length_d1, 1e-6);
}

TEST(Searcher, BreaksTiesByDocumentAndCutsAtTopK) {
  std::string corpus;
  for (int i = 0; i < 200; ++i) {
    corpus += line("d" + std::to_string(i), "same words here");
  }
  const Built built(corpus);
  EXPECT_EQ(ids(search(*built.index, {.text = "words", .top_k = 3})), (Ids{"d0", "d1", "d2"}));
  EXPECT_EQ(search(*built.index, {.text = "words", .top_k = 1000}).size(), 200U);
}

TEST(Searcher, FindsNothingWithoutASharedTerm) {
  const Built built(three_documents());
  EXPECT_TRUE(search(*built.index, {.text = "zebra"}).empty());
  EXPECT_TRUE(search(*built.index, {.text = "the of"}).empty());
  EXPECT_TRUE(search(*built.index, {.text = ""}).empty());
}

TEST(Searcher, FiltersBeforeTheTopK) {
  const Built built(three_documents());
  const auto with = [&](std::vector<std::string> values) {
    return ids(search(*built.index,
                      {.text = "cat", .top_k = 1, .filter = {{"section", std::move(values)}}}));
  };
  EXPECT_EQ(with({"pets"}), Ids{"d1"});
  EXPECT_EQ(with({"pets", "garden"}), Ids{"d3"});
  EXPECT_EQ(with({"nowhere"}), Ids{});
  Result<Searcher> searcher = Searcher::create(*built.index);
  const auto refused = searcher->search({.text = "cat", .filter = {{"colour", {"red"}}}});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("it has section"), std::string::npos);
}

// Against a plain sort of all scores, for random documents.
TEST(Searcher, AgreesWithAFullSort) {
  Rng rng(5);
  std::string corpus;
  for (int i = 0; i < 500; ++i) {
    std::string text;
    for (std::uint64_t w = 1 + rng.below(20); w > 0; --w) {
      text += "w" + std::to_string(rng.below(30)) + " ";
    }
    corpus += line("d" + std::to_string(i), text);
  }
  const Built built(corpus);
  for (int round = 0; round < 50; ++round) {
    const std::string text = "w" + std::to_string(rng.below(30)) + " w" +
                             std::to_string(rng.below(30)) + " w" + std::to_string(rng.below(30));
    const std::vector<Found> all = search(*built.index, {.text = text, .top_k = 1000});
    EXPECT_TRUE(std::is_sorted(
        all.begin(), all.end(), [](const Found& a, const Found& b) { return a.score > b.score; }));
    std::vector<Found> some = search(*built.index, {.text = text, .top_k = 7});
    const std::vector<Found> best(all.begin(),
                                  all.begin() + std::min<std::ptrdiff_t>(7, std::ssize(all)));
    EXPECT_EQ(ids(some), ids(best));
  }
}

TEST(Searcher, ReturnsADocumentOnceThroughItsBestChunk) {
  const Built built(
      line("long", "apple banana. Cherry date. Apple apple.") + line("short", "banana split"),
      {.chunking = {ChunkStrategy::kSentence, 2, 0}});
  ASSERT_TRUE(built.index);
  EXPECT_EQ(built.summary->manifest.chunks, 4U);
  Result<Searcher> searcher = Searcher::create(*built.index);
  const auto hits = searcher->search({.text = "apple banana", .top_k = 10});
  ASSERT_TRUE(hits);
  ASSERT_EQ((*hits)->size(), 2U);
  const auto best = searcher->fetch((*hits)->front());
  EXPECT_EQ(best->id, "long");
  EXPECT_EQ(best->text, "apple banana.");
  EXPECT_EQ(ids(search(*built.index, {.text = "cherry"})), Ids{"long"});
}

TEST(Builder, GivesTheSameBytesForTheSameDocuments) {
  const Built one(three_documents());
  const Built two(three_documents());
  EXPECT_EQ(one.folder.read("index"), two.folder.read("index"));
  EXPECT_NE(one.folder.read("index"),
            Built(three_documents() + line("d4", "x")).folder.read("index"));
}

TEST(Builder, GivesTheSameBytesWhenItHasToSpill) {
  Rng rng(9);
  std::string corpus;
  for (int i = 0; i < 300; ++i) {
    corpus += line("d" + std::to_string(i),
                   "a" + std::to_string(rng.below(50)) + " b" + std::to_string(rng.below(50)));
  }
  const Built whole(corpus);
  const Built spilled(corpus, {.postings_memory_bytes = 500});
  ASSERT_TRUE(spilled.index);
  EXPECT_EQ(whole.folder.read("index"), spilled.folder.read("index"));
  EXPECT_EQ(spilled.folder.files(), 2U);  // The corpus and the index.
}

TEST(Builder, SkipsBadLinesUpToTheLimitAndSaysWhich) {
  const std::string corpus = line("d1", "one") + "nonsense\n\n" + line("d1", "again") +
                             line("d2", "two") + "{\"_id\": \"\xFF\"}\n";
  const Built built(corpus);
  ASSERT_TRUE(built.summary) << built.summary.error().message;
  EXPECT_EQ(built.summary->manifest.documents, 2U);
  EXPECT_EQ(built.summary->bad_lines, 4U);
  EXPECT_EQ(built.summary->duplicates, 1U);
  EXPECT_EQ(built.summary->manifest.skipped_lines, 4U);
  ASSERT_EQ(built.summary->first_bad_lines.size(), 4U);
  EXPECT_EQ(built.summary->first_bad_lines[0].number, 2U);
  EXPECT_EQ(built.summary->first_bad_lines[3].reason, "not UTF-8");
  EXPECT_EQ(ids(search(*built.index, {.text = "one again"})), Ids{"d1"});  // The first one counts.
}

TEST(Builder, FailsWithoutAFileWhenTheDocumentsAreWrong) {
  std::string bad;
  for (int i = 0; i < 11; ++i) {
    bad += "nonsense\n";
  }
  const Built too_many(line("d1", "one") + bad);
  ASSERT_FALSE(too_many.summary);
  EXPECT_EQ(too_many.summary.error().code, ErrorCode::kInvalid);
  const std::string& message = too_many.summary.error().message;
  EXPECT_NE(message.find("11 of 12 lines are bad, 10 allowed"), std::string::npos) << message;
  EXPECT_NE(message.find("line 2: not well-formed JSON"), std::string::npos) << message;
  EXPECT_EQ(too_many.folder.files(), 1U);
  const Built none("");
  ASSERT_FALSE(none.summary);
  EXPECT_NE(none.summary.error().message.find("no usable document"), std::string::npos);
  EXPECT_FALSE(Built(line("d1", "one") + "x\n", {.bad_lines_max = 0}).summary);
}

TEST(Builder, RefusesWrongOptionsAndPlaces) {
  const ScratchFolder folder;
  const std::string corpus = folder.write("corpus", three_documents());
  const std::string out = folder.path("index");
  const std::vector<BuildOptions> wrong = {
      {.corpus_path = corpus, .out_path = out, .scoring = {.b = 1.5}},
      {.corpus_path = corpus, .out_path = out, .scoring = {.k1 = std::nan("")}},
      {.corpus_path = corpus, .out_path = out, .chunking = {ChunkStrategy::kFixed, 0, 0}},
      {.corpus_path = corpus, .out_path = out, .chunking = {ChunkStrategy::kFixed, 5, 5}},
      {.corpus_path = corpus, .out_path = out, .analyzer = "klingon"},
      {.corpus_path = folder.path("absent"), .out_path = out},
      {.corpus_path = corpus, .out_path = folder.path("no/such/folder/index")},
  };
  for (const BuildOptions& options : wrong) {
    EXPECT_FALSE(build_index(options));
  }
  EXPECT_EQ(folder.files(), 1U);
}

TEST(Evaluation, MeasuresAndCountsUnknownDocuments) {
  const Built built(three_documents());
  ASSERT_TRUE(built.index);
  const std::string golden_lines =
      "{\"id\": \"q1\", \"query\": \"cat\", \"relevant\": {\"d1\": 1}}\n"
      "{\"id\": \"q2\", \"query\": \"fish\", \"relevant\": {\"d2\": 1}}\n"
      "{\"id\": \"q3\", \"query\": \"zebra\", \"relevant\": {\"d3\": 1}}\n";
  const auto golden = read_golden_set(built.folder.write("golden", golden_lines));
  ASSERT_TRUE(golden);
  const auto measured = evaluate(*built.index, *golden, {.k = 10});
  ASSERT_TRUE(measured) << measured.error().message;
  EXPECT_NEAR(measured->queries[0].ndcg, 1 / std::log2(3.0), 1e-12);
  EXPECT_EQ(measured->queries[1].ndcg, 1.0);
  EXPECT_EQ(measured->queries[2].ndcg, 0.0);
  EXPECT_NEAR(measured->mean.ndcg, (1 / std::log2(3.0) + 1) / 3, 1e-12);
  EXPECT_NEAR(measured->mean.reciprocal_rank, 0.5, 1e-12);
  EXPECT_EQ(measured->queries[0].judged, 0.5);
  EXPECT_NE(to_json(*measured).find("\"ndcgAt10\":0.54"), std::string::npos) << to_json(*measured);

  const std::string with_unknown =
      golden_lines + "{\"id\": \"q4\", \"query\": \"dog\", \"relevant\": {\"gone\": 1}}\n";
  const auto larger = read_golden_set(built.folder.write("golden", with_unknown));
  const auto refused = evaluate(*built.index, *larger, {.k = 10});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("1 of 4 relevant ones"), std::string::npos);
  const auto allowed = evaluate(*built.index, *larger, {.k = 10, .unknown_max = 0.25});
  ASSERT_TRUE(allowed);
  EXPECT_EQ(allowed->unknown_documents, 1U);
}

}  // namespace
}  // namespace sluice::retrieval
