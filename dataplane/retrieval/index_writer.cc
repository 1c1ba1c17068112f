#include "dataplane/retrieval/index_writer.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace sluice::retrieval {

void IndexWriter::FreeState::operator()(XXH3_state_s* state) const {
  XXH3_freeState(state);
}

IndexWriter::IndexWriter(FileWriter file) : file_(std::move(file)), checksum_(XXH3_createState()) {
  CHECK(checksum_ != nullptr);
}

Result<IndexWriter> IndexWriter::create(const std::string& path) {
  Result<FileWriter> file = FileWriter::create(path);
  if (!file) {
    return fail(file.error());
  }
  IndexWriter writer(*std::move(file));
  const std::string room(sizeof(FileHeader) + kSectionCount * sizeof(SectionEntry), '\0');
  if (Status reserved = writer.file_.append(room); !reserved) {
    return fail(reserved.error());
  }
  return writer;
}

Status IndexWriter::begin(SectionKind kind) {
  CHECK(!is_open_);
  const auto number = static_cast<std::uint32_t>(kind);
  CHECK(std::none_of(table_.begin(), table_.end(), [number](const SectionEntry& entry) {
    return entry.kind == number;
  }));
  const std::uint64_t rest = file_.size() % kSectionAlignment;
  if (rest != 0) {
    if (Status padded = file_.append(std::string(kSectionAlignment - rest, '\0')); !padded) {
      return padded;
    }
  }
  table_.push_back(
      {.kind = number, .reserved = 0, .offset = file_.size(), .length = 0, .checksum = 0});
  XXH3_64bits_reset(checksum_.get());
  is_open_ = true;
  return {};
}

Status IndexWriter::append(std::string_view bytes) {
  CHECK(is_open_);
  XXH3_64bits_update(checksum_.get(), bytes.data(), bytes.size());
  return file_.append(bytes);
}

Status IndexWriter::end() {
  CHECK(is_open_);
  is_open_ = false;
  SectionEntry& entry = table_.back();
  entry.length = file_.size() - entry.offset;
  entry.checksum = XXH3_64bits_digest(checksum_.get());
  return {};
}

Status IndexWriter::write(SectionKind kind, std::string_view bytes) {
  if (Status begun = begin(kind); !begun) {
    return begun;
  }
  if (Status appended = append(bytes); !appended) {
    return appended;
  }
  return end();
}

Result<std::uint64_t> IndexWriter::publish() {
  CHECK(!is_open_);
  CHECK(table_.size() == kSectionCount);
  FileHeader header{};
  std::memcpy(header.magic, kMagic.data(), kMagic.size());
  header.format = kFormatVersion;
  header.section_count = kSectionCount;
  header.file_bytes = file_.size();
  std::string head(reinterpret_cast<const char*>(&header), sizeof header);
  head.append(reinterpret_cast<const char*>(table_.data()), table_.size() * sizeof(SectionEntry));
  header.checksum = XXH3_64bits(head.data(), head.size());
  std::memcpy(head.data(), &header, sizeof header);
  if (Status written = file_.overwrite(0, head); !written) {
    return fail(written.error());
  }
  if (Status published = file_.publish(); !published) {
    return fail(published.error());
  }
  return header.file_bytes;
}

}  // namespace sluice::retrieval
