#include "dataplane/retrieval/stored_reader.h"

#include <zstd.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/check.h"

namespace sluice::retrieval {
namespace {

constexpr std::size_t kNone = std::numeric_limits<std::size_t>::max();

tl::unexpected<Error> damaged() {
  return fail(ErrorCode::kInvalid, "a block of stored fields is damaged");
}

}  // namespace

void StoredReader::FreeContext::operator()(ZSTD_DCtx_s* context) const {
  ZSTD_freeDCtx(context);
}

StoredReader::StoredReader(const IndexFile& index)
    : index_(index), zstd_(ZSTD_createDCtx()), unpacked_(kNone) {
  CHECK(zstd_ != nullptr);
}

StoredReader::StoredReader(StoredReader&& other) noexcept = default;
StoredReader::~StoredReader() = default;

Status StoredReader::unpack(std::size_t number) {
  if (unpacked_ == number) {
    return {};
  }
  unpacked_ = kNone;
  const StoredBlock& block = index_.stored_table()[number];
  const std::string_view stored = index_.stored_bytes(block);
  raw_.resize(block.raw_bytes);
  const std::size_t size =
      ZSTD_decompressDCtx(zstd_.get(), raw_.data(), raw_.size(), stored.data(), stored.size());
  if (ZSTD_isError(size) != 0 || size != block.raw_bytes) {
    return damaged();
  }
  unpacked_ = number;
  return {};
}

Result<StoredDocument> StoredReader::read(std::uint32_t document) {
  CHECK(document < index_.documents());
  const auto table = index_.stored_table();
  const auto behind = std::upper_bound(
      table.begin(), table.end(), document, [](std::uint32_t wanted, const StoredBlock& block) {
        return wanted < block.first_document;
      });
  CHECK(behind != table.begin());
  const auto number = static_cast<std::size_t>(behind - table.begin()) - 1;
  if (Status unpacked = unpack(number); !unpacked) {
    return fail(unpacked.error());
  }
  std::string_view left = raw_;
  for (std::uint32_t at = table[number].first_document;; ++at) {
    StoredRecord record{};
    if (left.size() < sizeof record) {
      return damaged();
    }
    std::memcpy(&record, left.data(), sizeof record);
    left.remove_prefix(sizeof record);
    const std::uint64_t bytes = std::uint64_t{record.id_bytes} + record.title_bytes +
                                record.text_bytes + record.metadata_bytes;
    if (bytes > left.size()) {
      return damaged();
    }
    if (at < document) {
      left.remove_prefix(bytes);
      continue;
    }
    StoredDocument found;
    for (const auto& [field, size] : {std::pair{&found.id, record.id_bytes},
                                      std::pair{&found.title, record.title_bytes},
                                      std::pair{&found.text, record.text_bytes},
                                      std::pair{&found.metadata_json, record.metadata_bytes}}) {
      *field = left.substr(0, size);
      left.remove_prefix(size);
    }
    return found;
  }
}

}  // namespace sluice::retrieval
