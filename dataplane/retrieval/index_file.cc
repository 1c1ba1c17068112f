#include "dataplane/retrieval/index_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/check.h"

namespace sluice::retrieval {
namespace {

tl::unexpected<Error> bad(std::string message) {
  return fail(ErrorCode::kInvalid, std::move(message));
}

std::string_view name_of(SectionKind kind) {
  switch (kind) {
    case SectionKind::kManifest:
      return "manifest";
    case SectionKind::kTerms:
      return "terms";
    case SectionKind::kPostings:
      return "postings";
    case SectionKind::kLengths:
      return "lengths";
    case SectionKind::kChunks:
      return "chunks";
    case SectionKind::kDocumentIds:
      return "document ids";
    case SectionKind::kStoredBlocks:
      return "stored fields";
    case SectionKind::kStoredTable:
      return "table of stored fields";
    case SectionKind::kColumns:
      return "columns";
    case SectionKind::kAnalyzerWords:
      return "analyzer's words";
  }
  return "unknown";
}

// The section as an array; its size must be a whole number of items. Sections are aligned.
template <class T>
Result<std::span<const T>> array_of(std::string_view section, SectionKind kind) {
  if (section.size() % sizeof(T) != 0) {
    return bad("the section of " + std::string(name_of(kind)) + " has a wrong size");
  }
  return std::span<const T>(reinterpret_cast<const T*>(section.data()), section.size() / sizeof(T));
}

// Takes pieces from the front of a section and says when there are too few bytes.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : left_(bytes), whole_(bytes.size()) {}

  [[nodiscard]] bool is_short() const { return is_short_; }

  [[nodiscard]] bool is_at_end() const { return left_.empty(); }

  std::string_view take(std::uint64_t size) {
    if (size > left_.size()) {
      is_short_ = true;
      return {};
    }
    const std::string_view piece = left_.substr(0, size);
    left_.remove_prefix(size);
    return piece;
  }

  template <class T>
  std::span<const T> take_array(std::uint64_t count) {
    const std::string_view piece = take(count * sizeof(T));
    return is_short_ ? std::span<const T>{}
                     : std::span<const T>(reinterpret_cast<const T*>(piece.data()), count);
  }

  void align(std::uint64_t to) { take((to - (whole_ - left_.size()) % to) % to); }

 private:
  std::string_view left_;
  std::uint64_t whole_;
  bool is_short_ = false;
};

bool is_ascending(std::span<const std::uint32_t> ends, std::uint64_t last) {
  return std::is_sorted(ends.begin(), ends.end()) && (ends.empty() ? 0 : ends.back()) == last;
}

bool is_zero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

}  // namespace

std::string_view KeywordColumn::value(std::uint32_t code) const {
  CHECK(code < value_ends.size());
  const std::uint32_t begin = code == 0 ? 0 : value_ends[code - 1];
  return value_bytes.substr(begin, value_ends[code] - begin);
}

std::optional<std::uint32_t> KeywordColumn::code_of(std::string_view wanted) const {
  std::uint32_t low = 0;
  auto high = static_cast<std::uint32_t>(value_ends.size());
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (value(middle) < wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < value_ends.size() && value(low) == wanted ? std::optional(low) : std::nullopt;
}

std::span<const std::uint32_t> KeywordColumn::codes_of(std::uint32_t document) const {
  CHECK(document < code_ends.size());
  const std::uint32_t begin = document == 0 ? 0 : code_ends[document - 1];
  return codes.subspan(begin, code_ends[document] - begin);
}

Result<IndexFile> IndexFile::open(const std::string& path) {
  IndexFile index;
  if (Status mapped = index.map(path); !mapped) {
    return fail(mapped.error());
  }
  Status status = index.read_table();
  status = status ? index.read_sections() : status;
  status = status ? index.check_counts() : status;
  status = status ? index.check_terms() : status;
  status = status ? index.check_postings() : status;
  status = status ? index.check_chunks() : status;
  status = status ? index.check_stored() : status;
  if (!status) {
    return fail(status.error().with_context(path));
  }
  return index;
}

Status IndexFile::map(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    const ErrorCode code = errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kUnavailable;
    return fail(code, "cannot read " + path + ": " + std::strerror(errno));
  }
  struct stat info{};
  const bool is_file = ::fstat(file, &info) == 0 && S_ISREG(info.st_mode);
  const auto size = static_cast<std::size_t>(info.st_size);
  void* mapped = MAP_FAILED;
  if (is_file && size >= sizeof(FileHeader)) {
    mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file, 0);
  }
  ::close(file);
  if (mapped == MAP_FAILED) {
    return bad(path + " is not a Sluice index (it has " + std::to_string(size) + " bytes)");
  }
  mapping_ =
      std::shared_ptr<const void>(mapped, [mapped, size](const void*) { ::munmap(mapped, size); });
  bytes_ = {static_cast<const char*>(mapped), size};
  return {};
}

