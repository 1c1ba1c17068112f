// sluice-operator: reads its options, joins loop, transport and Operator, and runs until a signal
// or a lost lease. Exit codes: 0 after a clean stop, 1 when it could not start or lost its lease, 2
// for wrong flags.
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "apiclient/curl_loop.h"
#include "apiclient/curl_transport.h"
#include "base/flags.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/stop_signals.h"
#include "operator/admin_server.h"
#include "operator/operator.h"
#include "operator/options.h"

namespace sluice {
namespace {

constexpr Duration kHealthPeriod = std::chrono::milliseconds(250);
constexpr Duration kSignalPeriod = std::chrono::milliseconds(100);
constexpr Duration kStallMax = std::chrono::seconds(30);
constexpr Duration kStopMax = std::chrono::seconds(25);  // Below the pod's grace period.

void publish_health(Loop& loop, const Operator& op, Health& health) {
  health.publish(op.is_ready(), op.is_leading(), op.problems());
  loop.call_after(kHealthPeriod, [&] { publish_health(loop, op, health); });
}

// What a run leaves for main to return.
struct Ending {
  bool is_stopping = false;
  int exit_code = 0;
};

void stop_once(CurlLoop& loop, Operator& op, Ending& ending, int exit_code) {
  if (ending.is_stopping) {
    return;
  }
  ending = {.is_stopping = true, .exit_code = exit_code};
  op.stop([&loop] { loop.stop(); });
  loop.call_after(kStopMax, [&loop] {
    log_warn("stopping took too long; going without the rest");
    loop.stop();
  });
}

// Asked for on the loop: no other thread has to reach into it. `on_signal` is called once.
void watch_signals(Loop& loop, StopSignals& signals, std::function<void()> on_signal) {
  if (const auto signal = signals.wait_for(Duration{0})) {
    log_info("stopping", {{"signal", std::to_string(*signal)}});
    on_signal();
    return;
  }
  loop.call_after(kSignalPeriod, [&loop, &signals, on_signal = std::move(on_signal)] {
    watch_signals(loop, signals, on_signal);
  });
}

int run(const OperatorOptions& options, const ApiServerConfig& api_server, StopSignals& signals) {
  CurlLoop loop;
  MetricsRegistry metrics;
  CurlTransport transport(loop, api_server);
  Operator op({loop, transport, Rng(fresh_seed())},
              metrics,
              {.image = options.image,
               .pod_name = options.pod_name.empty() ? "sluice-operator" : options.pod_name,
               .pod_namespace = options.pod_namespace,
               .lease_namespace = options.leader_elect ? options.pod_namespace : std::string{},
               .watch_namespace = options.watch_namespace});
  Ending ending;
  watch_signals(loop, signals, [&] { stop_once(loop, op, ending, EXIT_SUCCESS); });
  Health health;
  AdminServer admin(
      {.address = options.http_address, .port = static_cast<std::uint16_t>(options.http_port)},
      health,
      metrics,
      [&loop] { return loop.since_last_turn() < kStallMax; });
  if (const Status started = admin.start(); !started) {
    log_error("cannot listen for health and metrics", {{"error", started.error().describe()}});
    return EXIT_FAILURE;
  }
  publish_health(loop, op, health);
  op.start([&] {
    log_error("the lease is lost; another operator may be writing");
    stop_once(loop, op, ending, EXIT_FAILURE);
  });
  log_info("sluice-operator runs",
           {{"apiServer", api_server.server},
            {"credentials", api_server.origin},
            {"image", options.image},
            {"httpPort", std::to_string(admin.port())}});
  loop.run();
  return ending.exit_code;
}

int start(const std::vector<std::string>& arguments) {
  StopSignals signals;
  const auto options = read_options(
      arguments, [](const char* name) { return static_cast<const char*>(std::getenv(name)); });
  if (!options) {
    std::fprintf(stderr, "sluice-operator: %s\n", options.error().message.c_str());
    return 2;
  }
  if (!options->help.empty()) {
    std::printf("%s", options->help.c_str());
    return EXIT_SUCCESS;
  }
  set_up_logging(options->log_level, options->log_format);
  const auto api_server = load_api_server_config(options->api_server);
  if (!api_server) {
    log_error("no way to the API server", {{"error", api_server.error().message}});
    return EXIT_FAILURE;
  }
  signals.hold();
  return run(*options, *api_server, signals);
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  return sluice::start(sluice::arguments_of(argc, argv));
}
