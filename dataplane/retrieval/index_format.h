#pragma once
// The index file's layout, format 2. Little-endian, one immutable file, made to be mapped:
//
//   FileHeader | SectionEntry × section_count | sections, each at a multiple of 64, zeros between
//
// Every section carries its XXH3; the header's own covers header and table. Format 1 is the same
// without kAnalyzerWords; formats N and N - 1 are read, N is written. Internal to the engine.

#include <bit>
#include <cstdint>
#include <string_view>

namespace sluice::retrieval {

static_assert(std::endian::native == std::endian::little, "the index file is little-endian");

inline constexpr std::string_view kMagic = "SLUICEIX";
inline constexpr std::uint32_t kFormatVersion = 2;
inline constexpr std::uint64_t kSectionAlignment = 64;

enum class SectionKind : std::uint32_t {
  kManifest = 1,        // JSON.
  kTerms = 2,           // TermsHeader, TermEntry × terms, the names one behind the other.
  kPostings = 3,        // Posting × postings, ordered by term and chunk.
  kLengths = 4,         // u32 × chunks: terms in each chunk.
  kChunks = 5,          // ChunkEntry × chunks, ordered by document.
  kDocumentIds = 6,     // u64 × documents: XXH3 of each id.
  kStoredBlocks = 7,    // zstd frames of stored records.
  kStoredTable = 8,     // StoredBlock × blocks.
  kColumns = 9,         // For each keyword field a ColumnHeader and its arrays.
  kAnalyzerWords = 10,  // The model's JSON as it was given; empty without a model.
};
inline constexpr std::uint32_t kSectionCount = 10;

// 0 for a format that this program does not read.
[[nodiscard]] constexpr std::uint32_t sections_of_format(std::uint32_t format) {
  return format == kFormatVersion ? kSectionCount : format == kFormatVersion - 1 ? 9 : 0;
}

struct FileHeader {
  char magic[8];
  std::uint32_t format;
  std::uint32_t section_count;
  std::uint64_t file_bytes;
  std::uint64_t checksum;  // XXH3 of header and table, with 0 in its own place.
};

static_assert(sizeof(FileHeader) == 32);

struct SectionEntry {
  std::uint32_t kind;
  std::uint32_t reserved;
  std::uint64_t offset;
  std::uint64_t length;
  std::uint64_t checksum;
};

static_assert(sizeof(SectionEntry) == 32);

struct TermsHeader {
  std::uint32_t terms;
  std::uint32_t name_bytes;
};

struct TermEntry {
  std::uint64_t first_posting;
  std::uint32_t postings;
  std::uint32_t name_end;  // It begins where the one before ends.
};

static_assert(sizeof(TermEntry) == 16);

struct Posting {
  std::uint32_t chunk;
  std::uint32_t count;
};

static_assert(sizeof(Posting) == 8);

// The bytes of a chunk in its document's text.
struct ChunkEntry {
  std::uint32_t document;
  std::uint32_t begin;
  std::uint32_t end;
};

static_assert(sizeof(ChunkEntry) == 12);

struct StoredBlock {
  std::uint64_t offset;  // In kStoredBlocks.
  std::uint32_t stored_bytes;
  std::uint32_t raw_bytes;
  std::uint32_t first_document;
  std::uint32_t documents;
};

static_assert(sizeof(StoredBlock) == 24);

// A record of a block: this, then id, title, text and metadata JSON one behind the other.
struct StoredRecord {
  std::uint32_t id_bytes;
  std::uint32_t title_bytes;
  std::uint32_t text_bytes;
  std::uint32_t metadata_bytes;
};

// Then value_ends u32 × values, code_ends u32 × documents, codes u32 × codes, the values' bytes,
// zeros up to a multiple of 8. Values are sorted; a code is a value's number.
struct ColumnHeader {
  std::uint32_t values;
  std::uint32_t codes;
  std::uint32_t value_bytes;
  std::uint32_t reserved;
};

}  // namespace sluice::retrieval
