#pragma once
// Signals: SIGTERM and SIGINT as something to wait for. Made at the start of main, before any
// thread, so that all of them leave the signals to it.

#include <chrono>

namespace sluice::worker {

class Signals {
 public:
  // Until wait() is called, a signal ends the process at once (also as a container's process 1,
  // where the default would be to ignore it).
  Signals();

  // From now on signals are kept for wait(). Threads made now leave them to this one.
  void hold();
  // Back to ending the process at once, on this thread only.
  void release();
  // Waits for a signal; needs hold().
  void wait();
  // The same with a limit; whether a signal came.
  [[nodiscard]] bool wait_for(std::chrono::milliseconds limit);
};

}  // namespace sluice::worker
