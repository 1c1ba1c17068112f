#pragma once
// The limits of the proxy and what its lanes share. Plain values and atomics.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/http/bearer.h"
#include "base/http/connection_count.h"

namespace sluice::router {

struct ProxyOptions {
  std::string address = "0.0.0.0";  // Numeric.
  std::uint16_t port = 8080;        // 0: the kernel picks one.
  std::size_t max_header_bytes = 16 * 1024;
  std::size_t max_body_bytes = 1024 * 1024;
  std::size_t max_connections = 4096;  // One more gets 503 and is closed.
  std::size_t max_in_flight = 1024;    // Queries; one more gets 429 with Retry-After.
  // Kept to a quarter of a second.
  std::chrono::milliseconds header_deadline{10'000};
  std::chrono::milliseconds body_deadline{30'000};
  std::chrono::milliseconds write_deadline{30'000};
  std::chrono::milliseconds idle_timeout{75'000};
  std::string token_file = {};  // What /counters asks for; nothing if there is none.
};

// What the lanes of one proxy share.
struct ProxyShared {
  ProxyOptions options;
  http::Bearer bearer;  // Of /counters.
  http::ConnectionCount connections;
  std::atomic<std::size_t> in_flight{0};
  std::atomic<std::uint64_t> refused_busy{0};
  std::atomic<std::uint64_t> refused_bad{0};
};

}  // namespace sluice::router
