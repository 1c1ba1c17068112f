#pragma once
// The clocks of the router's programs and tests. Any thread.

#include "base/time.h"

namespace sluice::router {

// CLOCK_BOOTTIME, as Loop::now.
[[nodiscard]] MonotonicTime monotonic_now();
[[nodiscard]] WallTime wall_now();

}  // namespace sluice::router
