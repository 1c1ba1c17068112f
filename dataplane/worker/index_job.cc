#include "dataplane/worker/index_job.h"

#include <algorithm>
#include <utility>

#include "base/describe.h"
#include "base/file.h"
#include "base/log.h"
#include "base/sha256.h"
#include "crds/analyzer_words.h"
#include "dataplane/retrieval/file_writer.h"
#include "dataplane/retrieval/index.h"
#include "dataplane/retrieval/word_rules.h"
#include "dataplane/worker/artifacts.h"
#include "dataplane/worker/download.h"

namespace sluice::worker {
namespace {

constexpr std::chrono::milliseconds kFirstPause{500};
constexpr std::chrono::milliseconds kLongestPause{10'000};
constexpr std::uint64_t kGoldenSetBytesMax = 256ULL * 1024 * 1024;
constexpr std::string_view kArtifactPath = "/artifacts/sha256:";

using Clock = std::chrono::steady_clock;

// Tries the downloads in turn, again and again, as long as the cause may pass: the other side is
// away or changing. The first one's failure is what is reported.
Outcome<Download> download_any(const std::vector<DownloadOptions>& choices,
                               std::chrono::milliseconds patience) {
  const Clock::time_point deadline = Clock::now() + patience;
  std::chrono::milliseconds pause = kFirstPause;
  for (;;) {
    Failure last{.code = ExitCode::kSource, .message = "there is nowhere to download from"};
    bool may_pass = false;
    for (const DownloadOptions& choice : choices) {
      Outcome<Download> got = download(choice);
      if (got || got.error().code == ExitCode::kDisk) {
        return got;
      }
      log_warn("a download failed", {{"url", choice.url}, {"reason", got.error().message}});
      may_pass = may_pass || got.error().code == ExitCode::kSource;
      last = got.error();
    }
    if (!may_pass || Clock::now() + pause >= deadline) {
      return tl::make_unexpected(last);
    }
    pause_for(pause);
    pause = std::min(2 * pause, kLongestPause);
  }
}

// An artifact at each of its holders.
std::vector<DownloadOptions> from_holders(const std::vector<std::string>& holders,
                                          const std::string& digest,
                                          const std::string& path,
                                          const std::string& token) {
  std::vector<DownloadOptions> choices;
  for (std::string holder : holders) {
    while (holder.ends_with('/')) {
      holder.pop_back();
    }
    holder += kArtifactPath;
    holder += digest;
    choices.push_back({.url = std::move(holder), .path = path, .sha256 = digest, .token = token});
  }
  return choices;
}

Outcome<void> write_file(const std::string& path, std::string_view bytes) {
  Result<retrieval::FileWriter> file = retrieval::FileWriter::create(path);
  Status written = file ? file->append(bytes) : fail(file.error());
  written = written ? file->publish() : written;
  return written ? Outcome<void>{} : failed(ExitCode::kDisk, written.error().message);
}

ExitCode exit_code_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnavailable:
      return ExitCode::kDisk;
    case ErrorCode::kInternal:
      return ExitCode::kInternal;
    case ErrorCode::kInvalid:
    case ErrorCode::kNotFound:
    case ErrorCode::kConflict:
    case ErrorCode::kGone:
    case ErrorCode::kForbidden:
    case ErrorCode::kThrottled:
    case ErrorCode::kTimeout:
    case ErrorCode::kCancelled:
      return ExitCode::kDocuments;
  }
  return ExitCode::kInternal;
}

}  // namespace

Outcome<std::string> get_documents(const api::RagIndexSpec& spec, const SourceOptions& options) {
  std::vector<DownloadOptions> choices;
  const bool is_pinned = !options.documents_digest.empty();
  if (is_pinned) {
    choices = from_holders(
        options.holders, options.documents_digest, options.path, options.bearer.word());
  }
  if (spec.source.http) {
    choices.push_back(
        {.url = spec.source.http->url,
         .path = options.path,
         .sha256 = is_pinned ? std::optional(options.documents_digest) : spec.source.http->sha256,
         .authorization_file = options.authorization_file,
         .checks_for_change = true});
  }
  const Outcome<Download> got = download_any(choices, options.patience);
  if (!got) {
    return tl::make_unexpected(got.error());
  }
  return got->sha256;
}

