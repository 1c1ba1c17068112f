// Prints how often the rules of a rollout err and how fast they find what is wrong, beside the
// rules of others; with --check whether all criteria are met. See docs/calibration.md.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/flags.h"
#include "bench/calibration/criteria.h"
#include "bench/calibration/kernels.h"
#include "bench/calibration/means.h"
#include "bench/calibration/report.h"
#include "bench/calibration/scenario.h"
#include "bench/calibration/trial.h"

namespace sluice::bench {
namespace {

struct Options {
  std::vector<std::string> scenarios = {};
  std::int64_t runs = 0;
  std::int64_t seed = 1;
  Duration block = std::chrono::seconds(10);
  bool as_json = false;
  bool is_listing = false;
  bool is_check = false;
  bool is_reduced = false;
  std::string vectors = {};
};

Flags flags_of(Options& options) {
  Flags flags("calibration_bench",
              "Random rollouts: how often the rules err, how fast they find what is wrong.");
  flags.list("scenarios",
             options.scenarios,
             "NAME",
             "Only scenarios whose name contains this, without the table of nulls. Default: all.");
  flags.integer("runs",
                options.runs,
                "Rollouts a row; a quarter of them where one lasts a day. 0: 2,000 healthy and "
                "1,000 faulty ones, 5,000 of a null.");
  flags.integer("seed", options.seed, "Same seed, same figures.");
  flags.duration("block", options.block, "How often counters are read: 5s or 10s.");
  flags.toggle("json", options.as_json, "One JSON object in place of the tables.");
  flags.toggle("list", options.is_listing, "Only names the scenarios.");
  flags.toggle("check", options.is_check, "Checks the criteria instead; exit 1 if one is missed.");
  flags.toggle("reduced", options.is_reduced, "With --check: as few runs as the unit test.");
  flags.text("vectors", options.vectors, "FILE", "With --check: known values of the formulas.");
  return flags;
}

// Says on stderr what is being done and how long it took.
class Progress {
 public:
  explicit Progress(std::size_t rows) : rows_(rows) {}

  template <class Work>
  auto row(std::string_view name, const TrialSize& size, const Work& work) {
    ++row_;
    fmt::print(
        stderr, "[{}/{}] {}: {} runs from seed {} ... ", row_, rows_, name, size.runs, size.seed);
    std::fflush(stderr);
    const auto began = std::chrono::steady_clock::now();
    auto result = work();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    fmt::print(stderr, "{:.1f} s\n", took.count());
    return result;
  }

