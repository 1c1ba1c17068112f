// sluice-worker serve: answers queries from one index, and hands it on to peers.

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "base/file.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/metrics.h"
#include "base/stop_signals.h"
#include "crds/names.h"
#include "dataplane/retrieval/digest.h"
#include "dataplane/retrieval/index.h"
#include "dataplane/worker/artifacts.h"
#include "dataplane/worker/commands.h"
#include "dataplane/worker/endpoints.h"
#include "dataplane/worker/evaluation_service.h"
#include "dataplane/worker/query_service.h"

namespace sluice::worker {
namespace {

constexpr std::size_t kBodyBytesMax = 64 * 1024;
constexpr std::size_t kEvaluationBytesMax = std::size_t{64} * 1024 * 1024;

struct Options {
  std::string index;
  std::string data_dir;
  std::string index_digest;
  std::string evaluation_digest;
  std::string revision = "local";
  std::string address = "0.0.0.0";
  std::int64_t port = 8080;
  std::int64_t threads = 0;
  std::int64_t top_k = 0;
  std::int64_t max_in_flight = 256;
  std::int64_t seed = 0;
  Share drill_error_rate;
  Duration drill_latency{0};
  Duration drain_delay = std::chrono::seconds(5);
  Duration drain_timeout = std::chrono::seconds(20);
  Duration evaluation_timeout = std::chrono::minutes(5);
  std::string token_file{api::kTokenFile};
  std::string golden_set_authorization;
  std::string golden_set_url;
};

void bind_flags(Flags& flags, Options& o) {
  flags.text("index", o.index, "FILE", "The index, for use outside a cluster.");
  flags.text("data-dir", o.data_dir, "DIR", "Artifacts, named by their sha256.");
  flags.text("index-digest", o.index_digest, "HEX", "Which artifact is the index; verified.");
  flags.text("evaluation-digest", o.evaluation_digest, "HEX", "Which one GET /evaluation gives.");
  flags.text("revision", o.revision, "NAME", "Goes into answers and metrics.");
  flags.text("address", o.address, "IP", "Where to listen.");
  flags.integer("port", o.port, "Where to listen; 0 lets the kernel pick.");
  flags.integer("threads", o.threads, "Queries answered at a time; 0: one a core.");
  flags.integer("top-k", o.top_k, "Hits when a query does not say; 0: as the index says.");
  flags.integer("max-in-flight", o.max_in_flight, "One query more gets 429.");
  flags.integer("seed", o.seed, "Of the drill's choices and query ids; 0: from the kernel.");
  flags.share("drill-error-rate", o.drill_error_rate, "Fail this share of the queries on purpose.");
  flags.duration("drill-latency", o.drill_latency, "Answer so much later, on purpose.");
  flags.duration("drain-delay",
                 o.drain_delay,
                 "After SIGTERM serve on for so long, unready; a second signal ends that.");
  flags.duration("drain-timeout", o.drain_timeout, "Then wait so long for queries in flight.");
  flags.duration("evaluation-timeout",
                 o.evaluation_timeout,
                 "POST /evaluate: download and evaluation of a golden set together; from 1s.");
  flags.text("token-file",
             o.token_file,
             "FILE",
             "Who may fetch artifacts and ask for evaluations, if it is there.");
  flags.text("golden-set-authorization-file",
             o.golden_set_authorization,
             "FILE",
             "Authorization header for the golden set at --golden-set-url.");
  flags.text("golden-set-url", o.golden_set_url, "URL", "The one that is told so.");
}

std::optional<std::string> problem_with(const Options& o) {
  if (o.index.empty() == (o.data_dir.empty() || o.index_digest.empty())) {
    return "serve needs either --index or --data-dir and --index-digest";
  }
  for (const std::string* digest : {&o.index_digest, &o.evaluation_digest}) {
    if (!digest->empty() && !is_sha256(*digest)) {
      return "\"" + *digest + "\" is not 64 hex digits";
    }
  }
  if (o.port < 0 || o.port > 65535 || o.threads < 0 || o.threads > 1024 || o.top_k < 0 ||
      o.top_k > 1000 || o.max_in_flight < 1 || o.max_in_flight > 100'000 ||
      o.evaluation_timeout < std::chrono::seconds(1) ||
      o.evaluation_timeout > std::chrono::hours(1)) {
    return "a number is out of its range: --port 0 to 65535, --threads 0 to 1024, --top-k 0 to "
           "1000, --max-in-flight 1 to 100000, --evaluation-timeout 1s to 1h";
  }
  return std::nullopt;
}

int thread_count(const Options& options) {
  const auto cores = static_cast<std::int64_t>(std::thread::hardware_concurrency());
  return static_cast<int>(options.threads > 0 ? options.threads : std::max<std::int64_t>(1, cores));
}

// Everything that serves, in the order in which it must be made; destroyed in reverse, so that the
// server ends before what its handlers use.
struct Worker {
  explicit Worker(const Options& chosen)
      : options(chosen),
        bearer(chosen.token_file),
        artifacts(chosen.data_dir, bearer),
        server({.address = chosen.address,
                .port = static_cast<std::uint16_t>(chosen.port),
                .max_body_bytes = kBodyBytesMax,
                .max_in_flight = static_cast<std::size_t>(chosen.max_in_flight)}) {}

