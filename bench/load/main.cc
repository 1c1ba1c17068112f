// sluice-load: composition only: options, queries, stats server, runner, summary.

#include <fmt/format.h>

#include <cstdio>
#include <optional>

#include "base/flags.h"
#include "base/http/server.h"
#include "base/machine.h"
#include "base/stop_signals.h"
#include "bench/load/load_options.h"
#include "bench/load/load_runner.h"
#include "bench/load/load_statistics.h"
#include "bench/load/query_list.h"

namespace sluice::load {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr int kExitUnreachable = 4;

int complain(int status, const Error& error) {
  fmt::print(stderr, "sluice-load: {}\n", error.message);
  return status;
}

void add_routes(http::Server& server, LoadStatistics& statistics) {
  server.route("GET", "/health", [](const http::Request&, http::Reply reply) {
    reply({.body = "{\"healthy\":true}"});
  });
  server.route("GET", "/stats", [&statistics](const http::Request&, http::Reply reply) {
    reply({.body = statistics.to_json(wall_now())});
  });
  server.route("POST", "/mark", [&statistics](const http::Request& request, http::Reply reply) {
    const auto name = request.query_parameter("name");
    if (!name || name->empty() || name->size() > 64) {
      reply(http::error_response(400, "no_name", "POST /mark?name=…, of 1 to 64 characters."));
    } else if (!statistics.begin_mark(*name, wall_now())) {
      reply(http::error_response(409, "too_many_marks", "There are 64 marks already."));
    } else {
      reply({.body = "{\"marked\":true}"});
    }
  });
}

int run(const LoadOptions& options, StopSignals& signals) {
  const auto text = read_queries(options.queries, options.wait);
  if (!text) {
    return complain(kExitUnreachable, text.error());
  }
  const auto bodies = bodies_of(*text, options.top_k);
  if (!bodies) {
    return complain(kExitUsage, bodies.error());
  }
  signals.hold();  // Before the server's threads.
  LoadStatistics statistics(wall_now(), options.rate);
  std::optional<http::Server> server;
  if (options.port >= 0) {
    server.emplace(http::ServerOptions{.port = static_cast<std::uint16_t>(options.port)});
    add_routes(*server, statistics);
    if (Status status = server->start(); !status) {
      return complain(kExitUnreachable, status.error());
    }
    fmt::print(stderr, "figures at http://localhost:{}/stats\n", server->port());
  }
  LoadRunner runner(options, *bodies, statistics);
  if (Status status = runner.run([&signals] { return signals.wait_for(Duration{0}).has_value(); });
      !status) {
    return complain(kExitUnreachable, status.error());
  }
  fmt::print("{}\n", statistics.to_json(wall_now()));
  return statistics.failed() == 0 ? 0 : kExitFailed;
}

int main_of(int argc, char** argv) {
  StopSignals signals;
  const auto options = parse_options(arguments_of(argc, argv));
  if (!options) {
    return complain(kExitUsage, options.error());
  }
  if (!options->help.empty()) {
    fmt::print("{}", options->help);
    return 0;
  }
  return run(*options, signals);
}

}  // namespace
}  // namespace sluice::load

int main(int argc, char** argv) {
  return sluice::load::main_of(argc, argv);
}
