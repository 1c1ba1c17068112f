#include "base/stop_signals.h"

#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>

#include "base/check.h"

namespace sluice {
namespace {

constexpr int kExitBySignal = 128;

void end_process(int signal) {
  ::_exit(kExitBySignal + signal);
}

sigset_t stop_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

StopSignals::StopSignals() {
  struct sigaction action{};
  action.sa_handler = &end_process;
  sigemptyset(&action.sa_mask);
  CHECK(::sigaction(SIGTERM, &action, nullptr) == 0);
  CHECK(::sigaction(SIGINT, &action, nullptr) == 0);
  std::signal(SIGPIPE, SIG_IGN);
}

void StopSignals::hold() {
  const sigset_t set = stop_signals();
  CHECK(::pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
}

void StopSignals::release() {
  const sigset_t set = stop_signals();
  CHECK(::pthread_sigmask(SIG_UNBLOCK, &set, nullptr) == 0);
}

int StopSignals::wait() {
  const sigset_t set = stop_signals();
  int signal = 0;
  while (::sigwait(&set, &signal) != 0) {
  }
  return signal;
}

std::optional<int> StopSignals::wait_for(Duration limit) {
  const sigset_t set = stop_signals();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limit);
  const timespec timeout{.tv_sec = seconds.count(), .tv_nsec = (limit - seconds).count()};
  int signal = -1;
  do {
    signal = ::sigtimedwait(&set, nullptr, &timeout);
  } while (signal < 0 && errno == EINTR);  // Stopped and continued, for example by a debugger.
  return signal > 0 ? std::optional(signal) : std::nullopt;
}

}  // namespace sluice
