#include "operator/signals.h"

#include <csignal>

#include "base/check.h"

namespace sluice {
namespace {

// Ends the thread; nobody else sends it to us.
constexpr int kEndSignal = SIGUSR1;

sigset_t watched() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, kEndSignal}) {
    sigaddset(&set, signal);
  }
  return set;
}

}  // namespace

SignalWatch::SignalWatch(std::function<void(int)> on_signal) {
  std::signal(SIGPIPE, SIG_IGN);
  const sigset_t set = watched();
  CHECK(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
  thread_ = std::thread([set, on_signal = std::move(on_signal)] {
    for (;;) {
      int signal = 0;
      if (sigwait(&set, &signal) != 0 || signal == kEndSignal) {
        return;
      }
      on_signal(signal);
    }
  });
}

SignalWatch::~SignalWatch() {
  pthread_kill(thread_.native_handle(), kEndSignal);
  thread_.join();
}

}  // namespace sluice