Outcome<void> get_golden_set(const api::HttpSource& source, const GoldenSetOptions& options) {
  const Outcome<Download> got = download_any({{.url = source.url,
                                               .path = options.path,
                                               .sha256 = source.sha256,
                                               .authorization_file = options.authorization_file,
                                               .bytes_max = kGoldenSetBytesMax,
                                               .checks_for_change = true}},
                                             options.patience);
  if (!got) {
    return failed(got.error().code, "the golden set: " + got.error().message);
  }
  return {};
}

Outcome<std::string> get_analyzer_words(const AnalyzerSource& source) {
  if (source.digest.empty()) {
    return std::string();
  }
  if (!source.json.empty()) {
    if (const std::string digest = sha256_of(source.json); digest != source.digest) {
      return failed(ExitCode::kArtifact,
                    "the analyzer's words have sha256 " + digest + ", not " + source.digest);
    }
    if (Outcome<void> written = write_file(source.path, source.json); !written) {
      return tl::make_unexpected(written.error());
    }
    return read_analyzer_words(source.path);
  }
  std::vector<DownloadOptions> choices =
      from_holders(source.holders, source.digest, source.path, source.bearer.word());
  if (!source.url.empty()) {
    choices.push_back({.url = source.url, .path = source.path, .sha256 = source.digest});
  }
  for (DownloadOptions& choice : choices) {
    choice.bytes_max = api::kAnalyzerBytesMax;
  }
  if (const Outcome<Download> got = download_any(choices, source.patience); !got) {
    return failed(got.error().code, "the analyzer's words: " + got.error().message);
  }
  return read_analyzer_words(source.path);
}

Outcome<std::string> read_analyzer_words(const std::string& path) {
  Result<std::string> json = read_file(path, api::kAnalyzerBytesMax);
  if (!json) {
    return failed(ExitCode::kSpec, json.error().message);
  }
  if (const Result<retrieval::WordRules> rules = retrieval::WordRules::parse(*json); !rules) {
    return failed(ExitCode::kSpec, "the analyzer's words: " + rules.error().message);
  }
  return *std::move(json);
}

Outcome<retrieval::BuildSummary> build(const retrieval::BuildOptions& options) {
  Result<retrieval::BuildSummary> built = retrieval::build_index(options);
  if (!built) {
    return failed(exit_code_of(built.error().code), built.error().message);
  }
  for (const retrieval::BadLine& bad : built->first_bad_lines) {
    log_warn("skipped a line of the documents",
             {{"line", std::to_string(bad.number)}, {"reason", bad.reason}});
  }
  return *std::move(built);
}

Outcome<retrieval::Evaluation> measure(const std::string& index_path,
                                       const std::string& golden_path,
                                       double missing_max) {
  const Result<retrieval::Index> index = retrieval::Index::open(index_path);
  if (!index) {
    return failed(ExitCode::kArtifact, index.error().message);
  }
  const Result<retrieval::GoldenSet> golden = retrieval::read_golden_set(golden_path);
  if (!golden) {
    return failed(ExitCode::kGoldenSet, golden.error().message);
  }
  Result<retrieval::Evaluation> evaluation =
      retrieval::evaluate(*index, *golden, {.k = 10, .unknown_max = missing_max});
  if (!evaluation) {
    return failed(ExitCode::kGoldenSet, evaluation.error().message);
  }
  if (evaluation->unknown_documents > 0) {
    log_warn("the golden set names documents that are not in the index",
             {{"documents", std::to_string(evaluation->unknown_documents)}});
  }
  return *std::move(evaluation);
}

api::EvaluationSummary summary_of(const retrieval::Evaluation& evaluation) {
  return {.ndcg_at_10 = evaluation.mean.ndcg,
          .recall_at_10 = evaluation.mean.recall,
          .mrr = evaluation.mean.reciprocal_rank,
          .judged_at_10 = evaluation.mean.judged,
          .queries = static_cast<std::int32_t>(evaluation.queries.size()),
          .golden_digest = evaluation.golden_set_digest};
}

wire::EvaluationResults results_of(const retrieval::Evaluation& evaluation) {
  wire::EvaluationResults results{.golden_digest = evaluation.golden_set_digest};
  for (const retrieval::QueryResult& query : evaluation.queries) {
    results.ids.push_back(query.id);
    results.ndcg_at_10.push_back(query.ndcg);
    results.judged_at_10.push_back(query.judged);
  }
  return results;
}

}  // namespace sluice::worker
