#pragma once
// Loop: the first of the three seams to the world (Loop, Transport, Rng). One thread runs a loop;
// every callback runs on it, never inside the call that registered it. Production has CurlLoop
// (apiclient/), tests have a loop with a clock of their own.

#include <cstdint>
#include <functional>

#include "base/time.h"

namespace sluice {

// Names a pending timer; 0 names none.
struct TimerId {
  std::uint64_t value = 0;
  auto operator<=>(const TimerId&) const = default;
};

class Loop {
 public:
  Loop() = default;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  virtual ~Loop() = default;

  [[nodiscard]] virtual MonotonicTime now() const = 0;
  [[nodiscard]] virtual WallTime wall_now() const = 0;

  // Runs `task` once, not before `delay` has passed. Timers of equal time run in order of arming.
  virtual TimerId call_after(Duration delay, std::function<void()> task) = 0;
  // The timer will not run. Legal at any moment, also for one that ran already or for {0}.
  virtual void cancel(TimerId timer) = 0;
  // Runs `task` soon, on the loop's thread. The only member that other threads may call.
  virtual void post(std::function<void()> task) = 0;
};

}  // namespace sluice
