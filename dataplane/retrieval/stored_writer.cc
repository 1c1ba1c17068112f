#include "dataplane/retrieval/stored_writer.h"

#include <zstd.h>

#include "base/check.h"

namespace sluice::retrieval {
namespace {

constexpr int kLevel = 6;  // Fixed: the same input gives the same bytes.

}  // namespace

void StoredWriter::FreeContext::operator()(ZSTD_CCtx_s* context) const {
  ZSTD_freeCCtx(context);
}

StoredWriter::StoredWriter() : zstd_(ZSTD_createCCtx()) {
  CHECK(zstd_ != nullptr);
}

Status StoredWriter::add(const Document& document, IndexWriter& out) {
  const StoredRecord record = {
      .id_bytes = static_cast<std::uint32_t>(document.id.size()),
      .title_bytes = static_cast<std::uint32_t>(document.title.size()),
      .text_bytes = static_cast<std::uint32_t>(document.text.size()),
      .metadata_bytes = static_cast<std::uint32_t>(document.metadata_json.size())};
  raw_.append(reinterpret_cast<const char*>(&record), sizeof record);
  raw_.append(document.id);
  raw_.append(document.title);
  raw_.append(document.text);
  raw_.append(document.metadata_json);
  ++documents_;
  return raw_.size() >= kStoredBlockBytes ? end_block(out) : Status{};
}

Status StoredWriter::finish(IndexWriter& out) {
  return raw_.empty() ? Status{} : end_block(out);
}

Status StoredWriter::end_block(IndexWriter& out) {
  compressed_.resize(ZSTD_compressBound(raw_.size()));
  const std::size_t size = ZSTD_compressCCtx(
      zstd_.get(), compressed_.data(), compressed_.size(), raw_.data(), raw_.size(), kLevel);
  if (ZSTD_isError(size) != 0) {
    return fail(ErrorCode::kInternal, std::string("zstd: ") + ZSTD_getErrorName(size));
  }
  table_.push_back({.offset = offset_,
                    .stored_bytes = static_cast<std::uint32_t>(size),
                    .raw_bytes = static_cast<std::uint32_t>(raw_.size()),
                    .first_document = first_document_,
                    .documents = documents_ - first_document_});
  first_document_ = documents_;
  offset_ += size;
  raw_.clear();
  return out.append({compressed_.data(), size});
}

}  // namespace sluice::retrieval
