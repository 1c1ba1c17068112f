#pragma once
// StoredWriter: the documents as they are returned, in small zstd blocks: one hit costs one block.
// Internal to the engine.

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "dataplane/retrieval/document.h"
#include "dataplane/retrieval/index_writer.h"

struct ZSTD_CCtx_s;

namespace sluice::retrieval {

inline constexpr std::size_t kStoredBlockBytes = 8 * 1024;  // Raw; a block ends behind it.

class StoredWriter {
 public:
  StoredWriter();

  // The section kStoredBlocks of `out` is open.
  [[nodiscard]] Status add(const Document& document, IndexWriter& out);
  [[nodiscard]] Status finish(IndexWriter& out);

  [[nodiscard]] const std::vector<StoredBlock>& table() const { return table_; }

 private:
  struct FreeContext {
    void operator()(ZSTD_CCtx_s* context) const;
  };

  [[nodiscard]] Status end_block(IndexWriter& out);

  std::unique_ptr<ZSTD_CCtx_s, FreeContext> zstd_;
  std::string raw_;
  std::string compressed_;
  std::vector<StoredBlock> table_;
  std::uint32_t documents_ = 0;
  std::uint32_t first_document_ = 0;  // Of the block being filled.
  std::uint64_t offset_ = 0;
};

}  // namespace sluice::retrieval
