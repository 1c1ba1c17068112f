#pragma once
// Manifest: what an index says about itself. Stored as JSON in the file, served by the worker, and
// all that is needed to query the index the way it was built.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dataplane/retrieval/chunker.h"
#include "dataplane/retrieval/document.h"

namespace sluice::retrieval {

enum class RetrievalMode { kTfidf, kBm25 };

struct ScoringOptions {
  RetrievalMode mode = RetrievalMode::kBm25;
  double k1 = 0.9;  // BM25 only: [0, 10].
  double b = 0.4;   // BM25 only: [0, 1].
};

struct Manifest {
  std::uint32_t format = 0;
  std::string creator = {};           // "sluice-worker 0.1.0"
  std::string analyzer = {};          // A name that Analyzer::create knows.
  std::string analyzer_digest = {};   // sha256 of the model's JSON, hex; empty without a model.
  std::string unicode = {};           // Version of the character tables behind the analyzer.
  std::string zstd = {};              // Version that wrote the stored fields.
  std::string documents_digest = {};  // sha256 of the corpus as downloaded, hex.
  std::uint64_t documents = 0;
  std::uint64_t chunks = 0;
  std::uint64_t terms = 0;
  std::uint64_t postings = 0;
  std::uint64_t tokens = 0;         // The sum of the chunks' lengths.
  std::uint64_t skipped_lines = 0;  // Bad lines of the corpus, duplicates among them.
  FieldNames fields = {};
  std::vector<std::string> keywords = {};
  ChunkingOptions chunking = {};
  ScoringOptions scoring = {};
  std::uint32_t top_k = 10;  // Hits when a query does not say; 1 to 1000.
};

// One line, keys in a fixed order.
[[nodiscard]] std::string to_json(const Manifest& manifest);
// kInvalid if a field is missing, of the wrong type or out of its range.
[[nodiscard]] Result<Manifest> parse_manifest(std::string_view json);

[[nodiscard]] std::string_view to_string(RetrievalMode mode);
[[nodiscard]] std::string_view to_string(ChunkStrategy strategy);
[[nodiscard]] Result<RetrievalMode> parse_mode(std::string_view name);
[[nodiscard]] Result<ChunkStrategy> parse_strategy(std::string_view name);
// kInvalid with what is wrong: k1, b out of range; maxTokens 0; overlap not below it.
[[nodiscard]] Status validate(const ScoringOptions& scoring);
[[nodiscard]] Status validate(const ChunkingOptions& chunking);

}  // namespace sluice::retrieval
