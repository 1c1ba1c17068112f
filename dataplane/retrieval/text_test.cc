// Words, analyzer and chunker: what a text becomes.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/rng.h"
#include "dataplane/retrieval/analyzer.h"
#include "dataplane/retrieval/chunker.h"
#include "dataplane/retrieval/utf8.h"
#include "dataplane/retrieval/words.h"

namespace sluice::retrieval {
namespace {

using Texts = std::vector<std::string>;

Texts words_of(std::string_view text) {
  Texts words;
  WordReader reader(text);
  while (const auto word = reader.next()) {
    words.emplace_back(text.substr(word->begin, word->end - word->begin));
  }
  return words;
}

Texts terms_of(std::string_view text, std::string_view analyzer_name = "english") {
  Result<Analyzer> analyzer = Analyzer::create(analyzer_name);
  EXPECT_TRUE(analyzer);
  Texts terms;
  analyzer->analyze(text, [&terms](std::string_view term) { terms.emplace_back(term); });
  return terms;
}

TEST(Utf8, AcceptsOnlyWellFormedText) {
  for (const std::string_view good :
       {"", "plain ascii text, long enough for whole words", "é", "\xF0\x9F\x98\x80", "a\0b"}) {
    EXPECT_TRUE(is_utf8(good)) << good;
  }
  for (const std::string_view bad : {"\x80",
                                     "\xC0\xAF",
                                     "\xE0\x80\x80",
                                     "\xED\xA0\x80",
                                     "\xF4\x90\x80\x80",
                                     "abcdefgh\xC3",
                                     "\xFF",
                                     "ok \xE2\x82"}) {
    EXPECT_FALSE(is_utf8(bad));
  }
}

TEST(WordReader, FindsLettersDigitsAndMarks) {
  EXPECT_EQ(words_of("x86-64, C++ and GTK+ 3.0"),
            (Texts{"x86", "64", "C", "and", "GTK", "3", "0"}));
  EXPECT_EQ(words_of("naïve Größe Привет مرحبا"), (Texts{"naïve", "Größe", "Привет", "مرحبا"}));
  EXPECT_EQ(words_of("e\xCC\x81t\xC3\xA9"), (Texts{"e\xCC\x81t\xC3\xA9"}));  // Decomposed é.
  EXPECT_EQ(words_of(""), Texts{});
  EXPECT_EQ(words_of(" .,;-' "), Texts{});
}

TEST(WordReader, KeepsApostrophesBetweenLettersOnly) {
  EXPECT_EQ(words_of("don't 'quoted' dogs' rock'n'roll 90's"),
            (Texts{"don't", "quoted", "dogs", "rock'n'roll", "90", "s"}));
  EXPECT_EQ(words_of("cat\u2019s"), Texts{"cat\u2019s"});
}

TEST(WordReader, PairsScriptsWithoutSpaces) {
  EXPECT_EQ(words_of("東京都"), (Texts{"東京", "京都"}));
  EXPECT_EQ(words_of("猫"), Texts{"猫"});
  EXPECT_EQ(words_of("abc東京 def"), (Texts{"abc", "東京", "def"}));
  EXPECT_EQ(words_of("カタカナ"), (Texts{"カタ", "タカ", "カナ"}));
  EXPECT_EQ(words_of("東京、大阪"), (Texts{"東京", "大阪"}));
}

TEST(WordReader, TakesWrongBytesAsSeparators) {
  EXPECT_EQ(words_of("ab\xFF\xFE cd\xC3"), (Texts{"ab", "cd"}));
}

TEST(Analyzer, FoldsStripsStopsAndStems) {
  EXPECT_EQ(terms_of("The Dog's running, and the CATS ran!"), (Texts{"dog", "run", "cat", "ran"}));
  EXPECT_EQ(terms_of("relational conditional ponies"), (Texts{"relat", "condit", "poni"}));
  EXPECT_EQ(terms_of("it is of the"), Texts{});
  EXPECT_EQ(terms_of("women\u2019s"), Texts{"women"});
  EXPECT_EQ(terms_of("ÉCOLE e\xCC\x81"
                     "cole"),
            (Texts{"école", "école"}));  // One spelling.
  EXPECT_EQ(terms_of("The Dogs", "simple"), (Texts{"the", "dogs"}));
}

TEST(Analyzer, RefusesAnUnknownName) {
  EXPECT_EQ(Analyzer::create("klingon").error().code, ErrorCode::kInvalid);
}

TEST(Analyzer, CutsWhatIsNoWord) {
  const Texts terms = terms_of(std::string(100'000, 'x'), "simple");
  ASSERT_EQ(terms.size(), 1U);
  EXPECT_LE(terms.front().size(), 128U);
}

Texts chunks_of(std::string_view text, const ChunkingOptions& options) {
  Texts chunks;
  for (const ChunkRange& range : chunk(text, options)) {
    chunks.emplace_back(text.substr(range.begin, range.end - range.begin));
  }
  return chunks;
}

TEST(Chunker, NoneGivesTheWholeText) {
  EXPECT_EQ(chunks_of("one two. three", {.strategy = ChunkStrategy::kNone}),
            Texts{"one two. three"});
  EXPECT_EQ(chunks_of("", {.strategy = ChunkStrategy::kNone}), Texts{""});
}

TEST(Chunker, FixedGivesWindowsWithOverlap) {
  const ChunkingOptions options{ChunkStrategy::kFixed, 3, 1};
  EXPECT_EQ(chunks_of("a b c d e f g", options), (Texts{"a b c", "c d e", "e f g"}));
  EXPECT_EQ(chunks_of("a b", options), Texts{"a b"});
  EXPECT_EQ(chunks_of("", options), Texts{""});
  EXPECT_EQ(chunks_of("a b c d", {ChunkStrategy::kFixed, 2, 0}), (Texts{"a b", "c d"}));
}

TEST(Chunker, SentencePacksWholeSentences) {
  const std::string_view text = "One two. Three four five! Six? Seven eight.";
  EXPECT_EQ(chunks_of(text, {ChunkStrategy::kSentence, 5, 0}),
            (Texts{"One two. Three four five!", "Six? Seven eight."}));
  EXPECT_EQ(chunks_of(text, {ChunkStrategy::kSentence, 5, 3}),
            (Texts{"One two. Three four five!", "Three four five! Six?", "Six? Seven eight."}));
}

TEST(Chunker, SentenceDoesNotEndAtInitialsAndAbbreviations) {
  EXPECT_EQ(chunks_of("J. R. Smith uses e.g. this. Then he left 3.5 m.",
                      {ChunkStrategy::kSentence, 8, 0}),
            (Texts{"J. R. Smith uses e.g. this.", "Then he left 3.5 m."}));
  EXPECT_EQ(chunks_of("これは文。次の文。", {ChunkStrategy::kSentence, 4, 0}),
            (Texts{"これは文。", "次の文。"}));
}

TEST(Chunker, ParagraphSplitsAtBlankLines) {
  EXPECT_EQ(chunks_of("one two\nthree\n\nfour five\n \nsix", {ChunkStrategy::kParagraph, 4, 0}),
            (Texts{"one two\nthree", "four five\n \nsix"}));
}

TEST(Chunker, CutsALongUnitBetweenWords) {
  EXPECT_EQ(chunks_of("aa bb cc dd ee. Ff gg.", {ChunkStrategy::kSentence, 3, 0}),
            (Texts{"aa bb cc", "dd ee.", "Ff gg."}));
}

// Whatever the text and the options: chunks ascend, none has too many words, every word is in one.
TEST(Chunker, CoversEveryWordOfAnyText) {
  Rng rng(11);
  const std::string alphabet = "abC .!?\n\n'  -";
  for (int round = 0; round < 300; ++round) {
    std::string text;
    for (std::uint64_t i = rng.below(200); i > 0; --i) {
      text.push_back(alphabet[rng.below(alphabet.size())]);
    }
    const auto max_tokens = static_cast<std::uint32_t>(1 + rng.below(6));
    const auto strategy = static_cast<ChunkStrategy>(1 + rng.below(3));
    const ChunkingOptions options{
        strategy, max_tokens, static_cast<std::uint32_t>(rng.below(max_tokens))};
    const std::vector<ChunkRange> ranges = chunk(text, options);
    ASSERT_FALSE(ranges.empty());
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      const std::string_view part =
          std::string_view(text).substr(ranges[i].begin, ranges[i].end - ranges[i].begin);
      EXPECT_LE(words_of(part).size(), max_tokens) << part;
      EXPECT_TRUE(i == 0 || ranges[i - 1].begin < ranges[i].begin);
    }
    WordReader reader(text);
    while (const auto word = reader.next()) {
      bool is_covered = false;
      for (const ChunkRange& range : ranges) {
        is_covered = is_covered || (range.begin <= word->begin && word->end <= range.end);
      }
      EXPECT_TRUE(is_covered) << text;
    }
  }
}

}  // namespace
}  // namespace sluice::retrieval
