// thousand_bench: one half of bench/thousand.py in a process of its own, on a cluster.
//   thousand_bench operator --pairs 1000 --namespace A --writes FILE   creates the pairs, runs an
//       operator over them until it has nothing more to write, and notes all writes in FILE
//   thousand_bench loop --namespace B --from-namespace A --writes FILE   makes them again, in B
// Prints one line of JSON: writes, failures, wall and CPU seconds, peak and last resident MiB.

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/time.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

#include "apiclient/client.h"
#include "apiclient/curl_loop.h"
#include "apiclient/curl_transport.h"
#include "apiclient/kubeconfig.h"
#include "base/describe.h"
#include "base/file.h"
#include "base/flags.h"
#include "base/log.h"
#include "base/metrics.h"
#include "bench/thousand/pairs.h"
#include "bench/thousand/recorder.h"
#include "bench/thousand/replayer.h"
#include "crds/names.h"
#include "crds/rag_index.h"
#include "operator/operator.h"

namespace sluice::bench {
namespace {

constexpr std::size_t kInFlight = CurlTransportOptions{}.in_flight_max;
constexpr Duration kLook = std::chrono::milliseconds{200};
constexpr Duration kQuiet = std::chrono::seconds{5};
constexpr Duration kPatience = std::chrono::minutes{15};
constexpr std::size_t kFileBytesMax = std::size_t{2} << 30U;

struct Options {
  std::int64_t pairs = 1000;
  std::string namespace_name = {};
  std::string from_namespace = {};
  std::string writes = {};
};

double in_seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

double cpu_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return of(used.ru_utime) + of(used.ru_stime);
}

double peak_mib() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  return static_cast<double>(used.ru_maxrss) / 1024;
}

double resident_mib() {
  std::ifstream file("/proc/self/statm");
  double size = 0;
  double resident = 0;
  file >> size >> resident;
  constexpr double kPagesInMib = 256;
  return resident / kPagesInMib;
}

// What a half has done, from its first write.
struct Progress {
  MonotonicTime began = {};
  MonotonicTime last_write = {};
  double cpu_before = 0;
  double mib_before = 0;
  std::int64_t writes = 0;
};

void print(const Progress& progress, std::int64_t failed) {
  fmt::print(
      R"({{"writes": {}, "failed": {}, "wall": {:.3f}, "cpu": {:.3f}, "mib_before": {:.1f}, "mib": {:.1f}, "mib_peak": {:.1f}}})"
      "\n",
      progress.writes,
      failed,
      in_seconds(progress.last_write - progress.began),
      cpu_seconds() - progress.cpu_before,
      progress.mib_before,
      resident_mib(),
      peak_mib());
}

void begin(Progress& progress, MonotonicTime now) {
  progress.began = now;
  progress.last_write = now;
  progress.cpu_before = cpu_seconds();
  progress.mib_before = resident_mib();
}

// Runs the loop until `holds`, at most kPatience. False when it was too long.
bool run_until(CurlLoop& loop, const std::function<bool()>& holds) {
  const MonotonicTime deadline = loop.now() + kPatience;
  bool has_held = false;
  std::function<void()> look = [&] {
    has_held = holds();
    if (has_held || loop.now() > deadline) {
      loop.stop();
    } else {
      loop.call_after(kLook, look);
    }
  };
  loop.call_after(Duration{0}, look);
  loop.run();
  return has_held;
}

struct SuspendedList {
  std::vector<api::RagIndex> items = {};
};

