// sluice-sim: plays scenarios from seeds, each seed another world with other faults, in as many
// processes as it is told. A failure is one line that plays it again. Exit codes: 0 when every seed
// ended as it must, 1 when one did not, 2 for wrong flags.
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <new>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/flags.h"
#include "base/log.h"
#ifdef SLUICE_MUTANTS
#include "tests/sim/mutants.h"
#endif
#include "tests/sim/play.h"

namespace sluice {
namespace {

struct Options {
  std::int64_t first_seed = 1;
  std::int64_t seeds = 200;
  std::int64_t jobs = 1;
  std::string scenario;
  bool is_traced = false;
  bool has_list = false;
  bool has_mutants = false;
  std::string mutant;
};

// What the processes tell each other; in memory that all of them see.
struct Board {
  static constexpr std::size_t kJobsMax = 64;
  std::atomic<std::int64_t> next_seed = 0;
  std::atomic<std::int64_t> done = 0;
  std::atomic<std::int64_t> failed = 0;
  // What each job is at: if it dies of a bug, this is the seed that it died of.
  std::atomic<std::int64_t> at[kJobsMax] = {};
};

void say(const std::string& line) {
  std::fputs((line + "\n").c_str(), stdout);
  std::fflush(stdout);
}

const Scenario& scenario_for(const Options& options, std::int64_t seed) {
  const Scenario* chosen = find_scenario(options.scenario);
  return chosen != nullptr ? *chosen : scenario_of(static_cast<std::uint64_t>(seed));
}

std::string again(const Options& options, std::int64_t seed) {
  return fmt::format("sluice-sim --trace --seeds 1 --first-seed {} --scenario {}",
                     seed,
                     scenario_for(options, seed).name);
}

// Whether it ended as it must.
bool play_one(const Options& options, std::int64_t seed) {
  const Scenario& scenario = scenario_for(options, seed);
  const auto trace = [](const std::string& line) { say(line); };
  const Ending ending = options.is_traced
                            ? play_seed(scenario, static_cast<std::uint64_t>(seed), trace)
                            : play_seed(scenario, static_cast<std::uint64_t>(seed));
  if (options.is_traced) {
    say(fmt::format(
        "seed {} {} {}\ntrace {:016x}", seed, scenario.name, ending.faults, ending.trace_hash));
    for (const std::string& line : ending.wrong) {
      say("wrong: " + line);
    }
    if (!ending.where.empty()) {
      say(ending.where);
    }
  }
  if (ending.has_ended && ending.wrong.empty()) {
    return true;
  }
  say(fmt::format("FAILED seed {} {}: {} ({}): {}",
                  seed,
                  scenario.name,
                  ending.wrong.empty() ? "did not come to its end" : ending.wrong.front(),
                  ending.faults,
                  again(options, seed)));
  return false;
}

[[noreturn]] void run_job(const Options& options, Board& board, std::size_t job) {
  const std::int64_t end = options.first_seed + options.seeds;
  for (std::int64_t seed = board.next_seed++; seed < end; seed = board.next_seed++) {
    board.at[job] = seed;
    board.failed += play_one(options, seed) ? 0 : 1;
    ++board.done;
  }
  std::_Exit(0);
}

pid_t start_job(const Options& options, Board& board, std::size_t job) {
  std::fflush(stdout);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    run_job(options, board, job);
  }
  return child;
}

double seconds_now() {
  timespec now{};
  CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// One that died of a bug is said with its seed, and another one goes on with the next.
void bury(const Options& options, Board& board, std::vector<pid_t>& jobs) {
  int status = 0;
  for (pid_t dead = waitpid(-1, &status, WNOHANG); dead > 0; dead = waitpid(-1, &status, WNOHANG)) {
    const auto found = std::ranges::find(jobs, dead);
    CHECK(found != jobs.end());
    const auto job = static_cast<std::size_t>(found - jobs.begin());
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
      *found = 0;
      continue;
    }
    const std::int64_t seed = board.at[job];
    ++board.failed;
    ++board.done;
    say(fmt::format("FAILED seed {} {}: the program died of it: {}",
                    seed,
                    scenario_for(options, seed).name,
                    again(options, seed)));
    *found = start_job(options, board, job);
  }
}

int run(const Options& options) {
  void* memory =
      mmap(nullptr, sizeof(Board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(memory != MAP_FAILED);
  Board& board = *new (memory) Board;
  board.next_seed = options.first_seed;
  sigset_t children{};
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  CHECK(sigprocmask(SIG_BLOCK, &children, nullptr) == 0);
  std::vector<pid_t> jobs;
  const double began = seconds_now();
  for (std::size_t job = 0; job < static_cast<std::size_t>(options.jobs); ++job) {
    jobs.push_back(start_job(options, board, job));
  }
  double said = began;
  while (std::ranges::any_of(jobs, [](pid_t job) { return job != 0; })) {
    const timespec patience{.tv_sec = 1, .tv_nsec = 0};
    sigtimedwait(&children, nullptr, &patience);
    bury(options, board, jobs);
    if (const double now = seconds_now(); now - said >= 10) {
      said = now;
      say(fmt::format("{} of {} seeds, {} failed, {:.1f} seeds a second",
                      board.done.load(),
                      options.seeds,
                      board.failed.load(),
                      static_cast<double>(board.done.load()) / (now - began)));
    }
  }
  const double took = seconds_now() - began;
  say(fmt::format("{} seeds in {:.1f} s with {} jobs: {:.1f} seeds a second, {} failed",
                  board.done.load(),
                  took,
                  options.jobs,
                  static_cast<double>(board.done.load()) / took,
                  board.failed.load()));
  return board.failed == 0 && board.done == options.seeds ? EXIT_SUCCESS : EXIT_FAILURE;
}

int hunt([[maybe_unused]] const Options& options) {
#ifdef SLUICE_MUTANTS
  const auto missed = hunt_mutants({.first_seed = options.first_seed,
                                    .seeds = options.seeds,
                                    .jobs = options.jobs,
                                    .only = options.mutant});
  return missed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
#else
  say("built without mutants: hack/build --preset mutants sluice-sim");
  return 2;
#endif
}

int run(int argc, char** argv) {
  Options options;
  Flags flags("sluice-sim", "Plays scenarios from seeds; run it in the root of the tree.");
  flags.integer("first-seed", options.first_seed, "The first seed.");
  flags.integer("seeds", options.seeds, "How many, one after the other.");
  flags.integer("jobs", options.jobs, "Processes at once.");
  flags.text("scenario", options.scenario, "NAME", "Only this one; else each seed has its own.");
  flags.toggle("trace", options.is_traced, "Every line of what happens, and its hash.");
  flags.toggle("list", options.has_list, "The scenarios.");
  flags.toggle("mutants", options.has_mutants, "Plants bugs, and says which play tells.");
  flags.text("mutant", options.mutant, "NAME", "With --mutants: only this one.");
  const auto words = flags.parse(arguments_of(argc, argv));
  const bool is_wrong = !words || !words->empty() || options.first_seed < 0 || options.seeds < 1 ||
                        options.jobs < 1 ||
                        options.jobs > static_cast<std::int64_t>(Board::kJobsMax) ||
                        (!options.scenario.empty() && find_scenario(options.scenario) == nullptr);
  if (flags.wants_help()) {
    say(flags.help());
    return EXIT_SUCCESS;
  }
  if (is_wrong) {
    say(words ? "wrong value, or no such scenario (--list)" : words.error().describe());
    return 2;
  }
  if (options.has_list) {
    for (const Scenario& scenario : all_scenarios()) {
      say(fmt::format("{:<16}{}", scenario.name, scenario.what));
    }
    return EXIT_SUCCESS;
  }
  set_up_logging(LogLevel::kError, LogFormat::kText);
  return options.has_mutants ? hunt(options) : run(options);
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  return sluice::run(argc, argv);
}
