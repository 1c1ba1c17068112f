// Stop words and synonyms of a model, from the words to the scores; and indexes of the format
// before there were any.

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "base/base64.h"
#include "base/sha256.h"
#include "dataplane/retrieval/builder.h"
#include "dataplane/retrieval/scratch_folder.h"
#include "dataplane/retrieval/searcher.h"

namespace sluice::retrieval {
namespace {

using Texts = std::vector<std::string>;

Texts terms_of(std::string_view text, std::string_view words_json) {
  const Result<WordRules> rules = WordRules::parse(words_json);
  EXPECT_TRUE(rules) << rules.error().message;
  Result<Analyzer> analyzer = Analyzer::create("english", *rules);
  EXPECT_TRUE(analyzer);
  Texts terms;
  analyzer->analyze(text, [&terms](std::string_view term) { terms.emplace_back(term); });
  return terms;
}

TEST(AnalyzerWords, DecideWhichTermsATextBecomes) {
  struct Row {
    const char* words;
    const char* text;
    Texts terms;
  };

  const Row table[] = {
      {"", "The cats of a house", {"cat", "hous"}},
      {"{}", "The cats of a house", {"cat", "hous"}},
      {R"({"stopWords":[]})", "of a house", {"of", "a", "hous"}},
      {R"({"stopWords":["House","caf\u00e9"]})", "the house's CAF\u00c9", {"the"}},
      {R"({"synonyms":[{"from":["k8s","kube"],"to":"kubernetes"}]})",
       "K8s, kube's and Kubernetes",
       {"kubernet", "kubernet", "kubernet"}},
      {R"({"synonyms":[{"from":["js"],"to":"Java scripts"}]})", "js!", {"java", "script"}},
      // The word as written is rewritten, not its stem; and what was put in place is not again.
      {R"({"synonyms":[{"from":["cat"],"to":"dog"},{"from":["dog"],"to":"bird"}]})",
       "cat cats dog",
       {"dog", "cat", "bird"}},
      {R"({"stopWords":["\u6771\u4eac"]})", "\u6771\u4eac\u90fd", {"\u4eac\u90fd"}},
  };
  for (const Row& row : table) {
    EXPECT_EQ(terms_of(row.text, row.words), row.terms) << row.words << " " << row.text;
  }
}

TEST(AnalyzerWords, AreRefusedWithTheWordThatIsWrong) {
  struct Row {
    const char* words;
    const char* message;
  };

  const Row table[] = {
      {"{", ""},
      {R"({"stopwords":[]})", ".stopwords: is not a known field"},
      {R"({"stopWords":["new york"]})", "stopWords[0]: \"new york\" is not one word"},
      {R"({"synonyms":[{"from":["c++"],"to":"cpp"}]})",
       "synonyms[0].from[0]: \"c++\" is not one word"},
      {R"({"synonyms":[{"from":["a1"],"to":"a b c d e"}]})", "is not one to four words"},
      {R"({"synonyms":[{"from":["x","y"],"to":"a"},{"from":["X"],"to":"b"}]})",
       "synonyms[1].from[0]: \"X\" stands in another synonym, too"},
      {R"({"stopWords":["x"],"synonyms":[{"from":["x"],"to":"a"}]})", "is a stop word, too"},
      // These only the engine knows to be wrong.
      {R"({"synonyms":[{"from":["the"],"to":"a"}]})", "\"the\" is a stop word, too"},
      {R"({"stopWords":["\u6771\u4eac\u90fd"]})", "two characters"},
      {R"({"stopWords":["'"]})", "is not one word"},
      {R"({"synonyms":[{"from":["\u00e9"],"to":"a"},{"from":["e\u0301"],"to":"b"}]})",
       "stands for two different things"},
  };
  for (const Row& row : table) {
    const Result<WordRules> rules = WordRules::parse(row.words);
    ASSERT_FALSE(rules) << row.words;
    EXPECT_EQ(rules.error().code, ErrorCode::kInvalid);
    EXPECT_NE(rules.error().message.find(row.message), std::string::npos) << rules.error().message;
  }
  EXPECT_FALSE(WordRules::parse(std::string(api::kAnalyzerBytesMax + 1, ' ')));
}

std::string line(const std::string& id, const std::string& text) {
  return "{\"_id\": \"" + id + "\", \"title\": \"\", \"text\": \"" + text + "\"}\n";
}

std::vector<Hit> search(const Index& index, std::string_view text) {
  Result<Searcher> searcher = Searcher::create(index);
  EXPECT_TRUE(searcher);
  const auto hits = searcher->search({.text = text});
  EXPECT_TRUE(hits);
  return **hits;
}

constexpr const char* kWords =
    R"({"stopWords":["tree"],"synonyms":[{"from":["kitty","puss"],"to":"cat"}]})";

TEST(AnalyzerWords, ScoreAsComputedByHand) {
  const ScratchFolder folder;
  // Without "tree" the lengths are 3, 2, 3 (average 8/3); "cat" in d1 once and in d3 twice.
  const std::string corpus =
      line("d1", "kitty dog bird") + line("d2", "dog fish") + line("d3", "cat puss tree house");
  const auto built = build_index({.corpus_path = folder.write("corpus", corpus),
                                  .out_path = folder.path("index"),
                                  .scoring = {.k1 = 0.9, .b = 0.4},
                                  .analyzer_words = kWords});
  ASSERT_TRUE(built) << built.error().message;
  EXPECT_EQ(built->manifest.analyzer_digest, sha256_of(kWords));
  EXPECT_EQ(built->manifest.tokens, 8U);
  const Result<Index> index = Index::open(folder.path("index"));
  ASSERT_TRUE(index) << index.error().message;
  EXPECT_EQ(index->file().analyzer_words(), kWords);
  const double idf = std::log(1 + (3 - 2 + 0.5) / (2 + 0.5));
  const double norm = 0.9 * (1 - 0.4 + 0.4 * 3 / (8.0 / 3));
  for (const char* query : {"cat", "Kitty", "puss's tree"}) {
    const std::vector<Hit> hits = search(*index, query);
    ASSERT_EQ(hits.size(), 2U) << query;
    EXPECT_EQ(hits[0].document, 2U);
    EXPECT_NEAR(hits[0].score, idf * 2 / (2 + norm), 1e-6);
    EXPECT_NEAR(hits[1].score, idf * 1 / (1 + norm), 1e-6);
  }
  EXPECT_TRUE(search(*index, "tree").empty());
}

TEST(AnalyzerWords, ThatAreWrongFailTheBuild) {
  const ScratchFolder folder;
  const auto built = build_index({.corpus_path = folder.write("corpus", line("a", "b c")),
                                  .out_path = folder.path("index"),
                                  .analyzer_words = R"({"stopWords":["a b"]})"});
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code, ErrorCode::kInvalid);
  EXPECT_NE(built.error().message.find("analyzer: stopWords[0]"), std::string::npos)
      << built.error().message;
}

// An index of format 1, as sluice-worker 0.1.0 built it before there was a format 2, of these
// lines:
//   {"_id": "d1", "title": "", "text": "cat dog bird", "metadata": {"section": "pets"}}
//   {"_id": "d2", "title": "", "text": "dog fish", "metadata": {"section": "pets"}}
//   {"_id": "d3", "title": "", "text": "cat cat tree house", "metadata": {"section": "garden"}}
constexpr const char* kFormat1 =
    "U0xVSUNFSVgBAAAACQAAAIcFAAAAAAAAQiYRCz02SUIHAAAAAAAAAEABAAAAAAAAZQAAAAAAAABd6le6eIvG2AgAAAAA"
    "AAAAwAEAAAAAAAAYAAAAAAAAAKdf5ZNB1WSxAgAAAAAAAAAAAgAAAAAAAH4AAAAAAAAADfhpG2GNb+EDAAAAAAAAAIAC"
    "AAAAAAAAQAAAAAAAAAD0qy2nkquyxwQAAAAAAAAAwAIAAAAAAAAMAAAAAAAAAJbkziQfWiS3BQAAAAAAAAAAAwAAAAAA"
    "ACQAAAAAAAAAQ3FDGPniKkgGAAAAAAAAAEADAAAAAAAAGAAAAAAAAAB00oud+vATFAkAAAAAAAAAgAMAAAAAAABAAAAA"
    "AAAAAIYfU3SXbeHmAQAAAAAAAADAAwAAAAAAAMcBAAAAAAAAvLU+UKlkoCIotS/9IJTlAgBCBBAXgGsbWlFUIlkioaiV"
    "JngOpE6OQR8a0RQv2ao7aZlpCnddH4TipRjBS+5dEknWVqPlbNStBFNT7IMK/T/8Fw4ECgBZMe4GX7B7yngpywKjp9iB"
    "xzDV0xhoAwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAZQAAAJQAAAAAAAAAAwAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAGAAAAFgAAAAAAAAAAAAAAAQAAAAQAAAABAAAAAAAAAAIAAAAHAAAA"
    "AwAAAAAAAAACAAAACgAAAAUAAAAAAAAAAQAAAA4AAAAGAAAAAAAAAAEAAAASAAAABwAAAAAAAAABAAAAFgAAAGJpcmRj"
    "YXRkb2dmaXNoaG91c3RyZWUAAAAAAAABAAAAAAAAAAEAAAACAAAAAgAAAAAAAAABAAAAAQAAAAEAAAABAAAAAQAAAAIA"
    "AAABAAAAAgAAAAEAAAADAAAAAgAAAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAAAAAAAAAAAAAAAAAAAMAAAAAQAAAAAAAAAIAAAAAgAAAAAAAAASAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
    "AAAAAJLjeJmHwPFS60flI4u0AJOEm9hSh8h1ZAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAC"
    "AAAAAwAAAAoAAAAAAAAABgAAAAoAAAABAAAAAgAAAAMAAAABAAAAAQAAAAAAAABnYXJkZW5wZXRzAAAAAAAAeyJmb3Jt"
    "YXQiOjEsImNyZWF0b3IiOiJzbHVpY2Utd29ya2VyIDAuMS4wIiwiYW5hbHl6ZXIiOiJlbmdsaXNoIiwidW5pY29kZSI6"
    "IjE1LjAuMCIsInpzdGQiOiIxLjUuNCIsImRvY3VtZW50c0RpZ2VzdCI6ImFhZDI3ZjU0YTJkODQ4ZDYyNTI1ZTBlNDgx"
    "Nzg4MGIwYzQ2NDAxNGI5NTE3MjE2YzYyYjY5OTdiNThkZGVhMDIiLCJkb2N1bWVudHMiOjMsImNodW5rcyI6MywidGVy"
    "bXMiOjYsInBvc3RpbmdzIjo4LCJ0b2tlbnMiOjksInNraXBwZWRMaW5lcyI6MCwiZmllbGRzIjp7ImlkIjoiX2lkIiwi"
    "dGl0bGUiOiJ0aXRsZSIsInRleHQiOiJ0ZXh0In0sImtleXdvcmRzIjpbInNlY3Rpb24iXSwiY2h1bmtpbmciOnsic3Ry"
    "YXRlZ3kiOiJub25lIiwibWF4VG9rZW5zIjoyNTYsIm92ZXJsYXBUb2tlbnMiOjB9LCJyZXRyaWV2YWwiOnsibW9kZSI6"
    "ImJtMjUiLCJrMSI6MC45LCJiIjowLjQsInRvcEsiOjEwfX0=";

TEST(FormatOne, IsReadAndScoresWhatItAlwaysScored) {
  const ScratchFolder folder;
  const Result<std::string> bytes = base64_decode(kFormat1);
  ASSERT_TRUE(bytes);
  const Result<Index> index = Index::open(folder.write("index", *bytes));
  ASSERT_TRUE(index) << index.error().message;
  EXPECT_EQ(index->manifest().format, 1U);
  EXPECT_EQ(index->manifest().analyzer_digest, "");
  const std::vector<Hit> hits = search(*index, "cat dog");
  ASSERT_EQ(hits.size(), 3U);
  // Bit for bit what that program answered.
  EXPECT_EQ(hits[0].score, 0.49474066F);
  EXPECT_EQ(hits[1].score, 0.3112607F);
  EXPECT_EQ(hits[2].score, 0.264047F);
  EXPECT_EQ(search(*index, "the cats of a house")[0].score, 0.79681975F);
}

TEST(FormatOne, ScoresAsTheSameDocumentsDoNow) {
  const ScratchFolder folder;
  const std::string corpus =
      line("d1", "cat dog bird") + line("d2", "dog fish") + line("d3", "cat cat tree house");
  ASSERT_TRUE(build_index(
      {.corpus_path = folder.write("corpus", corpus), .out_path = folder.path("index")}));
  const Result<Index> now = Index::open(folder.path("index"));
  const Result<Index> then = Index::open(folder.write("old", *base64_decode(kFormat1)));
  ASSERT_TRUE(now);
  ASSERT_TRUE(then);
  EXPECT_EQ(now->manifest().format, kFormatVersion);
  const std::vector<Hit> a = search(*now, "a house for dogs and cats");
  const std::vector<Hit> b = search(*then, "a house for dogs and cats");
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].document, b[i].document);
    EXPECT_EQ(a[i].score, b[i].score);
  }
}

}  // namespace
}  // namespace sluice::retrieval
