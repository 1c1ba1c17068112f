#pragma once
// One play of a scenario by the production Operator on an API server in this process, in virtual
// time, and how it ended. Two ways: exactly, with at most one trouble at one of its writes; or in a
// world whose times and faults are all drawn from a seed. What must hold whenever anybody looks is
// watched with every write, and at the end there is silence.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tests/sim/scenario.h"

namespace sluice {

enum class Trouble {
  kNone,
  kCrash,      // The operator is destroyed before it hears the reply; another one starts.
  kLostReply,  // The write is applied and the connection reset.
  kNoModels,   // The operator may not read ModelVersions, or their CRD is not installed.
};

struct Ending {
  bool has_ended = false;  // The story came to its end, and stayed there in silence.
  bool had_trouble = false;
  std::string where = {};                 // If not: where it stands.
  std::string cluster = {};               // normal_form() of what is left.
  std::string objects = {};               // The same without statuses.
  std::vector<std::string> history = {};  // Witness::history().
  std::vector<std::string> events = {};   // Kind and reason of each, sorted.
  std::vector<std::string> wrong = {};    // What did not hold, a line each.
  std::vector<std::string> writes = {};   // World::writes().
  std::string faults = {};                // For people.
  std::int64_t queries = 0;
  std::int64_t excused = 0;  // Users who failed when stable's own workers had just been hurt.
  std::uint64_t trace_hash = 0;
};

// `at_write` from 1, of Ending::writes.
[[nodiscard]] Ending play(const Scenario& scenario,
                          Trouble trouble = Trouble::kNone,
                          std::size_t at_write = 0);

// How it ends when nothing goes wrong; played once in a process.
[[nodiscard]] const Ending& undisturbed(const Scenario& scenario);

// The same seed gives the same play. `on_line` may be empty.
[[nodiscard]] Ending play_seed(const Scenario& scenario,
                               std::uint64_t seed,
                               std::function<void(const std::string&)> on_line = {});

// The scenario that a seed is for, if nobody asks for another one.
[[nodiscard]] const Scenario& scenario_of(std::uint64_t seed);

}  // namespace sluice
