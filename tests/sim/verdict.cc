#include "tests/sim/verdict.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <sstream>

namespace sluice {
namespace {

// A crash may cost an Event, but nothing is told twice: except that a quarantine goes on, which is
// news again to an operator that has been blind for a while; and that a second rollout's step is
// told in the words of the first's, which a recorder that lives on counts on the same Event.
std::vector<std::string> once(std::vector<std::string> events, bool has_rollouts) {
  std::vector<std::string> recurring{"CanaryRollout Quarantined"};
  if (has_rollouts) {
    recurring.insert(recurring.end(), {"CanaryRollout StepPassed", "CanaryRollout StepStarted"});
  }
  for (const std::string& each : recurring) {
    const auto first = std::ranges::find(events, each);
    if (first != events.end()) {
      events.erase(std::next(first), std::ranges::upper_bound(events, each));
    }
  }
  return events;
}

// The first line in which they differ, then both whole.
std::string beside(const std::vector<std::string>& is, const std::vector<std::string>& wanted) {
  const auto [ours, theirs] = std::ranges::mismatch(is, wanted);
  const auto line = [](const auto& at, const std::vector<std::string>& of) {
    return at == of.end() ? std::string("nothing") : *at;
  };
  return fmt::format("{} instead of {}\n{}\ninstead of\n{}",
                     line(ours, is),
                     line(theirs, wanted),
                     fmt::join(is, "\n"),
                     fmt::join(wanted, "\n"));
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(line);
  }
  return lines;
}

bool has_events(const Ending& ending, const Ending& wanted) {
  if (!ending.had_trouble) {
    return ending.events == wanted.events;
  }
  const bool has_rollouts =
      std::ranges::count(wanted.events, std::string("CanaryRollout RolloutStarted")) > 1;
  return std::ranges::includes(once(wanted.events, has_rollouts),
                               once(ending.events, has_rollouts));
}

}  // namespace

std::vector<std::string> objections(const Ending& ending) {
  std::vector<std::string> lines;
  for (const std::string& line : ending.wrong) {
    lines.push_back("witness: " + line);
  }
  if (!ending.has_ended) {
    lines.push_back("end: it does not come, or does not last\n" + ending.where);
  }
  return lines;
}

std::vector<std::string> objections(const Ending& ending, const Ending& wanted) {
  std::vector<std::string> lines = objections(ending);
  if (!ending.has_ended) {
    return lines;
  }
  if (ending.history != wanted.history) {
    lines.push_back("history: " + beside(ending.history, wanted.history));
  }
  if (ending.cluster != wanted.cluster) {
    lines.push_back("cluster: " + beside(lines_of(ending.cluster), lines_of(wanted.cluster)));
  }
  if (!has_events(ending, wanted)) {
    lines.push_back("events: " + beside(ending.events, wanted.events));
  }
  return lines;
}

}  // namespace sluice
