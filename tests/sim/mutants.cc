#include "tests/sim/mutants.h"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/mutant.h"
#include "tests/sim/play.h"
#include "tests/sim/verdict.h"

namespace sluice {
namespace {

// What is caught soonest where: the scenario that is played first, and with each crash.
struct Prey {
  Mutant mutant;
  std::string_view name;
  std::string_view scenario;
  std::string_view gap = {};  // Not told by any play so far, and what is missing.
};

constexpr std::array kPrey{
    Prey{Mutant::kWeightBeforeReady, "WeightBeforeReady", "GoodChange"},
    Prey{Mutant::kWeightNeverLess, "WeightNeverLess", "FailingDrill"},
    Prey{Mutant::kSameGeneration, "SameGeneration", "GoodChange"},
    Prey{Mutant::kConfirmedUnasked, "ConfirmedUnasked", "Abort"},
    Prey{Mutant::kRouterUnknown, "RouterUnknown", "GoodChange"},
    Prey{Mutant::kVerdictNotAwaited, "VerdictNotAwaited", "BadQuality"},
    Prey{Mutant::kVerdictUnwritten, "VerdictUnwritten", "FailingDrill"},
    Prey{Mutant::kCommitUnconfirmed, "CommitUnconfirmed", "GoodChange"},
    Prey{Mutant::kCommitBeforeWhole, "CommitBeforeWhole", "GoodChange"},
    Prey{Mutant::kNextAtOnce, "NextAtOnce", "NewerChange"},
    Prey{Mutant::kNewerIgnored, "NewerIgnored", "NewerChange"},
    Prey{Mutant::kLostPolicyForgotten, "LostPolicyForgotten", "PolicyDeleted"},
    Prey{Mutant::kNeverGrows, "NeverGrows", "GoodChange", "no scenario has more than two workers"},
    Prey{Mutant::kRetiredAtOnce, "RetiredAtOnce", "FailingDrill"},
    Prey{Mutant::kNoWatch, "NoWatch", "WorseLater"},
    Prey{Mutant::kReturnUnnoted,
         "ReturnUnnoted",
         "WorseLater",
         "the rollout itself waits for the same"},
    Prey{Mutant::kReturnUnconfirmed,
         "ReturnUnconfirmed",
         "WorseLater",
         "no oracle for a return that comes early"},
    Prey{Mutant::kEvaluationSkipped, "EvaluationSkipped", "BadQuality"},
    Prey{Mutant::kEditCountsAtOnce, "EditCountsAtOnce", "PolicyEdited"},
    Prey{Mutant::kStaleIndexJudged,
         "StaleIndexJudged",
         "NewerChange",
         "no play has so old a cache at that moment"},
    Prey{Mutant::kTrafficUnconfirmed, "TrafficUnconfirmed", "GoodChange"},
    Prey{Mutant::kClockRestarts, "ClockRestarts", "GoodChange"},
    Prey{Mutant::kEvidenceForgotten, "EvidenceForgotten", "GoodChange"},
    Prey{Mutant::kRollbackUnconfirmed,
         "RollbackUnconfirmed",
         "FailingDrill",
         "no oracle for a rollback that ends early"},
    Prey{Mutant::kTrafficKept, "TrafficKept", "FailingDrill"},
    Prey{Mutant::kSeqKept, "SeqKept", "GoodChange"},
    Prey{Mutant::kCommandRepeated, "CommandRepeated", "PauseAndResume"},
    Prey{Mutant::kCommandForgotten, "CommandForgotten", "Abort"},
    Prey{Mutant::kPauseIgnored, "PauseIgnored", "PauseAndResume"},
    Prey{Mutant::kStatusUnversioned,
         "StatusUnversioned",
         "GoodChange",
         "needs more seeds than were tried"},
    Prey{Mutant::kLookAgainDropped, "LookAgainDropped", "GoodChange"},
    Prey{Mutant::kDirtyLost, "DirtyLost", "GoodChange", "needs more seeds than were tried"},
    Prey{Mutant::kRetryForgotten,
         "RetryForgotten",
         "GoodChange",
         "whatever happens next asks again"},
    Prey{Mutant::kErrorSwallowed,
         "ErrorSwallowed",
         "GoodChange",
         "needs more seeds than were tried"},
    Prey{Mutant::kNeverFenced, "NeverFenced", "ApiAway", "needs more seeds than were tried"},
    Prey{Mutant::kLeaseTaken, "LeaseTaken", "GoodChange", "needs more seeds than were tried"},
    Prey{Mutant::kLeaseIgnored, "LeaseIgnored", "GoodChange"},
    Prey{Mutant::kGoneResumed, "GoneResumed", "GoodChange", "needs more seeds than were tried"},
    Prey{Mutant::kDeletedKept, "DeletedKept", "LostWorkers", "needs more seeds than were tried"},
    Prey{Mutant::kFirstEventLost,
         "FirstEventLost",
         "GoodChange",
         "needs more seeds than were tried"},
    Prey{Mutant::kNoRescue, "NoRescue", "FailingDrill"},
    Prey{Mutant::kQuarantineDeaf, "QuarantineDeaf", "FailingDrill"},
};

// A play that goes round and round without time passing is ended by the machine's clock.
constexpr unsigned kSecondsMax = 300;

// In which play, and the oracle's own words.
struct Catch {
  std::string play;
  std::string oracle;
};

std::optional<Catch> caught(const std::string& play, const std::vector<std::string>& lines) {
  if (lines.empty()) {
    return std::nullopt;
  }
  constexpr std::size_t kBytesMax = 160;
  const std::string& first = lines.front();
  return Catch{.play = play, .oracle = first.substr(0, std::min(first.find('\n'), kBytesMax))};
}

std::optional<Catch> hunt_undisturbed(const Prey& prey) {
  std::vector<const Scenario*> order{find_scenario(prey.scenario)};
  CHECK(order.front() != nullptr);
  for (const Scenario& scenario : all_scenarios()) {
    if (&scenario != order.front()) {
      order.push_back(&scenario);
    }
  }
  for (const Scenario* scenario : order) {
    if (auto found = caught(scenario->name + ", undisturbed",
                            objections(play(*scenario), undisturbed(*scenario)))) {
      return found;
    }
  }
  return std::nullopt;
}

std::optional<Catch> hunt_at_writes(const Prey& prey) {
  const Scenario& scenario = *find_scenario(prey.scenario);
  const Ending& wanted = undisturbed(scenario);
  for (const Trouble trouble : {Trouble::kCrash, Trouble::kLostReply}) {
    for (std::size_t n = 1; n <= wanted.writes.size(); ++n) {
      const std::string name =
          fmt::format("{}, {} write {}",
                      scenario.name,
                      trouble == Trouble::kCrash ? "crash after" : "reply lost of",
                      n);
      if (auto found = caught(name, objections(play(scenario, trouble, n), wanted))) {
        return found;
      }
    }
  }
  return std::nullopt;
}

std::optional<Catch> hunt_with_seeds(const HuntOptions& options) {
  for (std::int64_t i = 0; i < options.seeds; ++i) {
    const auto seed = static_cast<std::uint64_t>(options.first_seed + i);
    const Scenario& scenario = scenario_of(seed);
    if (auto found = caught(fmt::format("{}, seed {}", scenario.name, seed),
                            objections(play_seed(scenario, seed)))) {
      return found;
    }
  }
  return std::nullopt;
}

void say(const Prey& prey, const std::string& what) {
  std::fputs(fmt::format("{:<22}{}\n", prey.name, what).c_str(), stdout);
  std::fflush(stdout);
}

enum class HuntEnd { kCaught, kMissed, kKnownGap };

// In a process of its own, which may die of the bug. Exits with its HuntEnd.
[[noreturn]] void hunt(const Prey& prey, const HuntOptions& options) {
  alarm(kSecondsMax);
  plant(prey.mutant);
  std::optional<Catch> found = hunt_undisturbed(prey);
  found = found ? found : hunt_at_writes(prey);
  found = found ? found : hunt_with_seeds(options);
  if (found) {
    say(prey, fmt::format("{}: {}", found->play, found->oracle));
    std::_Exit(static_cast<int>(HuntEnd::kCaught));
  }
  const bool is_known = !prey.gap.empty();
  say(prey, is_known ? fmt::format("not caught, as is known: {}", prey.gap) : "NOT CAUGHT");
  std::_Exit(static_cast<int>(is_known ? HuntEnd::kKnownGap : HuntEnd::kMissed));
}

HuntEnd end_of(const Prey& prey, int status) {
  if (WIFEXITED(status)) {
    return static_cast<HuntEnd>(WEXITSTATUS(status));
  }
  const bool is_late = WTERMSIG(status) == SIGALRM;
  say(prey,
      is_late ? fmt::format("NOT CAUGHT within {} s", kSecondsMax)
              : fmt::format("the program died of it, by signal {}", WTERMSIG(status)));
  return !is_late ? HuntEnd::kCaught : prey.gap.empty() ? HuntEnd::kMissed : HuntEnd::kKnownGap;
}

}  // namespace

std::int64_t hunt_mutants(const HuntOptions& options) {
  for (const Scenario& scenario : all_scenarios()) {
    static_cast<void>(undisturbed(scenario));  // Once for all, before anything is planted.
  }
  std::vector<const Prey*> waiting;
  for (const Prey& prey : kPrey) {
    if (options.only.empty() || options.only == prey.name) {
      waiting.push_back(&prey);
    }
  }
  const bool has_prey = !waiting.empty();
  std::ranges::reverse(waiting);
  std::map<pid_t, const Prey*> hunts;
  std::map<HuntEnd, std::int64_t> ends;
  while (!waiting.empty() || !hunts.empty()) {
    if (!waiting.empty() && hunts.size() < static_cast<std::size_t>(options.jobs)) {
      const pid_t child = fork();
      CHECK(child >= 0);
      if (child == 0) {
        hunt(*waiting.back(), options);
      }
      hunts.emplace(child, waiting.back());
      waiting.pop_back();
      continue;
    }
    int status = 0;
    const pid_t ended = waitpid(-1, &status, 0);
    CHECK(hunts.contains(ended));
    ++ends[end_of(*hunts.at(ended), status)];
    hunts.erase(ended);
  }
  std::fputs(fmt::format("{} mutants caught, {} not caught, {} known gaps\n",
                         ends[HuntEnd::kCaught],
                         ends[HuntEnd::kMissed],
                         ends[HuntEnd::kKnownGap])
                 .c_str(),
             stdout);
  return ends[HuntEnd::kMissed] + (has_prey ? 0 : 1);
}

}  // namespace sluice
