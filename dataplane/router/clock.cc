#include "dataplane/router/clock.h"

#include <ctime>

namespace sluice::router {

MonotonicTime monotonic_now() {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return {std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec}};
}

WallTime wall_now() {
  return {std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::system_clock::now().time_since_epoch())};
}

}  // namespace sluice::router
