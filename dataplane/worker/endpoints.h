#pragma once
// Endpoints that every serving verb has: /health, /ready, /metrics. Thread-safe.

#include <atomic>
#include <mutex>
#include <string>

#include "base/http/server.h"
#include "base/metrics.h"

namespace sluice::worker {

// What /ready says: 200 when ready, else 503 with the reason.
class Readiness {
 public:
  explicit Readiness(std::string reason) : reason_(std::move(reason)) {}

  void set_ready();
  void set_unready(const std::string& reason);
  [[nodiscard]] http::Response response() const;

 private:
  mutable std::mutex mutex_;
  bool is_ready_ = false;
  std::string reason_;
};

// The server must end before the others.
void serve_endpoints(http::Server& server,
                     const Readiness& readiness,
                     const MetricsRegistry& metrics);

// JSON text that appears once it is known: 503 until then.
class LateText {
 public:
  explicit LateText(std::string name) : name_(std::move(name)) {}

  void set(std::string text);
  // It will not come: 404 from now on.
  void set_absent();
  void serve(http::Server& server, const std::string& path);

 private:
  [[nodiscard]] http::Response response() const;

  std::string name_;
  mutable std::mutex mutex_;
  bool is_absent_ = false;
  std::string text_;
};

}  // namespace sluice::worker
