#include "dataplane/retrieval/index.h"

#include <algorithm>
#include <cmath>

#include "base/sha256.h"
#include "dataplane/retrieval/analyzer.h"

namespace sluice::retrieval {

namespace {

// The rules of the model inside the file; the English ones when it has none.
Result<WordRules> rules_of(const IndexFile& file) {
  const std::string_view json = file.analyzer_words();
  if ((json.empty() ? std::string() : sha256_of(json)) != file.manifest().analyzer_digest) {
    return fail(ErrorCode::kInvalid, "the analyzer's words are not those that the manifest names");
  }
  return WordRules::parse(json);
}

}  // namespace

Index::Index(IndexFile file, WordRules rules) : file_(std::move(file)), rules_(std::move(rules)) {
  norms_ = manifest().scoring.mode == RetrievalMode::kBm25 ? bm25_norms() : tfidf_norms();
}

Result<Index> Index::open(const std::string& path) {
  Result<IndexFile> file = IndexFile::open(path);
  if (!file) {
    return fail(file.error());
  }
  if (const Result<Analyzer> analyzer = Analyzer::create(file->manifest().analyzer); !analyzer) {
    return fail(analyzer.error().with_context(path));
  }
  Result<WordRules> rules = rules_of(*file);
  if (!rules) {
    return fail(rules.error().with_context(path));
  }
  return Index(*std::move(file), *std::move(rules));
}

float Index::idf(std::size_t chunks_with) const {
  const auto all = static_cast<double>(file_.chunks().size());
  const auto with = static_cast<double>(chunks_with);
  if (manifest().scoring.mode == RetrievalMode::kBm25) {
    return static_cast<float>(std::log(1.0 + (all - with + 0.5) / (with + 0.5)));
  }
  return static_cast<float>(std::log(all / with) + 1.0);
}

float tfidf_weight(std::uint32_t count) {
  return static_cast<float>(1.0 + std::log(static_cast<double>(count)));
}

std::vector<float> Index::bm25_norms() const {
  const ScoringOptions& scoring = manifest().scoring;
  const std::uint64_t tokens = std::max<std::uint64_t>(1, manifest().tokens);
  const double average = static_cast<double>(tokens) / static_cast<double>(manifest().chunks);
  std::vector<float> norms;
  norms.reserve(file_.lengths().size());
  for (const std::uint32_t length : file_.lengths()) {
    const double part = static_cast<double>(length) / average;
    norms.push_back(static_cast<float>(scoring.k1 * (1.0 - scoring.b + scoring.b * part)));
  }
  return norms;
}

std::vector<float> Index::tfidf_norms() const {
  std::vector<double> squares(file_.chunks().size(), 0.0);
  for (std::size_t term = 0; term < file_.terms().size(); ++term) {
    const auto postings = file_.postings_of(term);
    const double weight = idf(postings.size());
    for (const Posting& posting : postings) {
      const double value = weight * tfidf_weight(posting.count);
      squares[posting.chunk] += value * value;
    }
  }
  std::vector<float> norms;
  norms.reserve(squares.size());
  for (const double square : squares) {
    norms.push_back(square > 0 ? static_cast<float>(1.0 / std::sqrt(square)) : 0.0F);
  }
  return norms;
}

}  // namespace sluice::retrieval
