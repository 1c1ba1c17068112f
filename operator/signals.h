#pragma once
// SignalWatch: SIGTERM and SIGINT as a callback on a thread of its own; SIGPIPE is ignored. Make it
// before any other thread, so that all threads inherit the blocked mask.

#include <functional>
#include <thread>

namespace sluice {

class SignalWatch {
 public:
  // `on_signal` is called for each signal that arrives, with its number.
  explicit SignalWatch(std::function<void(int)> on_signal);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  std::thread thread_;
};

}  // namespace sluice
