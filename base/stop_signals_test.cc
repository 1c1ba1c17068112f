#include "base/stop_signals.h"

#include <gtest/gtest.h>

#include <csignal>

namespace sluice {
namespace {

using std::chrono::seconds;

// The process's own handling of signals changes: each test runs in a child of its own.
template <class Body>
void in_a_child(Body body, int exit_code) {
  EXPECT_EXIT(
      {
        body();
        std::_Exit(0);
      },
      testing::ExitedWithCode(exit_code),
      "");
}

TEST(StopSignals, EndTheProcessAtOnceUntilTheyAreHeld) {
  for (const int signal : {SIGTERM, SIGINT}) {
    in_a_child(
        [signal] {
          const StopSignals signals;
          std::raise(signal);
        },
        128 + signal);
  }
}

TEST(StopSignals, AreKeptForTheOneWhoWaits) {
  in_a_child(
      [] {
        StopSignals signals;
        signals.hold();
        std::raise(SIGINT);
        std::_Exit(signals.wait());
      },
      SIGINT);
  in_a_child(
      [] {
        StopSignals signals;
        signals.hold();
        std::raise(SIGTERM);
        std::_Exit(signals.wait_for(seconds{10}).value_or(0));
      },
      SIGTERM);
}

TEST(StopSignals, OfWhichNoneCameAreNothing) {
  in_a_child(
      [] {
        StopSignals signals;
        signals.hold();
        const bool is_none =
            !signals.wait_for(Duration{0}) && !signals.wait_for(std::chrono::milliseconds{1});
        std::_Exit(is_none ? 7 : 1);
      },
      7);
}

TEST(StopSignals, ThatWereKeptEndTheProcessWhenReleased) {
  in_a_child(
      [] {
        StopSignals signals;
        signals.hold();
        std::raise(SIGTERM);
        signals.release();
      },
      128 + SIGTERM);
}

TEST(StopSignals, LeaveNothingOfABrokenPipe) {
  in_a_child(
      [] {
        const StopSignals signals;
        std::raise(SIGPIPE);
      },
      0);
}

}  // namespace
}  // namespace sluice
