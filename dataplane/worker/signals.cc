#include "dataplane/worker/signals.h"

#include <unistd.h>

#include <csignal>
#include <ctime>

namespace sluice::worker {
namespace {

constexpr int kExitBySignal = 128;

void end_process(int signal) {
  ::_exit(kExitBySignal + signal);
}

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return set;
}

}  // namespace

Signals::Signals() {
  struct sigaction action{};
  action.sa_handler = &end_process;
  sigemptyset(&action.sa_mask);
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGINT, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

void Signals::hold() {
  const sigset_t set = ending_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
}

void Signals::release() {
  const sigset_t set = ending_signals();
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void Signals::wait() {
  const sigset_t set = ending_signals();
  int signal = 0;
  while (::sigwait(&set, &signal) != 0) {
  }
}

bool Signals::wait_for(std::chrono::milliseconds limit) {
  const sigset_t set = ending_signals();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(limit);
  const timespec timeout{
      .tv_sec = seconds.count(),
      .tv_nsec = std::chrono::duration_cast<std::chrono::nanoseconds>(limit - seconds).count()};
  return ::sigtimedwait(&set, nullptr, &timeout) > 0;
}

}  // namespace sluice::worker
