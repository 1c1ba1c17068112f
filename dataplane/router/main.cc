// sluice-router: composition only: options, signals, plan source, proxy, drain.

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "apiclient/kubeconfig.h"
#include "base/file.h"
#include "base/flags.h"
#include "base/log.h"
#include "base/machine.h"
#include "base/stop_signals.h"
#include "dataplane/router/options.h"
#include "dataplane/router/plan_keeper.h"
#include "dataplane/router/proxy_server.h"
#include "dataplane/router/route_watch.h"

namespace sluice::router {
namespace {

constexpr int kExitUsage = 2;
constexpr std::size_t kTableBytesMax = std::size_t{1024} * 1024;  // As a ConfigMap can hold.
constexpr Duration kTablePeriod = std::chrono::milliseconds{500};

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "router";
}

// Reads a table file again when it has changed. Main's thread.
class TableFile {
 public:
  TableFile(std::string path, PlanKeeper& keeper) : path_(std::move(path)), keeper_(keeper) {}

  Status read() {
    auto text = read_file(path_, kTableBytesMax);
    if (!text) {
      return fail(text.error());
    }
    if (*text == seen_) {
      return {};
    }
    seen_ = *std::move(text);
    return keeper_.take_table(seen_);
  }

 private:
  std::string path_;
  PlanKeeper& keeper_;
  std::string seen_;
};

// Until SIGTERM or SIGINT.
void wait_for_stop(StopSignals& signals, TableFile* table_file) {
  if (table_file == nullptr) {
    signals.wait();
    return;
  }
  while (!signals.wait_for(kTablePeriod)) {
    (void)table_file->read();  // What is wrong with it is in the log.
  }
}

int drain(Router& router,
          ProxyServer& server,
          const ProgramOptions& options,
          StopSignals& signals) {
  using std::chrono::milliseconds;
  log_info("draining", {{"delay", format_duration(options.drain_delay)}});
  router.set_draining();
  // Clients and load balancers take a while to see that we are no longer ready.
  (void)signals.wait_for(options.drain_delay);  // A second signal cuts it short.
  const bool is_clean =
      server.stop(std::chrono::duration_cast<milliseconds>(options.drain_deadline));
  log_info("stopped", {{"clean", is_clean ? "true" : "false"}});
  return is_clean ? 0 : 1;
}

// Starts to watch the index's route, in a cluster or by a kubeconfig.
Result<std::unique_ptr<WatchThread>> start_watch(const ProgramOptions& options,
                                                 PlanKeeper& keeper,
                                                 std::uint64_t seed) {
  ConfigSources sources = ConfigSources::from_environment(
      [](const char* name) -> const char* { return std::getenv(name); });
  sources.kubeconfig_flag = options.kubeconfig;
  auto config = load_api_server_config(sources);
  if (!config) {
    return fail(config.error());
  }
  const WatchedIndex index{.namespace_name = options.namespace_name.empty()
                                                 ? config->default_namespace
                                                 : options.namespace_name,
                           .name = options.index};
  log_info(
      "watching",
      {{"server", config->server}, {"namespace", index.namespace_name}, {"index", index.name}});
  return std::make_unique<WatchThread>(std::move(*config), keeper, index, seed);
}

int run(const ProgramOptions& options, StopSignals& signals) {
  const std::uint64_t seed = fresh_seed();
  Router router({.name = options.name,
                 .process_start_id = fmt::format("{:016x}", seed),
                 .lanes = options.threads,
                 .seed = seed});
  PlanKeeper keeper(router, options.state_folder);
  keeper.restore();
  std::optional<TableFile> table_file;
  if (!options.table_file.empty()) {
    keeper.take_endpoints(options.endpoints);
    table_file.emplace(options.table_file, keeper);
    if (Status status = table_file->read(); !status && !keeper.table()) {
      log_error("no route table", {{"reason", status.error().message}});
      return kExitUsage;
    }
  }
  std::unique_ptr<WatchThread> watch;
  if (!options.index.empty()) {
    auto started = start_watch(options, keeper, seed + 1);
    if (!started) {
      log_error("no API server to watch", {{"reason", started.error().message}});
      return kExitUsage;
    }
    watch = std::move(*started);
  }
  ProxyServer server(router, options.proxy);
  if (Status status = server.start(); !status) {
    log_error("cannot start", {{"reason", status.error().message}});
    return 1;
  }
  log_info("serving",
           {{"port", std::to_string(server.port())}, {"lanes", std::to_string(router.lanes())}});
  wait_for_stop(signals, table_file ? &*table_file : nullptr);
  return drain(router, server, options, signals);
}

int main_of(int argc, char** argv) {
  // Before any thread: all of them inherit it, and only main takes these signals.
  StopSignals signals;
  signals.hold();
  const MachineFacts machine{.cores = std::max(1U, std::thread::hardware_concurrency()),
                             .host_name = host_name()};
  const auto options = parse_options(arguments_of(argc, argv), machine);
  if (!options) {
    fmt::print(stderr, "sluice-router: {}\n", options.error().message);
    return kExitUsage;
  }
  if (!options->help.empty()) {
    fmt::print("{}", options->help);
    return 0;
  }
  set_up_logging(LogLevel::kInfo,
                 options->log_format == "text" ? LogFormat::kText : LogFormat::kJson);
  return run(*options, signals);
}

}  // namespace
}  // namespace sluice::router

int main(int argc, char** argv) {
  return sluice::router::main_of(argc, argv);
}
