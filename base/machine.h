#pragma once
// What the machine tells: clocks and seeds, for loops and for programs that have no loop. What
// decides is told the time and given an Rng. Any thread.

#include <cstdint>

#include "base/time.h"

namespace sluice {

// CLOCK_BOOTTIME: it goes on while the machine sleeps.
[[nodiscard]] MonotonicTime monotonic_now();
[[nodiscard]] WallTime wall_now();

// A seed from the kernel.
[[nodiscard]] std::uint64_t fresh_seed();

}  // namespace sluice
