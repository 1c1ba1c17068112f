#pragma once
// The hunt for mutants (base/mutant.h): each is planted, and played until an oracle objects to how
// it ends. One that no play tells from the operator shows an oracle, or a scenario, that is
// missing. For builds with SLUICE_MUTANTS.

#include <cstdint>
#include <string>

namespace sluice {

struct HuntOptions {
  std::int64_t first_seed = 1;
  std::int64_t seeds = 200;  // Played where the plays without chance do not tell.
  std::int64_t jobs = 1;     // Processes at once.
  std::string only = {};     // The name of one mutant; empty: all.
};

// Prints a line each: in which play it was caught, and what the oracle said. The number of those
// that were not.
[[nodiscard]] std::int64_t hunt_mutants(const HuntOptions& options);

}  // namespace sluice
