#pragma once
// IndexFile: a built index, mapped read-only. Opening it checks everything that later reads rely
// on: header, every section's checksum, every offset and number. A truncated, damaged, foreign or
// newer file is an error with a clear message, never a crash. Immutable; shared by all threads.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dataplane/retrieval/index_format.h"
#include "dataplane/retrieval/manifest.h"

namespace sluice::retrieval {

// A keyword field of all documents.
struct KeywordColumn {
  std::string name = {};
  std::string_view value_bytes = {};
  std::span<const std::uint32_t> value_ends = {};
  std::span<const std::uint32_t> code_ends = {};  // For each document.
  std::span<const std::uint32_t> codes = {};

  [[nodiscard]] std::string_view value(std::uint32_t code) const;
  // Nothing if no document has that value.
  [[nodiscard]] std::optional<std::uint32_t> code_of(std::string_view wanted) const;
  [[nodiscard]] std::span<const std::uint32_t> codes_of(std::uint32_t document) const;
};

class IndexFile {
 public:
  // kNotFound if there is no such file; kInvalid with the reason for what is no sound index of a
  // format that this program reads.
  [[nodiscard]] static Result<IndexFile> open(const std::string& path);

  [[nodiscard]] const Manifest& manifest() const { return manifest_; }

  [[nodiscard]] std::uint32_t documents() const {
    return static_cast<std::uint32_t>(document_ids_.size());
  }

  [[nodiscard]] std::span<const std::uint32_t> lengths() const { return lengths_; }

  [[nodiscard]] std::span<const ChunkEntry> chunks() const { return chunks_; }

  // hash_of_id of each document.
  [[nodiscard]] std::span<const std::uint64_t> document_ids() const { return document_ids_; }

  [[nodiscard]] std::span<const TermEntry> terms() const { return terms_; }

  [[nodiscard]] std::string_view term_name(std::size_t term) const;
  [[nodiscard]] std::span<const Posting> postings_of(std::size_t term) const;
  // Empty for a term that no document has.
  [[nodiscard]] std::span<const Posting> find(std::string_view term) const;

  [[nodiscard]] std::span<const KeywordColumn> columns() const { return columns_; }

  // The JSON of the model that the index was built with; empty without one. Not yet checked.
  [[nodiscard]] std::string_view analyzer_words() const { return analyzer_words_; }

  [[nodiscard]] std::span<const StoredBlock> stored_table() const { return stored_table_; }

  [[nodiscard]] std::string_view stored_bytes(const StoredBlock& block) const {
    return stored_blocks_.substr(block.offset, block.stored_bytes);
  }

  // The whole file, to be served to peers, and what keeps it mapped.
  [[nodiscard]] std::string_view bytes() const { return bytes_; }

  [[nodiscard]] std::shared_ptr<const void> owner() const { return mapping_; }

 private:
  IndexFile() = default;
  [[nodiscard]] Status map(const std::string& path);
  [[nodiscard]] Status read_table();
  [[nodiscard]] Status read_sections();
  [[nodiscard]] Status read_terms(std::string_view content);
  [[nodiscard]] Status read_columns(std::string_view content);
  [[nodiscard]] Result<std::string_view> section(SectionKind kind) const;
  [[nodiscard]] Status check_counts() const;
  [[nodiscard]] Status check_terms() const;
  [[nodiscard]] Status check_postings() const;
  [[nodiscard]] Status check_chunks() const;
  [[nodiscard]] Status check_stored() const;

  std::shared_ptr<const void> mapping_;
  std::string_view bytes_;
  std::uint32_t format_ = 0;
  std::vector<SectionEntry> table_;
  Manifest manifest_;
  std::span<const TermEntry> terms_;
  std::string_view names_;
  std::span<const Posting> postings_;
  std::span<const std::uint32_t> lengths_;
  std::span<const ChunkEntry> chunks_;
  std::span<const std::uint64_t> document_ids_;
  std::string_view stored_blocks_;
  std::span<const StoredBlock> stored_table_;
  std::vector<KeywordColumn> columns_;
  std::string_view analyzer_words_;
};

}  // namespace sluice::retrieval