Status IndexFile::read_table() {
  FileHeader header{};
  std::memcpy(&header, bytes_.data(), sizeof header);
  if (std::string_view(header.magic, sizeof header.magic) != kMagic) {
    return bad("not a Sluice index (it begins with other bytes)");
  }
  const std::uint32_t sections = sections_of_format(header.format);
  if (sections == 0) {
    return bad("the index has format " + std::to_string(header.format) +
               "; this program reads formats " + std::to_string(kFormatVersion - 1) + " and " +
               std::to_string(kFormatVersion));
  }
  const std::size_t head_bytes = sizeof header + sections * sizeof(SectionEntry);
  if (header.section_count != sections || bytes_.size() < head_bytes) {
    return bad("the index is truncated or its header is damaged");
  }
  std::string head(bytes_.substr(0, head_bytes));
  const std::uint64_t stored_checksum = header.checksum;
  header.checksum = 0;
  std::memcpy(head.data(), &header, sizeof header);
  if (XXH3_64bits(head.data(), head.size()) != stored_checksum) {
    return bad("the index's header is damaged (checksum)");
  }
  if (header.file_bytes != bytes_.size()) {
    return bad("the index is truncated or has grown: " + std::to_string(bytes_.size()) +
               " bytes, of " + std::to_string(header.file_bytes));
  }
  format_ = header.format;
  table_.resize(sections);
  std::memcpy(table_.data(), bytes_.data() + sizeof header, sections * sizeof(SectionEntry));
  std::uint64_t end = head_bytes;  // Sections stand in the order of their offsets.
  for (const SectionEntry& entry : table_) {
    const bool fits = entry.offset >= end && entry.offset % kSectionAlignment == 0 &&
                      entry.offset <= bytes_.size() && entry.length <= bytes_.size() - entry.offset;
    if (!fits || entry.offset - end >= kSectionAlignment ||
        !is_zero(bytes_.substr(end, entry.offset - end))) {
      return bad("the index's table of sections is damaged");
    }
    end = entry.offset + entry.length;
  }
  return end == bytes_.size() ? Status{} : bad("the index has bytes behind its last section");
}

Result<std::string_view> IndexFile::section(SectionKind kind) const {
  for (const SectionEntry& entry : table_) {
    if (entry.kind != static_cast<std::uint32_t>(kind)) {
      continue;
    }
    const std::string_view content = bytes_.substr(entry.offset, entry.length);
    if (XXH3_64bits(content.data(), content.size()) != entry.checksum) {
      return bad("the section of " + std::string(name_of(kind)) + " is damaged (checksum)");
    }
    return content;
  }
  return bad("the section of " + std::string(name_of(kind)) + " is missing");
}

template <class T>
Status assign(std::span<const T>& to, const Result<std::string_view>& section, SectionKind kind) {
  if (!section) {
    return fail(section.error());
  }
  const Result<std::span<const T>> items = array_of<T>(*section, kind);
  if (!items) {
    return fail(items.error());
  }
  to = *items;
  return {};
}

