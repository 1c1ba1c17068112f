#pragma once
// Time as the program sees it. Monotonic time orders things and measures waits; wall time is only
// for what people read and for what Kubernetes stores (one-second resolution, RFC 3339, UTC).

#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sluice {

using Duration = std::chrono::nanoseconds;

// An instant of the Loop's clock (CLOCK_BOOTTIME in production: it goes on while a machine sleeps).
struct MonotonicTime {
  Duration since_boot{0};
  auto operator<=>(const MonotonicTime&) const = default;

  MonotonicTime operator+(Duration d) const { return {since_boot + d}; }

  Duration operator-(MonotonicTime other) const { return since_boot - other.since_boot; }
};

// An instant of the wall clock, in microseconds since 1970 (MicroTime is the finest Kubernetes
// has).
struct WallTime {
  std::chrono::microseconds since_epoch{0};
  auto operator<=>(const WallTime&) const = default;

  WallTime operator+(Duration d) const {
    return {since_epoch + std::chrono::duration_cast<std::chrono::microseconds>(d)};
  }

  Duration operator-(WallTime other) const { return since_epoch - other.since_epoch; }
};

// "2026-11-21T10:00:00Z"; fractions are cut off. Used for metav1.Time.
[[nodiscard]] std::string format_time(WallTime time);
// "2026-11-21T10:00:00.000000Z". Used for metav1.MicroTime (Leases, Events).
[[nodiscard]] std::string format_micro_time(WallTime time);
// Reads RFC 3339 with 'Z' or an offset and 0 to 9 digits of fraction.
[[nodiscard]] Result<WallTime> parse_time(std::string_view text);
// Cut to whole seconds, as a stored metav1.Time comes back.
[[nodiscard]] WallTime truncate_to_seconds(WallTime time);

// A duration as our API writes it: "5m", "1h30m", "250ms" (^([0-9]{1,5}(h|m|s|ms)){1,4}$).
[[nodiscard]] Result<Duration> parse_duration(std::string_view text);
// The shortest such text: 300 s -> "5m", 90 s -> "1m30s".
[[nodiscard]] std::string format_duration(Duration duration);

}  // namespace sluice
