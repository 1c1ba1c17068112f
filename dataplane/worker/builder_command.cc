// sluice-worker builder: the builder pod. Downloads, builds, evaluates, then hands the artifacts
// out until it is stopped; what it says in GET /report is what the operator acts on.

#include <algorithm>
#include <fstream>
#include <mutex>
#include <utility>

#include "base/describe.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/stop_signals.h"
#include "crds/names.h"
#include "dataplane/retrieval/digest.h"
#include "dataplane/retrieval/file_writer.h"
#include "dataplane/wire/build_report.h"
#include "dataplane/worker/artifacts.h"
#include "dataplane/worker/commands.h"
#include "dataplane/worker/endpoints.h"
#include "dataplane/worker/index_job.h"
#include "dataplane/worker/spec.h"

namespace sluice::worker {
namespace {

struct Options {
  std::string spec_json;
  std::string spec;
  std::string data_dir;
  std::string documents_digest;
  std::vector<std::string> documents_from;
  std::vector<std::string> known_documents;
  std::string analyzer_digest;
  std::string analyzer_json;
  std::string analyzer_url;
  std::string address = "0.0.0.0";
  std::int64_t port = 8080;
  Duration source_timeout = std::chrono::minutes(2);
  std::string token_file{api::kTokenFile};
  std::string source_authorization;
  std::string golden_set_authorization;
};

void bind_flags(Flags& flags, Options& o) {
  flags.text("spec-json", o.spec_json, "JSON", "A RagIndex or its spec.");
  flags.text("spec", o.spec, "FILE", "The same from a file, YAML or JSON.");
  flags.text("data-dir", o.data_dir, "DIR", "Where artifacts go, named by their sha256.");
  flags.text("documents-digest", o.documents_digest, "HEX", "Build from exactly these documents.");
  flags.list(
      "documents-from", o.documents_from, "URL", "A holder of these; the source comes last.");
  flags.list("unless-digest",
             o.known_documents,
             "HEX",
             "Documents that need not be built: finding these it ends. Others may lack what the "
             "golden set names; that counts as not found.");
  flags.text("analyzer-digest", o.analyzer_digest, "HEX", "Build with exactly these words.");
  flags.text("analyzer-json", o.analyzer_json, "JSON", "The words: stop words and synonyms.");
  flags.text("analyzer-url", o.analyzer_url, "URL", "Where they are; a holder comes first.");
  flags.text("address", o.address, "IP", "Where to listen.");
  flags.integer("port", o.port, "Where to listen; 0 lets the kernel pick.");
  flags.duration("source-timeout", o.source_timeout, "How long to try an unreachable source.");
  flags.text("token-file", o.token_file, "FILE", "Who may fetch artifacts, if it is there.");
  flags.text("source-authorization-file",
             o.source_authorization,
             "FILE",
             "Authorization header for the documents' source.");
  flags.text("golden-set-authorization-file",
             o.golden_set_authorization,
             "FILE",
             "Authorization header for the golden set.");
}

// The report as it stands. Thread-safe: the build writes, the server's threads read.
class Reporter {
 public:
  void set(wire::BuildReport report) {
    log_info(report.message, {{"documents", report.documents_digest}});
    const std::lock_guard lock(mutex_);
    report_ = std::move(report);
  }

  void set_progress(const retrieval::BuildProgress& progress) {
    const std::lock_guard lock(mutex_);
    report_.message = std::to_string(progress.documents) + " documents indexed";
  }

  [[nodiscard]] http::Response response() const {
    const std::lock_guard lock(mutex_);
    return {.body = to_json(report_)};
  }

 private:
  mutable std::mutex mutex_;
  wire::BuildReport report_;
};

struct Builder {
  explicit Builder(const Options& chosen)
      : options(chosen),
        bearer(chosen.token_file),
        artifacts(chosen.data_dir, bearer),
        server({.address = chosen.address, .port = static_cast<std::uint16_t>(chosen.port)}) {}

  const Options& options;
  MetricsRegistry metrics;
  Readiness readiness{"The index is being built."};
  http::Bearer bearer;
  Artifacts artifacts;
  Reporter reporter;
  LateText manifest{"manifest"};
  LateText evaluation{"evaluation"};
  http::Server server;