 private:
  std::size_t rows_;
  std::size_t row_ = 0;
};

bool is_wanted(const Options& options, std::string_view name) {
  return options.scenarios.empty() ||
         std::ranges::any_of(options.scenarios, [name](const std::string& part) {
           return name.find(part) != std::string_view::npos;
         });
}

std::vector<Scenario> wanted(const Options& options, const std::vector<Scenario>& table) {
  std::vector<Scenario> scenarios;
  for (const Scenario& scenario : table) {
    if (is_wanted(options, scenario.name)) {
      scenarios.push_back(scenario);
      scenarios.back().block_seconds = std::chrono::duration<double>(options.block).count();
    }
  }
  return scenarios;
}

TrialSize size_of(const Options& options, std::int64_t full) {
  return {.runs = options.runs > 0 ? options.runs : full,
          .seed = static_cast<std::uint64_t>(options.seed)};
}

// Four times as few runs of what lasts a day.
TrialSize size_of(const Options& options, const Scenario& scenario, std::int64_t full) {
  TrialSize size = size_of(options, scenario.slowness ? std::min<std::int64_t>(full, 1000) : full);
  if (scenario.hours > 1) {
    size.runs = std::max<std::int64_t>(1, size.runs / 4);
  }
  return size;
}

void print_unless(bool is_silent, const std::string& text) {
  if (!is_silent) {
    fmt::print("{}", text);
    std::fflush(stdout);
  }
}

// One of the two tables.
struct Table {
  std::vector<Scenario> scenarios = {};
  std::int64_t runs = 0;
  std::string head = {};
  std::string (*row)(const ScenarioResult&) = nullptr;
};

std::vector<ScenarioResult> run_table(const Options& options,
                                      const Table& table,
                                      Progress& progress) {
  std::vector<RuleKind> kinds = peer_kinds();
  kinds.push_back(judge_kind());
  std::vector<ScenarioResult> results;
  if (!table.scenarios.empty()) {
    print_unless(options.as_json, table.head);
  }
  for (const Scenario& scenario : table.scenarios) {
    const TrialSize size = size_of(options, scenario, table.runs);
    results.push_back(
        {.scenario = scenario, .size = size, .outcomes = progress.row(scenario.name, size, [&] {
           return try_rules(scenario, kinds, size);
         })});
    print_unless(options.as_json, table.row(results.back()));
  }
  return results;
}

std::vector<NullResult> run_nulls(const Options& options, Progress& progress) {
  std::vector<NullResult> results;
  print_unless(options.as_json, null_head());
  const auto add = [&](NullResult result) {
    print_unless(options.as_json, null_row(result));
    results.push_back(std::move(result));
  };
  for (const Null& null : nulls()) {
    Scenario scenario = null.scenario;
    scenario.block_seconds = std::chrono::duration<double>(options.block).count();
    const TrialSize size = size_of(options, null.is_learned ? 2000 : 5000);
    add({.name = std::string(null.name),
         .alpha = null.alpha,
         .reference = null.reference,
         .rate = progress.row(null.name, size, [&] {
           return try_rules(scenario, {null.kind}, size).front().rolled_back;
         })});
  }
  for (const MeanNull& null : mean_nulls()) {
    const TrialSize size = size_of(options, 2000);
    add({.name = std::string(null.name),
         .alpha = kMeanAlpha,
         .reference = null.reference,
         .rate = progress.row(null.name, size, [&] { return mean_crossings(null, size); })});
  }
  return results;
}

Results run_tables(const Options& options) {
  const Table healthy{.scenarios = wanted(options, healthy_scenarios()),
                      .runs = 2000,
                      .head = false_rollback_head(),
                      .row = false_rollback_row};
  const Table faulty{.scenarios = wanted(options, faulty_scenarios()),
                     .runs = 1000,
                     .head = "\n" + detection_head(),
                     .row = detection_row};
  const bool has_nulls = options.scenarios.empty();
  Progress progress(healthy.scenarios.size() + faulty.scenarios.size() +
                    (has_nulls ? nulls().size() + mean_nulls().size() : 0));
  Results results;
  results.healthy = run_table(options, healthy, progress);
  results.faulty = run_table(options, faulty, progress);
  if (has_nulls) {
    print_unless(options.as_json, "\n");
    results.nulls = run_nulls(options, progress);
  }
  return results;
}

Results run_criteria(const Options& options) {
  const Effort effort{.is_full = !options.is_reduced,
                      .seed = static_cast<std::uint64_t>(options.seed),
                      .vectors = options.vectors};
  Results results;
  for (int number = 1; number <= kCriteria; ++number) {
    const auto began = std::chrono::steady_clock::now();
    results.criteria.push_back(check_criterion(number, effort));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    fmt::print(
        stderr, "[{}/{}] from seed {}: {:.1f} s\n", number, kCriteria, effort.seed, took.count());
    print_unless(options.as_json, criterion_text(results.criteria.back()));
  }
  return results;
}

void print_names() {
  for (const std::vector<Scenario>* table : {&healthy_scenarios(), &faulty_scenarios()}) {
    for (const Scenario& scenario : *table) {
      fmt::print("{}\n", scenario.name);
    }
  }
}

bool has_wanted(const Options& options) {
  return !wanted(options, healthy_scenarios()).empty() ||
         !wanted(options, faulty_scenarios()).empty();
}

int run(const std::vector<std::string>& arguments) {
  Options options;
  Flags flags = flags_of(options);
  const auto words = flags.parse(arguments);
  if (flags.wants_help()) {
    fmt::print("{}", flags.help());
    return 0;
  }
  const auto block_seconds = std::chrono::duration<double>(options.block).count();
  const bool is_block_good = block_seconds == 5 || block_seconds == 10;
  if (!words || !words->empty() || options.runs < 0 || options.seed < 0 || !is_block_good ||
      !has_wanted(options)) {
    fmt::print(stderr,
               "{}\n",
               !words           ? words.error().message
               : !is_block_good ? "--block: 5s or 10s"
                                : "no such scenario, a negative number, or words; see --help");
    return 2;
  }
  if (options.is_listing) {
    print_names();
    return 0;
  }
  const Results results = options.is_check ? run_criteria(options) : run_tables(options);
  if (options.as_json) {
    fmt::print("{}\n", to_json(results));
  }
  return std::ranges::all_of(results.criteria, is_met) ? 0 : 1;
}

}  // namespace
}  // namespace sluice::bench

int main(int argc, char** argv) {
  return sluice::bench::run(sluice::arguments_of(argc, argv));
}
