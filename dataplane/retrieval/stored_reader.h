#pragma once
// StoredReader: documents back out of an index's stored fields. Keeps the block it unpacked last;
// one for each thread. The IndexFile must outlive it.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "dataplane/retrieval/index_file.h"

struct ZSTD_DCtx_s;

namespace sluice::retrieval {

// Views into the reader, valid until its next read().
struct StoredDocument {
  std::string_view id = {};
  std::string_view title = {};
  std::string_view text = {};
  std::string_view metadata_json = {};
};

class StoredReader {
 public:
  explicit StoredReader(const IndexFile& index);
  StoredReader(StoredReader&& other) noexcept;
  StoredReader& operator=(StoredReader&& other) = delete;
  ~StoredReader();

  // document < index.documents(). kInvalid if the block cannot be unpacked.
  [[nodiscard]] Result<StoredDocument> read(std::uint32_t document);

 private:
  struct FreeContext {
    void operator()(ZSTD_DCtx_s* context) const;
  };

  [[nodiscard]] Status unpack(std::size_t number);

  const IndexFile& index_;
  std::unique_ptr<ZSTD_DCtx_s, FreeContext> zstd_;
  std::string raw_;
  std::size_t unpacked_;  // Number of the block in raw_.
};

}  // namespace sluice::retrieval
