// The checks behind the checksums: a file may be whole and yet wrong (another program's bug, or
// malice). After these, no number read from the file can lead outside of it.

#include <string>

#include "dataplane/retrieval/index_file.h"

namespace sluice::retrieval {
namespace {

tl::unexpected<Error> bad(std::string_view message) {
  return fail(ErrorCode::kInvalid, std::string(message));
}

// A block may not claim to unpack to more than this; the largest document is far below.
constexpr std::uint32_t kRawBytesMax = 64U * 1024 * 1024;

}  // namespace

Status IndexFile::check_counts() const {
  std::uint64_t tokens = 0;
  for (const std::uint32_t length : lengths_) {
    tokens += length;
  }
  const bool agrees = manifest_.format == format_ && manifest_.documents == document_ids_.size() &&
                      manifest_.chunks == chunks_.size() && manifest_.chunks == lengths_.size() &&
                      manifest_.terms == terms_.size() && manifest_.postings == postings_.size() &&
                      manifest_.tokens == tokens && !document_ids_.empty();
  return agrees ? Status{} : bad("the manifest's counts are not those of the sections");
}

Status IndexFile::check_terms() const {
  std::uint64_t next_posting = 0;
  std::uint32_t name_begin = 0;
  std::string_view before;
  for (const TermEntry& term : terms_) {
    if (term.first_posting != next_posting || term.postings == 0 ||
        term.postings > postings_.size() - next_posting) {
      return bad("the dictionary names postings that are not there");
    }
    if (term.name_end < name_begin || term.name_end > names_.size()) {
      return bad("the dictionary names bytes that are not there");
    }
    const std::string_view name = names_.substr(name_begin, term.name_end - name_begin);
    if (name <= before && name_begin != 0) {
      return bad("the dictionary is not sorted");
    }
    before = name;
    name_begin = term.name_end;
    next_posting += term.postings;
  }
  const bool is_complete = next_posting == postings_.size() && name_begin == names_.size();
  return is_complete ? Status{} : bad("the dictionary does not cover the postings");
}

Status IndexFile::check_postings() const {
  for (std::size_t term = 0; term < terms_.size(); ++term) {
    std::uint64_t next_chunk = 0;
    for (const Posting& posting : postings_of(term)) {
      if (posting.chunk < next_chunk || posting.chunk >= chunks_.size() || posting.count == 0) {
        return bad("a posting is out of order or names no chunk");
      }
      next_chunk = std::uint64_t{posting.chunk} + 1;
    }
  }
  return {};
}

Status IndexFile::check_chunks() const {
  std::uint32_t next_document = 0;
  for (const ChunkEntry& chunk : chunks_) {
    const bool is_next = chunk.document == next_document;
    const bool is_same = next_document > 0 && chunk.document == next_document - 1;
    if ((!is_next && !is_same) || chunk.begin > chunk.end) {
      return bad("a chunk is out of order");
    }
    next_document = chunk.document + 1;
  }
  return next_document == document_ids_.size() ? Status{} : bad("a document has no chunk");
}

Status IndexFile::check_stored() const {
  std::uint64_t offset = 0;
  std::uint64_t next_document = 0;
  for (const StoredBlock& block : stored_table_) {
    if (block.offset != offset || block.first_document != next_document || block.documents == 0 ||
        block.stored_bytes > stored_blocks_.size() - offset || block.raw_bytes > kRawBytesMax) {
      return bad("the table of stored fields is damaged");
    }
    offset += block.stored_bytes;
    next_document += block.documents;
  }
  const bool is_complete = offset == stored_blocks_.size() && next_document == document_ids_.size();
  return is_complete ? Status{} : bad("the stored fields do not cover the documents");
}

}  // namespace sluice::retrieval