  const Options& options;
  MetricsRegistry metrics;
  Readiness readiness{"The index is being loaded."};
  http::Bearer bearer;
  Artifacts artifacts;
  LateText manifest{"manifest"};
  LateText evaluation{"evaluation"};
  std::optional<retrieval::Index> index;
  std::unique_ptr<QueryService> service;
  std::unique_ptr<EvaluationService> evaluations;
  std::atomic<bool> is_loaded{false};  // All of the above are there and stay.
  http::Server server;

  void add_routes();
  // 503 while the index is being loaded.
  http::Handler once_loaded(http::Handler handler);
  // 401 for whoever does not know the token.
  http::Handler for_members(http::Handler handler);
  Outcome<void> load();
  Outcome<void> load_evaluation();
  void set_gauges();
};

void Worker::add_routes() {
  serve_endpoints(server, readiness, metrics);
  artifacts.serve(server);
  manifest.serve(server, "/manifest");
  evaluation.serve(server, "/evaluation");
  server.route(
      "POST", "/query", once_loaded([this](const http::Request& request, http::Reply reply) {
        service->handle(request, std::move(reply));
      }));
  server.route("POST",
               "/evaluate",
               for_members(once_loaded([this](const http::Request& request, http::Reply reply) {
                 reply(evaluations->ask(request));
               })));
  server.route("GET",
               "/evaluate",
               for_members(once_loaded([this](const http::Request&, http::Reply reply) {
                 reply(evaluations->last());
               })),
               {.exempt_from_limit = true});
}

http::Handler Worker::once_loaded(http::Handler handler) {
  return [this, handler = std::move(handler)](const http::Request& request, http::Reply reply) {
    if (!is_loaded.load(std::memory_order_acquire)) {
      http::Response response = http::error_response(503, "loading", "The index is being loaded.");
      response.headers.emplace_back("Retry-After", "1");
      reply(std::move(response));
      return;
    }
    handler(request, std::move(reply));
  };
}

http::Handler Worker::for_members(http::Handler handler) {
  return [this, handler = std::move(handler)](const http::Request& request, http::Reply reply) {
    if (bearer.admits(request)) {
      handler(request, std::move(reply));
    } else {
      reply(http::unauthorized());
    }
  };
}

Outcome<void> Worker::load_evaluation() {
  if (options.evaluation_digest.empty()) {
    evaluation.set_absent();
    return {};
  }
  const std::string path = artifacts.path_of(options.evaluation_digest);
  const Result<std::string> digest = retrieval::digest_of_file(path);
  if (!digest || *digest != options.evaluation_digest) {
    return failed(ExitCode::kArtifact,
                  "the evaluation " + path + " is missing or not what its name says");
  }
  Result<std::string> text = read_file(path, kEvaluationBytesMax);
  if (!text) {
    return failed(ExitCode::kArtifact, text.error().message);
  }
  evaluation.set(*std::move(text));
  return {};
}

void Worker::set_gauges() {
  const MetricLabels labels = {{"revision", options.revision}};
  const auto gauge = [&](const char* name, const char* help, std::uint64_t value) {
    metrics.gauge(name, help, labels).set(static_cast<double>(value));
  };
  gauge("sluice_worker_index_documents",
        "Documents of the index being served.",
        index->manifest().documents);
  gauge("sluice_worker_index_chunks", "Chunks of that index.", index->manifest().chunks);
  gauge("sluice_worker_index_bytes", "Its size.", index->file().bytes().size());
  metrics.before_text([this] {
    const http::ServerStats stats = server.stats();
    metrics.gauge("sluice_worker_in_flight", "Queries being answered.")
        .set(static_cast<double>(stats.in_flight));
    metrics.gauge("sluice_worker_connections", "Open connections.")
        .set(static_cast<double>(stats.connections));
    const auto bring_to = [this](const char* name, const char* help, std::uint64_t total) {
      Counter counter = metrics.counter(name, help);
      counter.add(static_cast<double>(total) - counter.value());
    };
    bring_to("sluice_worker_refused_busy_total", "Queries refused with 429.", stats.refused_busy);
    bring_to("sluice_worker_refused_bad_total", "Malformed requests.", stats.refused_bad);
  });
}

Outcome<void> Worker::load() {
  const std::string path =
      options.index.empty() ? artifacts.path_of(options.index_digest) : options.index;
  const Result<std::string> digest = retrieval::digest_of_file(path);
  if (!digest) {
    return failed(ExitCode::kArtifact, digest.error().message);
  }
  if (!options.index_digest.empty() && *digest != options.index_digest) {
    return failed(ExitCode::kArtifact, path + " has sha256 " + *digest + ": it is damaged");
  }
  Result<retrieval::Index> opened = retrieval::Index::open(path);
  if (!opened) {
    return failed(ExitCode::kArtifact, opened.error().message);
  }
  index.emplace(*std::move(opened));
  artifacts.add(*digest, path);
  if (Outcome<void> loaded = load_evaluation(); !loaded) {
    return loaded;
  }
  const std::uint64_t seed =
      options.seed == 0 ? fresh_seed() : static_cast<std::uint64_t>(options.seed);
  Result<std::unique_ptr<QueryService>> made = QueryService::create(
      *index,
      {.revision = options.revision,
       .threads = thread_count(options),
       .limits = {.top_k_default = options.top_k > 0 ? static_cast<std::uint32_t>(options.top_k)
                                                     : index->manifest().top_k},
       .drill = {.error_rate = options.drill_error_rate, .latency = options.drill_latency},
       .seed = seed},
      metrics);
  if (!made) {
    return failed(ExitCode::kArtifact, made.error().message);
  }
  service = *std::move(made);
  evaluations = std::make_unique<EvaluationService>(
      *index,
      EvaluationServiceOptions{
          .index_digest = *digest,
          .scratch_dir = options.data_dir.empty() ? std::filesystem::temp_directory_path().string()
                                                  : options.data_dir,
          .authorization_file = options.golden_set_authorization,
          .authorized_url = options.golden_set_url,
          .timeout = std::chrono::duration_cast<std::chrono::seconds>(options.evaluation_timeout)},
      metrics);
  const Result<std::chrono::microseconds> slowest = service->warm_up();
  if (!slowest) {
    return failed(ExitCode::kArtifact, slowest.error().message);
  }
  set_gauges();
  manifest.set(retrieval::to_json(index->manifest()));
  is_loaded.store(true, std::memory_order_release);
  log_info("serving",
           {{"revision", options.revision},
            {"documents", std::to_string(index->manifest().documents)},
            {"index", *digest},
            {"port", std::to_string(server.port())},
            {"slowest_warm_up_us", std::to_string(slowest->count())}});
  return {};
}

Outcome<void> run(const Options& options, StopSignals& signals) {
  Worker worker(options);
  worker.add_routes();
  signals.hold();  // Before the server's threads, so that they leave signals to this one.
  if (const Status started = worker.server.start(); !started) {
    return failed(ExitCode::kInternal, started.error().message);
  }
  if (Outcome<void> loaded = worker.load(); !loaded) {
    return loaded;
  }
  worker.readiness.set_ready();
  signals.wait();
  // Endpoints go away slowly: being unready first and serving on means that nobody finds a closed
  // door.
  worker.readiness.set_unready("The worker is being stopped.");
  worker.server.start_draining();
  log_info("draining", {{"revision", options.revision}});
  const bool is_impatient =
      options.drain_delay > Duration{0} && signals.wait_for(options.drain_delay).has_value();
  const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(options.drain_timeout);
  if (!worker.server.stop(is_impatient ? std::chrono::milliseconds(0) : limit)) {
    log_warn("queries were still in flight at the end of the drain");
  }
  return {};
}

}  // namespace

int run_serve(const Arguments& arguments) {
  Options options;
  Flags flags("sluice-worker serve",
              "Answers POST /query from one index until it is told to stop.");
  bind_flags(flags, options);
  if (const std::optional<int> code = parse_flags(flags, arguments)) {
    return *code;
  }
  if (const std::optional<std::string> problem = problem_with(options)) {
    return report({ExitCode::kUsage, *problem}, kTerminationLog);
  }
  StopSignals signals;
  const Outcome<void> done = run(options, signals);
  return done ? static_cast<int>(ExitCode::kDone) : report(done.error(), kTerminationLog);
}

}  // namespace sluice::worker
