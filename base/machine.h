#pragma once
// What the machine tells: clocks and seeds, for loops and for programs that have no loop. What
// decides is told the time and given an Rng. Any thread.

#include <cstdint>
#include <string>

#include "base/time.h"

namespace sluice {

// CLOCK_BOOTTIME: it goes on while the machine sleeps.
[[nodiscard]] MonotonicTime monotonic_now();
[[nodiscard]] WallTime wall_now();

// A seed from the kernel.
[[nodiscard]] std::uint64_t fresh_seed();
// A word that nobody can guess: 32 bytes from the kernel, as 64 hex digits.
[[nodiscard]] std::string fresh_word();

}  // namespace sluice
