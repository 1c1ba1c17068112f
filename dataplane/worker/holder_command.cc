// sluice-worker holder: the holder pod. Keeps artifacts of revisions in a folder, which may be on a
// volume, and hands them out until it is stopped. It builds nothing and asks nobody outside the
// index; what it could not get it says in GET /report.

#include <string>
#include <vector>

#include "base/describe.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/stop_signals.h"
#include "crds/names.h"
#include "dataplane/wire/build_report.h"
#include "dataplane/worker/artifact_folder.h"
#include "dataplane/worker/artifacts.h"
#include "dataplane/worker/commands.h"
#include "dataplane/worker/endpoints.h"

namespace sluice::worker {
namespace {

struct Options {
  std::string data_dir;
  std::vector<std::string> holders;
  std::vector<std::string> wanted;
  Duration timeout = std::chrono::minutes(2);
  std::string address = "0.0.0.0";
  std::int64_t port = 8080;
  std::string token_file{api::kTokenFile};
};

void bind_flags(Flags& flags, Options& o) {
  flags.text("data-dir", o.data_dir, "DIR", "Where they are kept; made if it is not there.");
  flags.list("from", o.holders, "URL", "Another holder's base URL; tried in turn.");
  flags.list("artifact", o.wanted, "HEX", "One to be kept; all others are removed.");
  flags.duration("timeout", o.timeout, "How long to look for what is missing, all in all.");
  flags.text("address", o.address, "IP", "Where to listen.");
  flags.integer("port", o.port, "Where to listen; 0 lets the kernel pick.");
  flags.text("token-file", o.token_file, "FILE", "Who may fetch, if it is there.");
}

// Damaged or unwanted files go first, so that what comes has room.
wire::BuildReport fill(const Options& options, const http::Bearer& bearer) {
  std::string problem;
  if (const Outcome<void> made = make_folder(options.data_dir); !made) {
    problem = made.error().message;
  } else if (const auto removed = remove_others(options.data_dir, options.wanted); !removed) {
    problem = removed.error().message;
  }
  const Holding holding = hold_artifacts(
      options.wanted,
      {.data_dir = options.data_dir,
       .holders = options.holders,
       .patience = std::chrono::duration_cast<std::chrono::milliseconds>(options.timeout),
       .bearer = bearer});
  problem = problem.empty() ? holding.problem : problem;
  return {.phase = wire::BuildPhase::kReady,
          .message = "holds " + std::to_string(holding.held.size()) + " of " +
                     std::to_string(options.wanted.size()) + " artifacts" +
                     (problem.empty() ? "" : "; " + problem),
          .held = holding.held};
}

Outcome<void> run(const Options& options, StopSignals& signals) {
  MetricsRegistry metrics;
  Readiness readiness{"Artifacts are being fetched."};
  const http::Bearer bearer(options.token_file);
  Artifacts artifacts(options.data_dir, bearer);
  LateText report_text{"report"};
  http::Server server(
      {.address = options.address, .port = static_cast<std::uint16_t>(options.port)});
  serve_endpoints(server, readiness, metrics);
  artifacts.serve(server);
  report_text.serve(server, "/report");
  signals.hold();
  if (const Status started = server.start(); !started) {
    return failed(ExitCode::kInternal, started.error().message);
  }
  signals.release();  // Half of it is not worth waiting for: another one begins anew.
  const wire::BuildReport filled = fill(options, bearer);
  log_info(filled.message);
  report_text.set(to_json(filled));
  // Ready also with less than all: what is here is here for whoever needs it.
  readiness.set_ready();
  signals.hold();
  signals.wait();
  return {};
}

std::string problem_with(const Options& options) {
  if (options.data_dir.empty() || options.wanted.empty()) {
    return "holder needs --data-dir and --artifact";
  }
  if (options.port < 0 || options.port > 65535) {
    return "--port must be 0 to 65535";
  }
  for (const std::string& sha256 : options.wanted) {
    if (!is_sha256(sha256)) {
      return "--artifact \"" + sha256 + "\" is not 64 hex digits";
    }
  }
  return {};
}

}  // namespace

int run_holder(const Arguments& arguments) {
  Options options;
  Flags flags("sluice-worker holder",
              "Keeps artifacts in a folder and hands them out until it is told to stop.");
  bind_flags(flags, options);
  if (const std::optional<int> code = parse_flags(flags, arguments)) {
    return *code;
  }
  if (const std::string problem = problem_with(options); !problem.empty()) {
    return report({ExitCode::kUsage, problem}, kTerminationLog);
  }
  StopSignals signals;
  const Outcome<void> done = run(options, signals);
  return done ? static_cast<int>(ExitCode::kDone) : report(done.error(), kTerminationLog);
}

}  // namespace sluice::worker
