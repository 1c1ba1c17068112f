#include "dataplane/retrieval/builder.h"

#include <utf8proc.h>
#include <xxhash.h>
#include <zstd.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <map>
#include <unordered_set>

#include "base/check.h"
#include "base/sha256.h"
#include "dataplane/retrieval/index_writer.h"
#include "dataplane/retrieval/line_reader.h"
#include "dataplane/retrieval/postings_builder.h"
#include "dataplane/retrieval/stored_writer.h"

namespace sluice::retrieval {
namespace {

constexpr std::size_t kBadLinesKept = 10;
constexpr std::uint64_t kBadLinesDefault = 10;
constexpr std::uint64_t kLinesForOneBad = 1000;  // 0.1 %.
constexpr std::uint64_t kChunksMax = std::numeric_limits<std::uint32_t>::max() - 1;
constexpr std::size_t kMessageReasons = 3;
constexpr std::uint64_t kDocumentsForProgress = 1000;

// A keyword field while it is collected: values in the order of their first coming.
struct Column {
  std::map<std::string, std::uint32_t, std::less<>> numbers;
  std::vector<std::uint32_t> code_ends;  // For each document.
  std::vector<std::uint32_t> codes;
};

class Build {
 public:
  Build(const BuildOptions& options, Analyzer analyzer, IndexWriter out)
      : options_(options),
        analyzer_(std::move(analyzer)),
        out_(std::move(out)),
        postings_(std::filesystem::path(options.out_path).parent_path().string(),
                  options.postings_memory_bytes),
        columns_(options.format.keywords.size()) {}

  Result<BuildSummary> run(LineReader& reader);

 private:
  Status read_all(LineReader& reader);
  Status read_line(const Line& line);
  Status add(const Document& document);
  void skip(std::uint64_t line, std::string reason);
  Status judge_bad_lines() const;
  Status write_sections();
  Status write_terms();
  Status write_postings();
  std::string columns_section() const;
  Manifest manifest() const;

