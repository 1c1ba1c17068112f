#pragma once
// IndexJob: the way from a spec to a measured index, as `build` and `builder` both go it.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/http/bearer.h"
#include "crds/rag_index.h"
#include "dataplane/retrieval/builder.h"
#include "dataplane/retrieval/evaluation.h"
#include "dataplane/wire/build_report.h"
#include "dataplane/worker/outcome.h"

namespace sluice::worker {

struct SourceOptions {
  std::string path = {};  // Where the file goes.
  std::vector<std::string> holders = {};
  std::string documents_digest = {};  // Only these bytes; empty: whatever the source has.
  std::chrono::milliseconds patience{120'000};
  http::Bearer bearer = {};             // What holders are told; never the source.
  std::string authorization_file = {};  // What the source is told; empty: nothing.
};

// The sha256 of the documents now at `options.path`: from a holder of documents_digest, else from
// the source, again and again until the patience is at its end.
[[nodiscard]] Outcome<std::string> get_documents(const api::RagIndexSpec& spec,
                                                 const SourceOptions& options);

struct GoldenSetOptions {
  std::string path = {};  // Where the file goes.
  std::chrono::milliseconds patience{120'000};
  std::string authorization_file = {};  // As in SourceOptions.
};

[[nodiscard]] Outcome<void> get_golden_set(const api::HttpSource& source,
                                           const GoldenSetOptions& options);

// A model's words, by their sha256: given as they are, or to be downloaded.
struct AnalyzerSource {
  std::string digest = {};  // Empty: the index has no model.
  std::string json = {};    // Empty: from a holder, else from the URL.
  std::string url = {};
  std::vector<std::string> holders = {};
  std::string path = {};  // Where the file goes.
  std::chrono::milliseconds patience{120'000};
  http::Bearer bearer = {};  // What holders are told; never the URL.
};

// The words' JSON, verified and sound; it is at `source.path`, too. Empty without a model.
[[nodiscard]] Outcome<std::string> get_analyzer_words(const AnalyzerSource& source);
// The same of a file that a person names. kSpec if they are wrong.
[[nodiscard]] Outcome<std::string> read_analyzer_words(const std::string& path);

// build_index with failures by cause.
[[nodiscard]] Outcome<retrieval::BuildSummary> build(const retrieval::BuildOptions& options);
// What of a golden set's relevant documents may be missing in an index before it counts as that of
// other documents. Whatever is missing counts as not found.
inline constexpr double kMissingMax = 0.1;
// Of documents that have changed since the golden set was made.
inline constexpr double kMissingMaxOfNew = 1;

// Opens the index and answers the golden set, ten hits a query.
[[nodiscard]] Outcome<retrieval::Evaluation> measure(const std::string& index_path,
                                                     const std::string& golden_path,
                                                     double missing_max = kMissingMax);

// What a revision's status keeps of an evaluation, and what is compared query by query.
[[nodiscard]] api::EvaluationSummary summary_of(const retrieval::Evaluation& evaluation);
[[nodiscard]] wire::EvaluationResults results_of(const retrieval::Evaluation& evaluation);

}  // namespace sluice::worker
