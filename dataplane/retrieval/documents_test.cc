// Lines, documents and golden sets: what comes in from outside.

#include <gtest/gtest.h>
#include <zlib.h>

#include <string>
#include <vector>

#include "dataplane/retrieval/digest.h"
#include "dataplane/retrieval/document.h"
#include "dataplane/retrieval/evaluation.h"
#include "dataplane/retrieval/line_reader.h"
#include "dataplane/retrieval/scratch_folder.h"

namespace sluice::retrieval {
namespace {

std::string gzipped(const std::string& text) {
  const ScratchFolder folder;
  const std::string path = folder.path("x.gz");
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, text.data(), static_cast<unsigned>(text.size()));
  gzclose(file);
  return folder.read("x.gz");
}

struct Read {
  std::vector<std::string> lines;
  std::vector<std::uint64_t> too_long;
  Status status;
  std::string digest;
};

Read read_all(const std::string& path, std::size_t line_bytes_max = 1000) {
  Read read;
  Result<LineReader> reader = LineReader::open(path, line_bytes_max);
  if (!reader) {
    read.status = fail(reader.error());
    return read;
  }
  for (;;) {
    const Result<std::optional<Line>> line = reader->next();
    if (!line) {
      read.status = fail(line.error());
      return read;
    }
    if (!*line) {
      read.digest = reader->digest();
      return read;
    }
    if ((*line)->is_too_long) {
      read.too_long.push_back((*line)->number);
    }
    read.lines.emplace_back((*line)->text);
  }
}

TEST(LineReader, ReadsPlainAndGzipAlike) {
  const ScratchFolder folder;
  const std::string text = "\xEF\xBB\xBFone\r\n\ntwo\nlast without break";
  const std::vector<std::string> lines = {"one", "", "two", "last without break"};
  EXPECT_EQ(read_all(folder.write("plain", text)).lines, lines);
  EXPECT_EQ(read_all(folder.write("gz", gzipped(text))).lines, lines);
  const std::string two_members = gzipped("one\n\ntwo") + gzipped("\nlast without break");
  EXPECT_EQ(read_all(folder.write("gz2", two_members)).lines, lines);
  EXPECT_TRUE(read_all(folder.write("empty", "")).lines.empty());
}

TEST(LineReader, DigestsTheStoredBytes) {
  const ScratchFolder folder;
  EXPECT_EQ(read_all(folder.write("abc", "abc")).digest,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const std::string path = folder.write("gz", gzipped("abc"));
  EXPECT_EQ(read_all(path).digest, *digest_of_file(path));
}

TEST(LineReader, SkipsALineThatIsTooLongInBoundedMemory) {
  const ScratchFolder folder;
  const std::string text = "ok\n" + std::string(3'000'000, 'x') + "\nfine\n" + std::string(11, 'y');
  for (const std::string& stored : {text, gzipped(text)}) {
    const Read read = read_all(folder.write("long", stored), 10);
    EXPECT_TRUE(read.status);
    EXPECT_EQ(read.lines, (std::vector<std::string>{"ok", "", "fine", ""}));
    EXPECT_EQ(read.too_long, (std::vector<std::uint64_t>{2, 4}));
  }
}

TEST(LineReader, SaysWhatIsWrongWithAFile) {
  const ScratchFolder folder;
  EXPECT_EQ(read_all(folder.path("absent")).status.error().code, ErrorCode::kNotFound);
  const std::string whole = gzipped(std::string(100'000, 'a') + "\nb");
  EXPECT_EQ(read_all(folder.write("cut", whole.substr(0, whole.size() - 9))).status.error().code,
            ErrorCode::kInvalid);
  std::string damaged = whole;
  damaged[damaged.size() - 6] = static_cast<char>(damaged[damaged.size() - 6] ^ 1);
  EXPECT_EQ(read_all(folder.write("damaged", damaged), 1'000'000).status.error().code,
            ErrorCode::kInvalid);
  EXPECT_EQ(LineReader::open("/tmp", 10).error().code, ErrorCode::kInvalid);
}

TEST(LineReader, NoticesAFileThatGrowsWhileItIsRead) {
  const ScratchFolder folder;
  const std::string path = folder.write("growing", std::string(400'000, 'a') + "\nb\n");
  Result<LineReader> reader = LineReader::open(path, 1'000'000);
  ASSERT_TRUE(reader);
  ASSERT_TRUE(reader->next());
  std::ofstream(path, std::ios::app) << "more\n";
  Status status;
  for (Result<std::optional<Line>> line = reader->next(); status; line = reader->next()) {
    if (!line) {
      status = fail(line.error());
    } else if (!*line) {
      break;
    }
  }
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kConflict);
}

TEST(Document, ReadsTheNamedFields) {
  const DocumentFormat format{.fields = {.id = "key", .title = "", .text = "body.main"},
                              .keywords = {"section", "tags", "year"}};
  const auto document = parse_document(
      R"({"key": 7, "title": "no", "body": {"main": "yes"}, "year": 1999,
          "metadata": {"section": "net", "tags": ["b", "a", "b"]}})",
      format);
  ASSERT_TRUE(document) << document.error().message;
  EXPECT_EQ(document->id, "7");
  EXPECT_EQ(document->title, "");
  EXPECT_EQ(document->text, "yes");
  EXPECT_EQ(document->keywords,
            (std::vector<std::vector<std::string>>{{"net"}, {"a", "b"}, {"1999"}}));
  EXPECT_EQ(document->metadata_json, R"({"section":"net","tags":["a","b"],"year":"1999"})");
}

TEST(Document, SaysWhyALineIsBad) {
  struct Case {
    std::string line;
    std::string reason;
  };

  const DocumentFormat format{.keywords = {"section"}};
  const std::vector<Case> cases = {
      {"", "empty"},
      {"  \t", "empty"},
      {"\xFF{}", "not UTF-8"},
      {"{\"_id\": \"1\"", "not well-formed JSON"},
      {"[1]", "not a JSON object"},
      {"{\"text\": \"x\"}", "no \"_id\""},
      {"{\"_id\": \"\", \"text\": \"x\"}", "no \"_id\""},
      {"{\"_id\": 1.5, \"text\": \"x\"}", "no \"_id\""},
      {"{\"_id\": \"" + std::string(600, 'i') + "\", \"text\": \"x\"}", "longer than"},
      {"{\"_id\": \"1\"}", "has any text"},
      {"{\"_id\": \"1\", \"text\": [1]}", "\"text\" is not a string"},
      {"{\"_id\": \"1\", \"text\": \"x\", \"metadata\": {\"section\": {}}}", "\"section\""},
      {"{\"_id\": \"1\", \"text\": \"x\", \"metadata\": {\"section\": \"" + std::string(300, 's') +
           "\"}}",
       "longer than"},
  };
  for (const Case& c : cases) {
    const auto document = parse_document(c.line, format);
    ASSERT_FALSE(document) << c.line;
    EXPECT_NE(document.error().message.find(c.reason), std::string::npos)
        << c.line << ": " << document.error().message;
  }
}

TEST(GoldenSet, ReadsQueriesWithGrades) {
  const ScratchFolder folder;
  const auto golden = read_golden_set(folder.write(
      "golden",
      "{\"id\": \"q1\", \"query\": \"a b\", \"relevant\": {\"d1\": 1, \"d2\": 2.5}}\n\n"
      "{\"id\": \"q2\", \"query\": \"c\", \"relevant\": {\"d3\": 0}}\n"));
  ASSERT_TRUE(golden) << golden.error().message;
  ASSERT_EQ(golden->queries.size(), 2U);
  EXPECT_EQ(golden->queries[0].text, "a b");
  EXPECT_EQ(golden->queries[0].judged.size(), 2U);
  EXPECT_EQ(golden->digest.size(), 64U);
}

TEST(GoldenSet, RefusesAWrongLineWithItsNumber) {
  const ScratchFolder folder;
  const std::string good = "{\"id\": \"q1\", \"query\": \"a\", \"relevant\": {\"d1\": 1}}\n";
  for (const std::string& bad :
       {std::string("nonsense"),
        std::string("{\"id\": \"q2\", \"query\": \"a\"}"),
        std::string("{\"id\": \"q2\", \"query\": \"\", \"relevant\": {\"d\": 1}}"),
        std::string("{\"id\": \"q2\", \"query\": \"a\", \"relevant\": {\"d\": \"high\"}}"),
        std::string("{\"id\": \"q2\", \"query\": \"a\", \"relevant\": {\"d\": 1e9}}"),
        std::string("{\"id\": \"q1\", \"query\": \"again\", \"relevant\": {\"d\": 1}}"),
        std::string("\xFF")}) {
    std::string text = good;
    text += bad;
    const auto golden = read_golden_set(folder.write("golden", text));
    ASSERT_FALSE(golden) << bad;
    EXPECT_NE(golden.error().message.find("line 2"), std::string::npos) << golden.error().message;
  }
  EXPECT_FALSE(read_golden_set(folder.write("golden", "\n\n")));
  EXPECT_FALSE(read_golden_set(folder.path("absent")));
}

TEST(GoldenSet, ReadsBeirsLayout) {
  const ScratchFolder folder;
  const std::string queries = folder.write("queries.jsonl",
                                           "{\"_id\": \"1\", \"text\": \"x\"}\n"
                                           "{\"_id\": \"2\", \"text\": \"unjudged\"}\n");
  const auto golden =
      read_beir(queries, folder.write("qrels", "query-id\tcorpus-id\tscore\n1\tD\t2\n1\tE\t0\n"));
  ASSERT_TRUE(golden) << golden.error().message;
  ASSERT_EQ(golden->queries.size(), 1U);
  EXPECT_EQ(golden->queries[0].judged.size(), 2U);
  EXPECT_FALSE(read_beir(queries, folder.write("qrels", "1 D 2\n1 D 2\n")));
  EXPECT_FALSE(read_beir(queries, folder.write("qrels", "1\tD\thigh\n1\tD\thigh\n")));
  EXPECT_FALSE(read_beir(queries, folder.write("qrels", "1\tD\t1\nmissing\tD\t1\n")));
  EXPECT_FALSE(read_beir(queries, folder.write("qrels", "head\n")));
}

}  // namespace
}  // namespace sluice::retrieval