template <class Io>
void describe(Io& io, SuspendedList& value) {
  io.required("items", value.items, {.max_items = 100'000});
}

std::int64_t settled(const std::string& body) {
  const auto list = from_json<SuspendedList>(body);
  std::int64_t count = 0;
  for (const api::RagIndex& index : list ? list->items : std::vector<api::RagIndex>{}) {
    const auto* ready = kube::find_condition(index.status.conditions, "Ready");
    count += ready != nullptr && ready->reason == "Suspended" ? 1 : 0;
  }
  return count;
}

int run_operator(const Options& options, const ApiServerConfig& config) {
  CurlLoop loop;
  MetricsRegistry metrics;
  CurlTransport transport(loop, config);
  std::ofstream file(options.writes, std::ios::trunc);
  Progress progress;
  Recorder recorder(transport, [&](const Write& write) {
    file << line_of(write);
    ++progress.writes;
    progress.last_write = loop.now();
  });
  Operator op({loop, recorder, Rng(1)},
              metrics,
              {.image = "sluice:thousand",
               .pod_name = "thousand-bench",
               .pod_namespace = options.namespace_name,
               .watch_namespace = options.namespace_name});
  op.start([] {});
  if (!run_until(loop, [&op] { return op.is_ready(); })) {
    fmt::print(stderr, "the operator's caches did not come\n");
    return EXIT_FAILURE;
  }
  progress.writes = 0;
  file.close();
  file.open(options.writes, std::ios::trunc);
  begin(progress, loop.now());
  Replayer creator(recorder, kInFlight);
  bool is_created = false;
  creator.start(pairs(options.pairs, options.namespace_name), [&] { is_created = true; });
  const bool is_quiet =
      run_until(loop, [&] { return is_created && loop.now() - progress.last_write > kQuiet; });
  print(progress, creator.failed());
  Client client(loop, transport, metrics);
  std::int64_t count = -1;
  client.list({.kind = api::kRagIndexKind, .namespace_name = options.namespace_name, .limit = 0},
              [&](const Result<std::string>& body) { count = body ? settled(*body) : 0; });
  const bool is_answered = run_until(loop, [&count] { return count >= 0; });
  if (!is_quiet || !is_answered || count != options.pairs) {
    fmt::print(stderr, "{} of {} indexes have settled\n", count, options.pairs);
    return EXIT_FAILURE;
  }
  bool is_stopped = false;
  op.stop([&is_stopped] { is_stopped = true; });
  return run_until(loop, [&is_stopped] { return is_stopped; }) ? EXIT_SUCCESS : EXIT_FAILURE;
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

int run_loop(const Options& options, const ApiServerConfig& config) {
  const auto text = read_file(options.writes, kFileBytesMax);
  auto writes = text ? read_writes(*text) : Result<std::vector<Write>>(fail(text.error()));
  if (!writes) {
    fmt::print(stderr, "{}\n", writes.error().message);
    return EXIT_FAILURE;
  }
  for (Write& write : *writes) {
    replace_all(write.url, options.from_namespace, options.namespace_name);
    replace_all(write.body, options.from_namespace, options.namespace_name);
  }
  CurlLoop loop;
  CurlTransport transport(loop, config);
  Replayer replayer(transport, kInFlight);
  Progress progress;
  begin(progress, loop.now());
  bool is_done = false;
  replayer.start(*writes, [&] {
    is_done = true;
    progress.last_write = loop.now();
  });
  const bool has_ended = run_until(loop, [&is_done] { return is_done; });
  progress.writes = replayer.made();
  print(progress, replayer.failed());
  if (replayer.failed() > 0) {
    fmt::print(stderr, "{}\n", replayer.first_failure());
  }
  return has_ended && replayer.failed() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int start(const std::vector<std::string>& arguments) {
  Options options;
  Flags flags("thousand_bench {operator|loop}", "One half of bench/thousand.py.");
  flags.integer("pairs", options.pairs, "How many, up to 9999.");
  flags.text("namespace", options.namespace_name, "NAME", "Where the pairs are made.");
  flags.text("from-namespace", options.from_namespace, "NAME", "Where the writes were noted.");
  flags.text("writes", options.writes, "FILE", "The writes.");
  const auto words = flags.parse(arguments);
  const bool is_usable = words && words->size() == 1 && !options.namespace_name.empty() &&
                         !options.writes.empty() && options.pairs > 0 && options.pairs <= 9999;
  if (!is_usable) {
    fmt::print(stderr, "{}", flags.help());
    return 2;
  }
  set_up_logging(LogLevel::kError, LogFormat::kText);
  std::signal(SIGPIPE, SIG_IGN);
  const auto config = load_api_server_config(ConfigSources::from_environment(
      [](const char* name) -> const char* { return std::getenv(name); }));
  if (!config) {
    fmt::print(stderr, "{}\n", config.error().message);
    return EXIT_FAILURE;
  }
  return words->front() == "operator" ? run_operator(options, *config) : run_loop(options, *config);
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  return sluice::bench::start(sluice::arguments_of(argc, argv));
}
