#pragma once
// AdminServer: /livez, /readyz, /metrics and /problems of the operator, on a thread of its own. It
// never touches the operator: the loop publishes what is to be said through the atomics of Health.

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/http/server.h"
#include "base/metrics.h"

namespace sluice {

// Written by the loop's thread, read by the server's.
class Health {
 public:
  void publish(bool is_ready, bool is_leading, std::vector<std::string> problems);

  [[nodiscard]] bool is_ready() const { return is_ready_; }

  [[nodiscard]] bool is_leading() const { return is_leading_; }

  [[nodiscard]] std::vector<std::string> problems() const;

 private:
  std::atomic<bool> is_ready_{false};
  std::atomic<bool> is_leading_{false};
  mutable std::mutex mutex_;
  std::vector<std::string> problems_;
};

class AdminServer {
 public:
  // `is_alive` says whether the loop still turns; any thread. All must outlive the server.
  AdminServer(http::ServerOptions options,
              const Health& health,
              MetricsRegistry& metrics,
              std::function<bool()> is_alive);

  [[nodiscard]] Status start() { return server_.start(); }

  [[nodiscard]] std::uint16_t port() const { return server_.port(); }

 private:
  http::Server server_;
};

}  // namespace sluice
