#pragma once

// CHECK(condition): for bugs, never for input. On in all builds; logs the place and aborts.
// Kubernetes restarts us and the level-triggered controllers recover.

namespace sluice {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}  // namespace sluice

#define CHECK(condition)                                      \
  do {                                                        \
    if (!(condition)) [[unlikely]] {                          \
      ::sluice::check_failed(#condition, __FILE__, __LINE__); \
    }                                                         \
  } while (false)
