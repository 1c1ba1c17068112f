#pragma once
// The command line of sluice-load.

#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace sluice::load {

struct LoadOptions {
  std::string url = {};  // http://host[:port]/path
  std::string queries = {};
  double rate = 100;     // A second.
  Duration duration{0};  // 0: until SIGTERM.
  std::int64_t connections = 64;
  std::int64_t max_in_flight = 2048;
  Duration timeout = std::chrono::seconds{10};
  Duration wait = std::chrono::seconds{60};  // For the queries' file and the host's name.
  std::int64_t port = -1;                    // Of /stats; -1: none, 0: any.
  std::int64_t top_k = 10;
  std::string help = {};  // Not empty: print it and leave.
};

// The parts of LoadOptions::url.
struct Target {
  std::string host = {};
  std::string port = "80";
  std::string path = "/";
};

[[nodiscard]] Result<LoadOptions> parse_options(const std::vector<std::string>& arguments);
[[nodiscard]] Result<Target> parse_target(std::string_view url);

}  // namespace sluice::load
