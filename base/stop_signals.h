#pragma once
// StopSignals: SIGTERM and SIGINT as something to wait for, as every program of ours does. Made at
// the start of main, before any thread, so that all of them leave the signals to it. SIGPIPE is
// ignored from then on. One thread.

#include <optional>

#include "base/time.h"

namespace sluice {

class StopSignals {
 public:
  // Until hold() is called, a signal ends the process at once (also as a container's process 1,
  // where the default would be to ignore it), with 128 + its number.
  StopSignals();

  // From now on signals are kept for wait(). Threads made now leave them to this one.
  void hold();
  // Back to ending the process at once, on this thread only.
  void release();
  // Waits for a signal; its number. Needs hold().
  int wait();
  // The same with a limit; nothing if no signal came. A limit of 0 only looks.
  [[nodiscard]] std::optional<int> wait_for(Duration limit);
};

}  // namespace sluice