Status IndexFile::read_sections() {
  using enum SectionKind;
  const Result<std::string_view> manifest = section(kManifest);
  if (!manifest) {
    return fail(manifest.error());
  }
  Result<Manifest> parsed = parse_manifest(*manifest);
  if (!parsed) {
    return fail(parsed.error());
  }
  manifest_ = *std::move(parsed);
  const Result<std::string_view> terms = section(kTerms);
  const Result<std::string_view> stored = section(kStoredBlocks);
  const Result<std::string_view> columns = section(kColumns);
  for (const Result<std::string_view>* content : {&terms, &stored, &columns}) {
    if (!*content) {
      return fail(content->error());
    }
  }
  stored_blocks_ = *stored;
  if (format_ == kFormatVersion) {
    const Result<std::string_view> words = section(kAnalyzerWords);
    if (!words) {
      return fail(words.error());
    }
    analyzer_words_ = *words;
  }
  Status status = assign(document_ids_, section(kDocumentIds), kDocumentIds);
  status = status ? assign(postings_, section(kPostings), kPostings) : status;
  status = status ? assign(lengths_, section(kLengths), kLengths) : status;
  status = status ? assign(chunks_, section(kChunks), kChunks) : status;
  status = status ? assign(stored_table_, section(kStoredTable), kStoredTable) : status;
  status = status ? read_terms(*terms) : status;
  return status ? read_columns(*columns) : status;
}

Status IndexFile::read_terms(std::string_view content) {
  Cursor cursor(content);
  const auto header = cursor.take_array<TermsHeader>(1);
  if (!cursor.is_short()) {
    terms_ = cursor.take_array<TermEntry>(header.front().terms);
    names_ = cursor.take(header.front().name_bytes);
  }
  return cursor.is_short() || !cursor.is_at_end() ? bad("the dictionary has a wrong size")
                                                  : Status{};
}

Status IndexFile::read_columns(std::string_view content) {
  Cursor cursor(content);
  for (const std::string& name : manifest_.keywords) {
    const auto header = cursor.take_array<ColumnHeader>(1);
    if (cursor.is_short()) {
      break;
    }
    KeywordColumn column{.name = name};
    column.value_ends = cursor.take_array<std::uint32_t>(header.front().values);
    column.code_ends = cursor.take_array<std::uint32_t>(document_ids_.size());
    column.codes = cursor.take_array<std::uint32_t>(header.front().codes);
    column.value_bytes = cursor.take(header.front().value_bytes);
    cursor.align(8);
    const std::uint32_t values = header.front().values;
    const bool is_sound =
        !cursor.is_short() && is_ascending(column.value_ends, column.value_bytes.size()) &&
        is_ascending(column.code_ends, column.codes.size()) &&
        std::all_of(column.codes.begin(), column.codes.end(), [values](std::uint32_t code) {
          return code < values;
        });
    if (!is_sound) {
      return bad("the column \"" + name + "\" is damaged");
    }
    columns_.push_back(std::move(column));
  }
  return cursor.is_short() || !cursor.is_at_end() ? bad("the columns have a wrong size") : Status{};
}

std::string_view IndexFile::term_name(std::size_t term) const {
  CHECK(term < terms_.size());
  const std::uint32_t begin = term == 0 ? 0 : terms_[term - 1].name_end;
  return names_.substr(begin, terms_[term].name_end - begin);
}

std::span<const Posting> IndexFile::postings_of(std::size_t term) const {
  CHECK(term < terms_.size());
  return postings_.subspan(terms_[term].first_posting, terms_[term].postings);
}

std::span<const Posting> IndexFile::find(std::string_view term) const {
  std::size_t low = 0;
  std::size_t high = terms_.size();
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (term_name(middle) < term) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < terms_.size() && term_name(low) == term ? postings_of(low)
                                                       : std::span<const Posting>{};
}

}  // namespace sluice::retrieval
