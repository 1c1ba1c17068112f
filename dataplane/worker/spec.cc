#include "dataplane/worker/spec.h"

#include "base/describe.h"
#include "base/file.h"

namespace sluice::worker {
namespace {

constexpr std::size_t kSpecBytesMax = 1024 * 1024;

struct Origin {
  std::string name;
  bool is_strict = true;
};

Outcome<api::RagIndexSpec> read(const Result<JsonDocument>& document, const Origin& origin) {
  const std::string& where = origin.name;
  if (!document) {
    return failed(ExitCode::kSpec, where + ": " + document.error().message);
  }
  const JsonView root = document->root();
  const std::optional<JsonView> kind = root.find("kind");
  if (kind && kind->as_string() != "RagIndex") {
    return failed(ExitCode::kSpec, where + ": kind is not RagIndex");
  }
  const std::optional<JsonView> inner = root.find("spec");
  Reader reader(origin.is_strict);
  api::RagIndexSpec spec;
  reader.read(inner ? *inner : root, spec, {});
  if (!reader.ok()) {
    return failed(ExitCode::kSpec, where + (inner ? ": spec" : ": ") + reader.summary());
  }
  return spec;
}

retrieval::ChunkStrategy strategy_of(api::ChunkStrategy strategy) {
  switch (strategy) {
    case api::ChunkStrategy::kNone:
      return retrieval::ChunkStrategy::kNone;
    case api::ChunkStrategy::kFixed:
      return retrieval::ChunkStrategy::kFixed;
    case api::ChunkStrategy::kSentence:
      return retrieval::ChunkStrategy::kSentence;
    case api::ChunkStrategy::kParagraph:
      return retrieval::ChunkStrategy::kParagraph;
  }
  return retrieval::ChunkStrategy::kNone;
}

retrieval::RetrievalMode mode_of(api::RetrievalMode mode) {
  switch (mode) {
    case api::RetrievalMode::kTfidf:
      return retrieval::RetrievalMode::kTfidf;
    case api::RetrievalMode::kBm25:
      return retrieval::RetrievalMode::kBm25;
  }
  return retrieval::RetrievalMode::kBm25;
}

}  // namespace

Outcome<api::RagIndexSpec> read_spec(const std::string& path) {
  const Result<std::string> text = read_file(path, kSpecBytesMax);
  if (!text) {
    return failed(ExitCode::kSpec, text.error().message);
  }
  return read(JsonDocument::parse_yaml(*text), {.name = path});
}

Outcome<api::RagIndexSpec> parse_spec(std::string_view json) {
  return read(JsonDocument::parse(json), {.name = "--spec-json", .is_strict = false});
}

retrieval::BuildOptions build_options(const api::RagIndexSpec& spec) {
  retrieval::BuildOptions options;
  options.format.fields = {.id = spec.documents.fields.id,
                           .title = spec.documents.fields.title,
                           .text = spec.documents.fields.text};
  for (const api::MetadataField& field : spec.documents.metadata) {
    options.format.keywords.push_back(field.name);
  }
  options.chunking = {.strategy = strategy_of(spec.chunking.strategy),
                      .max_tokens = static_cast<std::uint32_t>(spec.chunking.max_tokens),
                      .overlap_tokens = static_cast<std::uint32_t>(spec.chunking.overlap_tokens)};
  options.scoring = {.mode = mode_of(spec.retrieval.mode),
                     .k1 = spec.retrieval.bm25.k1,
                     .b = spec.retrieval.bm25.b};
  options.top_k = static_cast<std::uint32_t>(spec.retrieval.top_k);
  options.bad_lines_max = static_cast<std::uint64_t>(spec.documents.bad_lines_max);
  options.creator = kCreator;
  return options;
}

}  // namespace sluice::worker