  const BuildOptions& options_;
  Analyzer analyzer_;
  IndexWriter out_;
  PostingsBuilder postings_;
  StoredWriter stored_;
  std::vector<Column> columns_;
  std::vector<std::uint32_t> lengths_;
  std::vector<ChunkEntry> chunks_;
  std::vector<std::uint64_t> ids_;
  std::unordered_set<std::uint64_t> known_ids_;
  std::uint64_t tokens_ = 0;
  std::uint64_t reported_ = 0;  // Documents in the last progress.
  std::vector<std::string_view> terms_;
  BuildSummary summary_;
  std::string digest_;
};

void Build::skip(std::uint64_t line, std::string reason) {
  ++summary_.bad_lines;
  if (summary_.first_bad_lines.size() < kBadLinesKept) {
    summary_.first_bad_lines.push_back({.number = line, .reason = std::move(reason)});
  }
}

Status Build::judge_bad_lines() const {
  const std::uint64_t allowed =
      options_.bad_lines_max.value_or(std::max(kBadLinesDefault, summary_.lines / kLinesForOneBad));
  if (summary_.bad_lines <= allowed && !ids_.empty()) {
    return {};
  }
  std::string message =
      ids_.empty() ? "the corpus has no usable document" : "the corpus has too many bad lines";
  message += " (" + std::to_string(summary_.bad_lines) + " of " + std::to_string(summary_.lines) +
             " lines are bad, " + std::to_string(allowed) + " allowed)";
  for (std::size_t i = 0; i < std::min(kMessageReasons, summary_.first_bad_lines.size()); ++i) {
    const BadLine& bad = summary_.first_bad_lines[i];
    message += "; line " + std::to_string(bad.number) + ": " + bad.reason;
  }
  return fail(ErrorCode::kInvalid, std::move(message));
}

Status Build::add(const Document& document) {
  const auto number = static_cast<std::uint32_t>(ids_.size());
  for (const ChunkRange& range : chunk(document.text, options_.chunking)) {
    if (chunks_.size() >= kChunksMax) {
      return fail(ErrorCode::kInvalid, "the corpus has more chunks than one index can hold");
    }
    const auto sink = [this](std::string_view term) { postings_.add(term); };
    analyzer_.analyze(document.title, sink);
    analyzer_.analyze(std::string_view(document.text).substr(range.begin, range.end - range.begin),
                      sink);
    lengths_.push_back(postings_.chunk_length());
    tokens_ += lengths_.back();
    chunks_.push_back({.document = number, .begin = range.begin, .end = range.end});
    if (Status ended = postings_.end_chunk(); !ended) {
      return ended;
    }
  }
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    Column& column = columns_[i];
    for (const std::string& value : document.keywords[i]) {
      const auto next = static_cast<std::uint32_t>(column.numbers.size());
      column.codes.push_back(column.numbers.emplace(value, next).first->second);
    }
    column.code_ends.push_back(static_cast<std::uint32_t>(column.codes.size()));
  }
  ids_.push_back(hash_of_id(document.id));
  return stored_.add(document, out_);
}

Status Build::read_line(const Line& line) {
  ++summary_.lines;
  if (line.is_too_long) {
    skip(line.number, "longer than " + std::to_string(options_.line_bytes_max) + " bytes");
    return {};
  }
  const Result<Document> document = parse_document(line.text, options_.format);
  if (!document) {
    skip(line.number, document.error().message);
    return {};
  }
  if (!known_ids_.insert(hash_of_id(document->id)).second) {
    ++summary_.duplicates;
    skip(line.number, "the id \"" + document->id + "\" came before");
    return {};
  }
  return add(*document);
}

Status Build::read_all(LineReader& reader) {
  for (;;) {
    const Result<std::optional<Line>> line = reader.next();
    if (!line) {
      return fail(line.error());
    }
    if (!*line) {
      break;
    }
    if (Status taken = read_line(**line); !taken) {
      return taken;
    }
    if (options_.bad_lines_max && summary_.bad_lines > *options_.bad_lines_max) {
      break;  // A stated limit holds at once; the default one depends on the number of lines.
    }
    if (options_.on_progress && ids_.size() >= reported_ + kDocumentsForProgress) {
      reported_ = ids_.size();
      options_.on_progress({.documents = ids_.size(),
                            .bytes_read = reader.bytes_read(),
                            .bytes_total = reader.bytes_total()});
    }
  }
  if (Status judged = judge_bad_lines(); !judged) {
    return judged;
  }
  digest_ = reader.digest();
  return {};
}

Status Build::write_terms() {
  std::string entries;
  std::string names;
  std::uint64_t first_posting = 0;
  for (const std::string_view term : terms_) {
    names.append(term);
    if (names.size() > std::numeric_limits<std::uint32_t>::max()) {
      return fail(ErrorCode::kInvalid,
                  "the corpus has more distinct terms than one index can hold");
    }
    const TermEntry entry = {.first_posting = first_posting,
                             .postings = postings_.postings_of(term),
                             .name_end = static_cast<std::uint32_t>(names.size())};
    first_posting += entry.postings;
    entries.append(reinterpret_cast<const char*>(&entry), sizeof entry);
  }
  const TermsHeader header = {.terms = static_cast<std::uint32_t>(terms_.size()),
                              .name_bytes = static_cast<std::uint32_t>(names.size())};
  std::string section(reinterpret_cast<const char*>(&header), sizeof header);
  section += entries;
  section += names;
  return out_.write(SectionKind::kTerms, section);
}

Status Build::write_postings() {
  if (Status begun = out_.begin(SectionKind::kPostings); !begun) {
    return begun;
  }
  for (const std::string_view term : terms_) {
    const auto sink = [this](std::span<const Posting> piece) {
      return out_.append({reinterpret_cast<const char*>(piece.data()), piece.size_bytes()});
    };
    if (Status written = postings_.for_each_piece(term, sink); !written) {
      return written;
    }
  }
  return out_.end();
}

template <class T>
void append_bytes(std::string& out, const std::vector<T>& items) {
  out.append(reinterpret_cast<const char*>(items.data()), items.size() * sizeof(T));
}

std::string Build::columns_section() const {
  std::string section;
  for (const Column& column : columns_) {
    std::string values;
    std::vector<std::uint32_t> value_ends;
    std::vector<std::uint32_t> sorted_code(column.numbers.size());
    for (const auto& [value, number] : column.numbers) {
      sorted_code[number] = static_cast<std::uint32_t>(value_ends.size());
      values += value;
      value_ends.push_back(static_cast<std::uint32_t>(values.size()));
    }
    std::vector<std::uint32_t> codes;
    codes.reserve(column.codes.size());
    for (const std::uint32_t number : column.codes) {
      codes.push_back(sorted_code[number]);
    }
    const ColumnHeader header = {.values = static_cast<std::uint32_t>(value_ends.size()),
                                 .codes = static_cast<std::uint32_t>(codes.size()),
                                 .value_bytes = static_cast<std::uint32_t>(values.size()),
                                 .reserved = 0};
    section.append(reinterpret_cast<const char*>(&header), sizeof header);
    append_bytes(section, value_ends);
    append_bytes(section, column.code_ends);
    append_bytes(section, codes);
    section += values;
    section.append((8 - section.size() % 8) % 8, '\0');
  }
  return section;
}

Manifest Build::manifest() const {
  return {
      .format = kFormatVersion,
      .creator = options_.creator,
      .analyzer = options_.analyzer,
      .analyzer_digest = options_.analyzer_words.empty() ? "" : sha256_of(options_.analyzer_words),
      .unicode = utf8proc_unicode_version(),
      .zstd = ZSTD_versionString(),
      .documents_digest = digest_,
      .documents = ids_.size(),
      .chunks = chunks_.size(),
      .terms = terms_.size(),
      .postings = postings_.postings(),
      .tokens = tokens_,
      .skipped_lines = summary_.bad_lines,
      .fields = options_.format.fields,
      .keywords = options_.format.keywords,
      .chunking = options_.chunking,
      .scoring = options_.scoring,
      .top_k = options_.top_k};
}

Status Build::write_sections() {
  const auto write_array = [this](SectionKind kind, const auto& items) {
    return out_.write(
        kind, {reinterpret_cast<const char*>(items.data()), items.size() * sizeof(items.front())});
  };
  if (Status finished = postings_.finish(); !finished) {
    return finished;
  }
  terms_ = postings_.sorted_terms();
  summary_.manifest = manifest();
  Status status = stored_.finish(out_);
  status = status ? out_.end() : status;
  status = status ? write_array(SectionKind::kStoredTable, stored_.table()) : status;
  status = status ? write_terms() : status;
  status = status ? write_postings() : status;
  status = status ? write_array(SectionKind::kLengths, lengths_) : status;
  status = status ? write_array(SectionKind::kChunks, chunks_) : status;
  status = status ? write_array(SectionKind::kDocumentIds, ids_) : status;
  status = status ? out_.write(SectionKind::kColumns, columns_section()) : status;
  status = status ? out_.write(SectionKind::kAnalyzerWords, options_.analyzer_words) : status;
  return status ? out_.write(SectionKind::kManifest, to_json(summary_.manifest)) : status;
}

Result<BuildSummary> Build::run(LineReader& reader) {
  if (Status begun = out_.begin(SectionKind::kStoredBlocks); !begun) {
    return fail(begun.error());
  }
  if (Status read = read_all(reader); !read) {
    return fail(read.error());
  }
  if (Status written = write_sections(); !written) {
    return fail(written.error());
  }
  const Result<std::uint64_t> size = out_.publish();
  if (!size) {
    return fail(size.error());
  }
  summary_.index_bytes = *size;
  return summary_;
}

}  // namespace

std::uint64_t hash_of_id(std::string_view id) {
  return XXH3_64bits(id.data(), id.size());
}

Result<BuildSummary> build_index(const BuildOptions& options) {
  if (Status scoring = validate(options.scoring); !scoring) {
    return fail(scoring.error().with_context("retrieval"));
  }
  if (Status chunking = validate(options.chunking); !chunking) {
    return fail(chunking.error().with_context("chunking"));
  }
  const Result<WordRules> rules = WordRules::parse(options.analyzer_words);
  if (!rules) {
    return fail(rules.error().with_context("analyzer"));
  }
  Result<Analyzer> analyzer = Analyzer::create(options.analyzer, *rules);
  if (!analyzer) {
    return fail(analyzer.error());
  }
  Result<LineReader> reader = LineReader::open(options.corpus_path, options.line_bytes_max);
  if (!reader) {
    return fail(reader.error());
  }
  Result<IndexWriter> out = IndexWriter::create(options.out_path);
  if (!out) {
    return fail(out.error());
  }
  Build build(options, *std::move(analyzer), *std::move(out));
  return build.run(*reader);
}

}  // namespace sluice::retrieval
