#pragma once
// Chunking: how a document is cut into the pieces that are indexed and returned. A pure function of
// the text and the options.

#include <cstdint>
#include <string_view>
#include <vector>

namespace sluice::retrieval {

enum class ChunkStrategy {
  kNone,       // One chunk a document.
  kFixed,      // Windows of words.
  kSentence,   // Whole sentences, as many as fit.
  kParagraph,  // Whole paragraphs (split at blank lines), as many as fit.
};

struct ChunkingOptions {
  ChunkStrategy strategy = ChunkStrategy::kNone;
  std::uint32_t max_tokens = 256;     // Words in a chunk at most; > 0.
  std::uint32_t overlap_tokens = 32;  // Words repeated from the chunk before at most; < max_tokens.
};

// A chunk's bytes in the document's text.
struct ChunkRange {
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  auto operator<=>(const ChunkRange&) const = default;
};

// At least one chunk, in order; every word of the text is in one. A sentence or paragraph that is
// longer than max_tokens is cut between words.
[[nodiscard]] std::vector<ChunkRange> chunk(std::string_view text, const ChunkingOptions& options);

}  // namespace sluice::retrieval
