// sluice-worker build: an index on a laptop, from the cluster's own YAML.

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "base/describe.h"
#include "dataplane/retrieval/digest.h"
#include "dataplane/worker/commands.h"
#include "dataplane/worker/index_job.h"
#include "dataplane/worker/spec.h"

namespace sluice::worker {
namespace {

constexpr std::chrono::milliseconds kPatience{10'000};

struct Paths {
  std::string spec;
  std::string corpus;
  std::string golden;
  std::string analyzer;
  std::string out;
  std::string source_authorization;
  std::string golden_authorization;
};

// A file beside the index that goes with this object.
class ScratchFile {
 public:
  explicit ScratchFile(std::string path) : path_(std::move(path)) {}

  ScratchFile(const ScratchFile&) = delete;
  ScratchFile& operator=(const ScratchFile&) = delete;

  ~ScratchFile() {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

void print_progress(const retrieval::BuildProgress& progress) {
  const double part = progress.bytes_total == 0 ? 0
                                                : 100.0 * static_cast<double>(progress.bytes_read) /
                                                      static_cast<double>(progress.bytes_total);
  std::fprintf(stderr,
               "%llu documents, %.0f %% read\n",
               static_cast<unsigned long long>(progress.documents),
               part);
}

void write_bad_lines(JsonWriter& json, const retrieval::BuildSummary& summary) {
  json.member("badLines", summary.bad_lines).member("duplicates", summary.duplicates);
  json.key("firstBadLines").begin_array();
  for (const retrieval::BadLine& bad : summary.first_bad_lines) {
    json.begin_object().member("line", bad.number).member("reason", bad.reason).end_object();
  }
  json.end_array();
}

struct Report {
  const Paths& paths;
  const retrieval::BuildSummary& built;
  std::string index_digest;
  std::optional<api::EvaluationSummary> evaluation;
  double seconds = 0;
};

std::string summary_json(const Report& report) {
  JsonWriter json;
  json.begin_object()
      .member("out", report.paths.out)
      .member("indexDigest", report.index_digest)
      .member("indexBytes", report.built.index_bytes)
      .member("documentsDigest", report.built.manifest.documents_digest)
      .member("documents", report.built.manifest.documents)
      .member("chunks", report.built.manifest.chunks)
      .member("terms", report.built.manifest.terms)
      .member("lines", report.built.lines);
  write_bad_lines(json, report.built);
  if (report.evaluation) {
    json.key("evaluation").raw(to_json(*report.evaluation));
  }
  json.member("seconds", report.seconds).end_object();
  return json.take();
}

// The documents' path: the given corpus, or the source's bytes in `scratch`.
Outcome<std::string> find_corpus(const Paths& paths,
                                 const api::RagIndexSpec& spec,
                                 const ScratchFile& scratch) {
  if (!paths.corpus.empty()) {
    return paths.corpus;
  }
  const Outcome<std::string> digest =
      get_documents(spec,
                    {.path = scratch.path(),
                     .patience = kPatience,
                     .authorization_file = paths.source_authorization});
  if (!digest) {
    return tl::make_unexpected(digest.error());
  }
  return scratch.path();
}

// Measures the index if there is a golden set: the given one, or (unless the corpus was given, too)
// the spec's.
Outcome<std::optional<api::EvaluationSummary>> find_evaluation(const Paths& paths,
                                                               const api::RagIndexSpec& spec,
                                                               const ScratchFile& scratch) {
  std::string golden = paths.golden;
  if (golden.empty() && paths.corpus.empty() && spec.evaluation &&
      spec.evaluation->golden_set.http) {
    const Outcome<void> got = get_golden_set(*spec.evaluation->golden_set.http,
                                             {.path = scratch.path(),
                                              .patience = kPatience,
                                              .authorization_file = paths.golden_authorization});
    if (!got) {
      return tl::make_unexpected(got.error());
    }
    golden = scratch.path();
  }
  if (golden.empty()) {
    return std::nullopt;
  }
  const Outcome<retrieval::Evaluation> evaluation = measure(paths.out, golden);
  if (!evaluation) {
    return tl::make_unexpected(evaluation.error());
  }
  return summary_of(*evaluation);
}

Outcome<std::string> run(const Paths& paths) {
  const auto begin = std::chrono::steady_clock::now();
  const Outcome<api::RagIndexSpec> spec = read_spec(paths.spec);
  if (!spec) {
    return tl::make_unexpected(spec.error());
  }
  const ScratchFile documents(paths.out + ".documents");
  const ScratchFile golden(paths.out + ".golden");
  const Outcome<std::string> corpus = find_corpus(paths, *spec, documents);
  if (!corpus) {
    return tl::make_unexpected(corpus.error());
  }
  retrieval::BuildOptions options = build_options(*spec);
  options.corpus_path = *corpus;
  options.out_path = paths.out;
  options.on_progress = &print_progress;
  if (spec->retrieval.analyzer && paths.analyzer.empty()) {
    return failed(ExitCode::kUsage,
                  "the spec names the ModelVersion " +
                      spec->retrieval.analyzer->model_version_ref.name +
                      ": --analyzer must name a file with its words");
  }
  if (!paths.analyzer.empty()) {
    Outcome<std::string> words = read_analyzer_words(paths.analyzer);
    if (!words) {
      return tl::make_unexpected(words.error());
    }
    options.analyzer_words = *std::move(words);
  }
  const Outcome<retrieval::BuildSummary> built = build(options);
  if (!built) {
    return tl::make_unexpected(built.error());
  }
  const Outcome<std::optional<api::EvaluationSummary>> evaluation =
      find_evaluation(paths, *spec, golden);
  if (!evaluation) {
    return tl::make_unexpected(evaluation.error());
  }
  const Result<std::string> digest = retrieval::digest_of_file(paths.out);
  if (!digest) {
    return failed(ExitCode::kDisk, digest.error().message);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  return summary_json({.paths = paths,
                       .built = *built,
                       .index_digest = *digest,
                       .evaluation = *evaluation,
                       .seconds = took.count()});
}

}  // namespace

int run_build(const Arguments& arguments) {
  Paths paths;
  Flags flags("sluice-worker build", "Builds an index; a JSON summary goes to stdout.");
  flags.text("spec", paths.spec, "FILE", "A RagIndex in YAML or JSON, as in the cluster.");
  flags.text("corpus", paths.corpus, "FILE", "A .jsonl or .jsonl.gz in place of its source.");
  flags.text("golden", paths.golden, "FILE", "A golden set to measure the index with.");
  flags.text("analyzer", paths.analyzer, "FILE", "Stop words and synonyms, as in a ModelVersion.");
  flags.text("out", paths.out, "FILE", "Where the index goes.");
  flags.text("source-authorization-file",
             paths.source_authorization,
             "FILE",
             "Authorization header for the documents' source.");
  flags.text("golden-set-authorization-file",
             paths.golden_authorization,
             "FILE",
             "Authorization header for the golden set.");
  if (const std::optional<int> code = parse_flags(flags, arguments)) {
    return *code;
  }
  if (paths.spec.empty() || paths.out.empty()) {
    return report({ExitCode::kUsage, "build needs --spec and --out"}, kTerminationLog);
  }
  const Outcome<std::string> summary = run(paths);
  if (!summary) {
    return report(summary.error(), kTerminationLog);
  }
  std::printf("%s\n", summary->c_str());
  return static_cast<int>(ExitCode::kDone);
}

}  // namespace sluice::worker
