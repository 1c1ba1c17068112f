// A file that is no sound index: truncated, damaged, foreign, newer. An error, never a crash.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>
#include <xxhash.h>

#include <csignal>
#include <cstring>
#include <string>

#include "base/rng.h"
#include "dataplane/retrieval/builder.h"
#include "dataplane/retrieval/file_writer.h"
#include "dataplane/retrieval/scratch_folder.h"
#include "dataplane/retrieval/searcher.h"

namespace sluice::retrieval {
namespace {

std::string small_index(const ScratchFolder& folder) {
  std::string corpus;
  for (int i = 0; i < 40; ++i) {
    const std::string n = std::to_string(i);
    corpus += "{\"_id\": \"d" + n + "\", \"title\": \"t" + n + "\", \"text\": \"cat number " + n +
              ". And more.\", \"metadata\": {\"s\": [\"a" + std::to_string(i % 3) +
              "\", \"b\"]}}\n";
  }
  const auto built = build_index({.corpus_path = folder.write("corpus", corpus),
                                  .out_path = folder.path("good"),
                                  .format = {.keywords = {"s"}},
                                  .chunking = {ChunkStrategy::kSentence, 4, 0},
                                  .analyzer_words = R"({"stopWords":["and"]})"});
  EXPECT_TRUE(built) << built.error().message;
  return folder.read("good");
}

Status try_open(const ScratchFolder& folder, const std::string& bytes) {
  const Result<Index> index = Index::open(folder.write("bad", bytes));
  return index ? Status{} : fail(index.error());
}

// A file whose bytes are changed in place: thousands of times, that is much faster than anew.
class Patched {
 public:
  Patched(const ScratchFolder& folder, const std::string& good)
      : path_(folder.write("patched", good)), file_(::open(path_.c_str(), O_WRONLY)) {}

  Patched(const Patched&) = delete;
  Patched& operator=(const Patched&) = delete;

  ~Patched() { ::close(file_); }

  void set(std::size_t at, std::string_view bytes) const {
    EXPECT_EQ(::pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(at)),
              static_cast<ssize_t>(bytes.size()));
  }

  [[nodiscard]] Result<Index> open() const { return Index::open(path_); }

 private:
  std::string path_;
  int file_;
};

// Writes the checksums anew, so that what stands behind them is reached.
std::string with_fresh_checksums(std::string bytes) {
  FileHeader header{};
  std::memcpy(&header, bytes.data(), sizeof header);
  for (std::uint32_t i = 0; i < kSectionCount; ++i) {
    const std::size_t at = sizeof header + i * sizeof(SectionEntry);
    SectionEntry entry{};
    std::memcpy(&entry, bytes.data() + at, sizeof entry);
    if (entry.offset <= bytes.size() && entry.length <= bytes.size() - entry.offset) {
      entry.checksum = XXH3_64bits(bytes.data() + entry.offset, entry.length);
      std::memcpy(bytes.data() + at, &entry, sizeof entry);
    }
  }
  header.checksum = 0;
  std::memcpy(bytes.data(), &header, sizeof header);
  header.checksum = XXH3_64bits(bytes.data(), sizeof header + kSectionCount * sizeof(SectionEntry));
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

TEST(IndexDamage, EveryFlippedByteIsNoticed) {
  const ScratchFolder folder;
  const std::string good = small_index(folder);
  ASSERT_TRUE(try_open(folder, good));
  const Patched file(folder, good);
  for (std::size_t i = 0; i < good.size(); ++i) {
    const char bad = static_cast<char>(good[i] ^ (1 << (i % 8)));
    file.set(i, {&bad, 1});
    const Result<Index> index = file.open();
    ASSERT_FALSE(index) << "byte " << i;
    EXPECT_EQ(index.error().code, ErrorCode::kInvalid);
    file.set(i, {&good[i], 1});
  }
}

TEST(IndexDamage, EveryTruncationIsNoticed) {
  const ScratchFolder folder;
  const std::string good = small_index(folder);
  for (std::size_t size = 0; size < good.size(); size += 1 + size / 50) {
    ASSERT_FALSE(try_open(folder, good.substr(0, size))) << size;
  }
  ASSERT_FALSE(try_open(folder, good.substr(0, good.size() - 1)));
  ASSERT_FALSE(try_open(folder, good + "x"));
}

TEST(IndexDamage, SaysWhatAFileIs) {
  const ScratchFolder folder;
  std::string newer = small_index(folder);
  newer[8] = 7;
  EXPECT_NE(
      try_open(folder, newer).error().message.find("format 7; this program reads formats 1 and 2"),
      std::string::npos);
  EXPECT_NE(try_open(folder, "hello").error().message.find("not a Sluice index"),
            std::string::npos);
  EXPECT_NE(try_open(folder, std::string(5000, 'x')).error().message.find("not a Sluice index"),
            std::string::npos);
  EXPECT_NE(try_open(folder, newer.replace(8, 1, "\2").substr(0, newer.size() / 2))
                .error()
                .message.find("truncated"),
            std::string::npos);
  EXPECT_EQ(Index::open(folder.path("absent")).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(Index::open("/").error().code, ErrorCode::kInvalid);
}

// Damage with checksums that fit: whatever opens must answer without leaving the file.
TEST(IndexDamage, SurvivesLiesBehindGoodChecksums) {
  const ScratchFolder folder;
  const std::string good = small_index(folder);
  const Patched file(folder, good);
  Rng rng(3);
  int opened = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string bad = good;
    for (std::uint64_t n = 1 + rng.below(3); n > 0; --n) {
      const std::size_t at = rng.below(bad.size());
      const auto value = static_cast<char>(rng.below(256));
      bad[at] = rng.below(2) == 0 ? value : static_cast<char>(bad[at] + 1);
    }
    file.set(0, with_fresh_checksums(bad));
    const Result<Index> index = file.open();
    if (!index) {
      continue;
    }
    ++opened;
    Result<Searcher> searcher = Searcher::create(*index);
    ASSERT_TRUE(searcher);
    const auto hits = searcher->search({.text = "cat number 7 more", .top_k = 100});
    ASSERT_TRUE(hits);
    for (const Hit& hit : **hits) {
      static_cast<void>(searcher->fetch(hit));  // A value or an error; both are fine.
    }
    static_cast<void>(searcher->search({.text = "cat", .filter = {{"s", {"a1", "b"}}}}));
  }
  EXPECT_GT(opened, 0);  // Flips in texts are legal lies.
}

TEST(FileWriter, LeavesNothingBehindWhenItCannotWrite) {
  const ScratchFolder folder;
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{.rlim_cur = 100'000, .rlim_max = before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  Result<FileWriter> writer = FileWriter::create(folder.path("large"));
  ASSERT_TRUE(writer);
  Status status = writer->append(std::string(50'000, 'x'));
  status = status ? writer->append(std::string(3'000'000, 'x')) : status;
  ::setrlimit(RLIMIT_FSIZE, &before);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(status.error().message.find("large"), std::string::npos);
  {
    const FileWriter dropped = *std::move(writer);
  }
  EXPECT_EQ(folder.files(), 0U);
}

}  // namespace
}  // namespace sluice::retrieval
