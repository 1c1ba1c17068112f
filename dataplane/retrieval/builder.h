#pragma once
// build_index: documents in, one index file out. The same input and options give the same bytes.
// Memory is bounded by the options, the vocabulary and some bytes a document; the file appears
// under its name only when it is whole.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "dataplane/retrieval/analyzer.h"
#include "dataplane/retrieval/manifest.h"

namespace sluice::retrieval {

struct BuildProgress {
  std::uint64_t documents = 0;
  std::uint64_t bytes_read = 0;
  std::uint64_t bytes_total = 0;
};

struct BuildOptions {
  std::string corpus_path = {};  // jsonl, plain or gzip.
  std::string out_path = {};
  DocumentFormat format = {};
  ChunkingOptions chunking = {};
  ScoringOptions scoring = {};
  std::uint32_t top_k = 10;  // Goes into the manifest: hits when a query does not say.
  std::string analyzer = std::string(kDefaultAnalyzer);
  std::string analyzer_words = {};  // A model's JSON (api::AnalyzerWords); empty: none.
  std::string creator = "sluice";
  std::size_t line_bytes_max = 4 * 1024 * 1024;
  // Bad lines are skipped and reported up to this many; by default 10 or 0.1 % of the lines.
  std::optional<std::uint64_t> bad_lines_max = {};
  std::size_t postings_memory_bytes = 128 * 1024 * 1024;
  std::function<void(const BuildProgress&)> on_progress = {};  // Every thousand documents.
};

struct BadLine {
  std::uint64_t number = 0;
  std::string reason = {};
};

struct BuildSummary {
  Manifest manifest = {};
  std::uint64_t lines = 0;
  std::uint64_t bad_lines = 0;                // Skipped; duplicates among them.
  std::uint64_t duplicates = 0;               // Lines whose id came before; the first one counts.
  std::vector<BadLine> first_bad_lines = {};  // Ten at most.
  std::uint64_t index_bytes = 0;
};

// kInvalid: the options or the documents are wrong (too many bad lines, none good, damaged gzip).
// kNotFound, kConflict: the corpus is not there, or changed while it was read. kUnavailable: the
// disk (full, read-only).
[[nodiscard]] Result<BuildSummary> build_index(const BuildOptions& options);

// The 64-bit id of a document, as in X-Sluice-Hits: XXH3 of its id.
[[nodiscard]] std::uint64_t hash_of_id(std::string_view id);

}  // namespace sluice::retrieval
