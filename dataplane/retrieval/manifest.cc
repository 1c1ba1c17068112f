#include "dataplane/retrieval/manifest.h"

#include <array>
#include <nlohmann/json.hpp>

namespace sluice::retrieval {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint32_t kTopKMax = 1000;

constexpr std::array<std::pair<RetrievalMode, std::string_view>, 2> kModes = {
    {{RetrievalMode::kTfidf, "tfidf"}, {RetrievalMode::kBm25, "bm25"}}};
constexpr std::array<std::pair<ChunkStrategy, std::string_view>, 4> kStrategies = {
    {{ChunkStrategy::kNone, "none"},
     {ChunkStrategy::kFixed, "fixed"},
     {ChunkStrategy::kSentence, "sentence"},
     {ChunkStrategy::kParagraph, "paragraph"}}};

template <class Enum, std::size_t N>
std::string_view name_of(const std::array<std::pair<Enum, std::string_view>, N>& table,
                         Enum value) {
  for (const auto& [candidate, name] : table) {
    if (candidate == value) {
      return name;
    }
  }
  return "?";
}

template <class Enum, std::size_t N>
Result<Enum> value_of(const std::array<std::pair<Enum, std::string_view>, N>& table,
                      std::string_view name) {
  std::string known;
  for (const auto& [value, candidate] : table) {
    if (candidate == name) {
      return value;
    }
    known += (known.empty() ? "" : ", ") + std::string(candidate);
  }
  return fail(ErrorCode::kInvalid, "\"" + std::string(name) + "\" is not known (" + known + ")");
}

Manifest read_fields(const Json& json) {
  Manifest m;
  json.at("format").get_to(m.format);
  json.at("creator").get_to(m.creator);
  json.at("analyzer").get_to(m.analyzer);
  m.analyzer_digest = json.value("analyzerDigest", std::string());
  json.at("unicode").get_to(m.unicode);
  json.at("zstd").get_to(m.zstd);
  json.at("documentsDigest").get_to(m.documents_digest);
  json.at("documents").get_to(m.documents);
  json.at("chunks").get_to(m.chunks);
  json.at("terms").get_to(m.terms);
  json.at("postings").get_to(m.postings);
  json.at("tokens").get_to(m.tokens);
  json.at("skippedLines").get_to(m.skipped_lines);
  json.at("fields").at("id").get_to(m.fields.id);
  json.at("fields").at("title").get_to(m.fields.title);
  json.at("fields").at("text").get_to(m.fields.text);
  json.at("keywords").get_to(m.keywords);
  json.at("chunking").at("maxTokens").get_to(m.chunking.max_tokens);
  json.at("chunking").at("overlapTokens").get_to(m.chunking.overlap_tokens);
  json.at("retrieval").at("k1").get_to(m.scoring.k1);
  json.at("retrieval").at("b").get_to(m.scoring.b);
  json.at("retrieval").at("topK").get_to(m.top_k);
  return m;
}

}  // namespace

std::string to_json(const Manifest& m) {
  Json json = {
      {"format", m.format},
      {"creator", m.creator},
      {"analyzer", m.analyzer},
      {"unicode", m.unicode},
      {"zstd", m.zstd},
      {"documentsDigest", m.documents_digest},
      {"documents", m.documents},
      {"chunks", m.chunks},
      {"terms", m.terms},
      {"postings", m.postings},
      {"tokens", m.tokens},
      {"skippedLines", m.skipped_lines},
      {"fields", {{"id", m.fields.id}, {"title", m.fields.title}, {"text", m.fields.text}}},
      {"keywords", m.keywords},
      {"chunking",
       {{"strategy", to_string(m.chunking.strategy)},
        {"maxTokens", m.chunking.max_tokens},
        {"overlapTokens", m.chunking.overlap_tokens}}},
      {"retrieval",
       {{"mode", to_string(m.scoring.mode)},
        {"k1", m.scoring.k1},
        {"b", m.scoring.b},
        {"topK", m.top_k}}},
  };
  if (!m.analyzer_digest.empty()) {
    json["analyzerDigest"] = m.analyzer_digest;
  }
  return json.dump();
}

Result<Manifest> parse_manifest(std::string_view json) {
  try {
    const Json root = Json::parse(json);
    Manifest manifest = read_fields(root);
    Result<ChunkStrategy> strategy =
        parse_strategy(root.at("chunking").at("strategy").get<std::string>());
    Result<RetrievalMode> mode = parse_mode(root.at("retrieval").at("mode").get<std::string>());
    if (!strategy || !mode) {
      return fail((!strategy ? strategy.error() : mode.error()).with_context("the manifest"));
    }
    manifest.chunking.strategy = *strategy;
    manifest.scoring.mode = *mode;
    Status scoring = validate(manifest.scoring);
    Status chunking = validate(manifest.chunking);
    if (!scoring || !chunking) {
      return fail((!scoring ? scoring.error() : chunking.error()).with_context("the manifest"));
    }
    if (manifest.top_k < 1 || manifest.top_k > kTopKMax) {
      return fail(ErrorCode::kInvalid, "the manifest: topK is not between 1 and 1000");
    }
    return manifest;
  } catch (const Json::exception& thrown) {
    return fail(ErrorCode::kInvalid, std::string("the manifest cannot be read: ") + thrown.what());
  }
}

std::string_view to_string(RetrievalMode mode) {
  return name_of(kModes, mode);
}

std::string_view to_string(ChunkStrategy strategy) {
  return name_of(kStrategies, strategy);
}

Result<RetrievalMode> parse_mode(std::string_view name) {
  return value_of(kModes, name);
}

Result<ChunkStrategy> parse_strategy(std::string_view name) {
  return value_of(kStrategies, name);
}

Status validate(const ScoringOptions& scoring) {
  if (!(scoring.k1 >= 0 && scoring.k1 <= 10)) {  // Written so that NaN is refused, too.
    return fail(ErrorCode::kInvalid, "k1 is not between 0 and 10");
  }
  if (!(scoring.b >= 0 && scoring.b <= 1)) {
    return fail(ErrorCode::kInvalid, "b is not between 0 and 1");
  }
  return {};
}

Status validate(const ChunkingOptions& chunking) {
  if (chunking.max_tokens == 0) {
    return fail(ErrorCode::kInvalid, "maxTokens is 0");
  }
  if (chunking.overlap_tokens >= chunking.max_tokens) {
    return fail(ErrorCode::kInvalid, "overlapTokens is not below maxTokens");
  }
  return {};
}

}  // namespace sluice::retrieval