  void add_routes();
  // The digest of the documents, which are an artifact from then on.
  Outcome<std::string> find_documents(const api::RagIndexSpec& spec);
  Outcome<void> work(const api::RagIndexSpec& spec, const std::string& documents);
  Outcome<std::string> find_words() const;
  Outcome<std::string> keep(const std::string& path);
  Outcome<std::optional<retrieval::Evaluation>> evaluate(const api::RagIndexSpec& spec,
                                                         const std::string& index_path);
  Outcome<std::string> keep_results(const retrieval::Evaluation& measured);
};

void Builder::add_routes() {
  serve_endpoints(server, readiness, metrics);
  artifacts.serve(server);
  manifest.serve(server, "/manifest");
  evaluation.serve(server, "/evaluation");
  server.route("GET",
               "/report",
               [this](const http::Request&, http::Reply reply) { reply(reporter.response()); },
               {.exempt_from_limit = true});
}

// Gives a file the name of its content. Its sha256.
Outcome<std::string> Builder::keep(const std::string& path) {
  const Result<std::string> digest = retrieval::digest_of_file(path);
  if (!digest) {
    return failed(ExitCode::kDisk, digest.error().message);
  }
  const std::string kept = artifacts.path_of(*digest);
  if (std::rename(path.c_str(), kept.c_str()) != 0) {
    return failed(ExitCode::kDisk, "cannot name " + path + " " + kept);
  }
  return *digest;
}

Outcome<std::optional<retrieval::Evaluation>> Builder::evaluate(const api::RagIndexSpec& spec,
                                                                const std::string& index_path) {
  if (!spec.evaluation || !spec.evaluation->golden_set.http) {
    evaluation.set_absent();
    return std::nullopt;
  }
  const std::string path = options.data_dir + "/golden.jsonl";
  const Outcome<void> got = get_golden_set(
      *spec.evaluation->golden_set.http,
      {.path = path,
       .patience = std::chrono::duration_cast<std::chrono::milliseconds>(options.source_timeout),
       .authorization_file = options.golden_set_authorization});
  if (!got) {
    return tl::make_unexpected(got.error());
  }
  Outcome<retrieval::Evaluation> measured =
      measure(index_path, path, options.known_documents.empty() ? kMissingMax : kMissingMaxOfNew);
  if (!measured) {
    return tl::make_unexpected(measured.error());
  }
  return *std::move(measured);
}

Outcome<std::string> Builder::keep_results(const retrieval::Evaluation& measured) {
  const std::string path = options.data_dir + "/evaluation.json";
  const std::string text = to_json(results_of(measured));
  Result<retrieval::FileWriter> file = retrieval::FileWriter::create(path);
  Status written = file ? file->append(text) : fail(file.error());
  written = written ? file->publish() : written;
  if (!written) {
    return failed(ExitCode::kDisk, written.error().message);
  }
  evaluation.set(text);
  return keep(path);
}

// Kept as an artifact, so that a later build need not find them anywhere else.
Outcome<std::string> Builder::find_words() const {
  return get_analyzer_words(
      {.digest = options.analyzer_digest,
       .json = options.analyzer_json,
       .url = options.analyzer_url,
       .holders = options.documents_from,
       .path = artifacts.path_of(options.analyzer_digest),
       .patience = std::chrono::duration_cast<std::chrono::milliseconds>(options.source_timeout),
       .bearer = bearer});
}

Outcome<std::string> Builder::find_documents(const api::RagIndexSpec& spec) {
  reporter.set({.phase = wire::BuildPhase::kDownloading, .message = "downloading the documents"});
  const std::string documents_path = options.data_dir + "/documents";
  Outcome<std::string> documents = get_documents(
      spec,
      {.path = documents_path,
       .holders = options.documents_from,
       .documents_digest = options.documents_digest,
       .patience = std::chrono::duration_cast<std::chrono::milliseconds>(options.source_timeout),
       .bearer = bearer,
       .authorization_file = options.source_authorization});
  if (!documents) {
    return tl::make_unexpected(documents.error());
  }
  if (const Outcome<std::string> kept = keep(documents_path); !kept) {
    return tl::make_unexpected(kept.error());
  }
  return documents;
}

Outcome<void> Builder::work(const api::RagIndexSpec& spec, const std::string& documents) {
  Outcome<std::string> words = find_words();
  if (!words) {
    return tl::make_unexpected(words.error());
  }
  reporter.set({.phase = wire::BuildPhase::kBuilding,
                .message = "building the index",
                .documents_digest = documents});
  retrieval::BuildOptions build_from = build_options(spec);
  build_from.corpus_path = artifacts.path_of(documents);
  build_from.out_path = options.data_dir + "/index";
  build_from.analyzer_words = *std::move(words);
  build_from.on_progress = [this](const retrieval::BuildProgress& progress) {
    reporter.set_progress(progress);
  };
  const Outcome<retrieval::BuildSummary> built = build(build_from);
  if (!built) {
    return tl::make_unexpected(built.error());
  }
  const Outcome<std::string> index = keep(build_from.out_path);
  if (!index) {
    return tl::make_unexpected(index.error());
  }
  reporter.set({.phase = wire::BuildPhase::kEvaluating,
                .message = "answering the golden set",
                .documents_digest = documents});
  api::RevisionFacts facts{.documents_digest = documents,
                           .index_digest = *index,
                           .index_bytes = static_cast<std::int64_t>(built->index_bytes),
                           .documents = static_cast<std::int64_t>(built->manifest.documents),
                           .chunks = static_cast<std::int64_t>(built->manifest.chunks)};
  if (!options.analyzer_digest.empty()) {
    facts.analyzer_digest = options.analyzer_digest;
  }
  const Outcome<std::optional<retrieval::Evaluation>> measured =
      evaluate(spec, artifacts.path_of(*index));
  if (!measured) {
    return tl::make_unexpected(measured.error());
  }
  if (*measured) {
    const Outcome<std::string> results = keep_results(**measured);
    if (!results) {
      return tl::make_unexpected(results.error());
    }
    facts.evaluation_digest = *results;
    facts.evaluation = summary_of(**measured);
  }
  manifest.set(retrieval::to_json(built->manifest));
  reporter.set({.phase = wire::BuildPhase::kReady,
                .message = std::to_string(facts.documents) + " documents indexed, " +
                           std::to_string(built->bad_lines) + " lines skipped",
                .documents_digest = documents,
                .facts = facts});
  return {};
}

Outcome<void> run(const Options& options, const api::RagIndexSpec& spec, StopSignals& signals) {
  Builder builder(options);
  builder.add_routes();
  signals.hold();
  if (const Status started = builder.server.start(); !started) {
    return failed(ExitCode::kInternal, started.error().message);
  }
  signals.release();  // An unfinished build is not worth waiting for.
  const Outcome<std::string> documents = builder.find_documents(spec);
  if (documents &&
      std::ranges::find(options.known_documents, *documents) != options.known_documents.end()) {
    tell(wire::unchanged_text(*documents), kTerminationLog);
    return {};
  }
  Outcome<void> done =
      documents ? builder.work(spec, *documents) : tl::make_unexpected(documents.error());
  if (!done) {
    builder.reporter.set({.phase = wire::BuildPhase::kFailed, .message = done.error().message});
    return done;
  }
  builder.readiness.set_ready();
  signals.hold();
  signals.wait();
  return {};
}

}  // namespace

int run_builder(const Arguments& arguments) {
  Options options;
  Flags flags("sluice-worker builder",
              "Builds an index from its source, evaluates it and serves the artifacts until it is "
              "told to stop.");
  bind_flags(flags, options);
  if (const std::optional<int> code = parse_flags(flags, arguments)) {
    return *code;
  }
  if (options.data_dir.empty() || options.spec_json.empty() == options.spec.empty()) {
    return report({ExitCode::kUsage, "builder needs --data-dir and --spec-json or --spec"},
                  kTerminationLog);
  }
  std::vector<std::pair<std::string_view, std::string>> digests{
      {"--documents-digest", options.documents_digest},
      {"--analyzer-digest", options.analyzer_digest}};
  for (const std::string& known : options.known_documents) {
    digests.emplace_back("--unless-digest", known);
  }
  for (const auto& [flag, digest] : digests) {
    if (!digest.empty() && !is_sha256(digest)) {
      return report({ExitCode::kUsage, std::string(flag) + " is not 64 hex digits"},
                    kTerminationLog);
    }
  }
  StopSignals signals;
  const Outcome<api::RagIndexSpec> spec =
      options.spec.empty() ? parse_spec(options.spec_json) : read_spec(options.spec);
  const Outcome<void> done =
      spec ? run(options, *spec, signals) : tl::make_unexpected(spec.error());
  return done ? static_cast<int>(ExitCode::kDone) : report(done.error(), kTerminationLog);
}

}  // namespace sluice::worker
