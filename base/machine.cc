#include "base/machine.h"

#include <sys/random.h>

#include <array>
#include <ctime>

#include "base/check.h"
#include "base/hex.h"

namespace sluice {
namespace {

std::chrono::nanoseconds read_clock(clockid_t clock) {
  timespec time{};
  CHECK(::clock_gettime(clock, &time) == 0);
  return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

}  // namespace

MonotonicTime monotonic_now() {
  return {read_clock(CLOCK_BOOTTIME)};
}

WallTime wall_now() {
  return {std::chrono::duration_cast<std::chrono::microseconds>(read_clock(CLOCK_REALTIME))};
}

std::uint64_t fresh_seed() {
  std::uint64_t seed = 0;
  CHECK(::getrandom(&seed, sizeof seed, 0) == static_cast<ssize_t>(sizeof seed));
  return seed;
}

std::string fresh_word() {
  std::array<unsigned char, 32> bytes{};
  CHECK(::getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  return to_hex(bytes);
}

}  // namespace sluice
