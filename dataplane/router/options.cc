#include "dataplane/router/options.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/flags.h"
#include "crds/names.h"
#include "dataplane/router/plan_keeper.h"

namespace sluice::router {
namespace {

constexpr std::string_view kSummary =
    "Shares the queries of one RagIndex between its revisions. In a cluster it watches the route\n"
    "table (ConfigMap <index>-route) and the workers' EndpointSlices; elsewhere it reads a table\n"
    "from a file (and again when the file changes) and is told the workers.";

std::chrono::milliseconds to_milliseconds(Duration duration) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(duration);
}

Status check(const ProgramOptions& options, std::int64_t port, std::int64_t threads) {
  const auto refuse = [](std::string message) {
    return Status(fail(ErrorCode::kInvalid, std::move(message)));
  };
  if (port < 0 || port > 65535) {
    return refuse("--port is 0 to 65535");
  }
  if (threads < 1 || threads > 256) {
    return refuse("--threads is 1 to 256");
  }
  if (options.log_format != "json" && options.log_format != "text") {
    return refuse("--log-format is json or text");
  }
  if (options.index.empty() == options.table_file.empty()) {
    return refuse("give either --index (in a cluster) or --table-file and --endpoints");
  }
  if (!options.table_file.empty() && options.endpoints.empty()) {
    return refuse("--table-file needs --endpoints");
  }
  return {};
}

}  // namespace

Result<ProgramOptions> parse_options(const std::vector<std::string>& arguments,
                                     const MachineFacts& machine) {
  ProgramOptions options;
  options.name = machine.host_name;
  std::int64_t port = options.proxy.port;
  auto threads = static_cast<std::int64_t>(machine.cores);
  auto max_in_flight = static_cast<std::int64_t>(options.proxy.max_in_flight);
  auto max_connections = static_cast<std::int64_t>(options.proxy.max_connections);
  std::vector<std::string> endpoints;
  Duration idle_timeout = options.proxy.idle_timeout;
  Flags flags("sluice-router", std::string(kSummary));
  flags.text("index", options.index, "NAME", "The RagIndex whose route is watched.");
  flags.text("namespace", options.namespace_name, "NAME", "Its namespace; default: our own.");
  flags.text("kubeconfig", options.kubeconfig, "FILE", "Outside of a cluster: how to reach one.");
  flags.text("table-file", options.table_file, "FILE", "A route table, without a cluster.");
  flags.list("endpoints", endpoints, "REVISION=HOST:PORT,…", "Workers, with --table-file.");
  flags.text("address", options.proxy.address, "IP", "Where to listen.");
  flags.integer("port", port, "Where to listen; 0: any.");
  flags.integer("threads", threads, "Lanes, each with a thread.");
  flags.integer("max-in-flight", max_in_flight, "Queries in work; one more gets 429.");
  flags.integer("max-connections", max_connections, "Clients; one more gets 503.");
  flags.duration("idle-timeout", idle_timeout, "Clients between two queries.");
  flags.text("state-dir", options.state_folder, "FOLDER", "Keeps the last plan here.");
  options.proxy.token_file = api::kTokenFile;
  flags.text(
      "token-file", options.proxy.token_file, "FILE", "Who may read /counters, if it is there.");
  flags.text("name", options.name, "NAME", "Our name in /counters; default: the host's.");
  flags.text("log-format", options.log_format, "json|text", "Of the log on stderr.");
  flags.duration("drain-delay", options.drain_delay, "On SIGTERM: go on serving for so long.");
  flags.duration("drain-deadline", options.drain_deadline, "Then wait so long for the rest.");
  const auto words = flags.parse(arguments);
  if (!words) {
    return fail(words.error());
  }
  if (flags.wants_help()) {
    options.help = flags.help();
    return options;
  }
  if (!words->empty()) {
    return fail(ErrorCode::kInvalid, fmt::format("unexpected argument \"{}\"", words->front()));
  }
  auto parsed = parse_endpoints(endpoints);
  if (!parsed) {
    return fail(parsed.error().with_context("--endpoints"));
  }
  options.endpoints = std::move(*parsed);
  if (Status status = check(options, port, threads); !status) {
    return fail(status.error());
  }
  options.proxy.port = static_cast<std::uint16_t>(port);
  options.proxy.idle_timeout = to_milliseconds(idle_timeout);
  options.proxy.max_in_flight = static_cast<std::size_t>(std::max<std::int64_t>(1, max_in_flight));
  options.proxy.max_connections =
      static_cast<std::size_t>(std::max<std::int64_t>(1, max_connections));
  options.threads = static_cast<std::size_t>(threads);
  return options;
}

}  // namespace sluice::router
