#include "dataplane/worker/endpoints.h"

namespace sluice::worker {
namespace {

constexpr http::RouteOptions kUnlimited{.exempt_from_limit = true};

}  // namespace

void Readiness::set_ready() {
  const std::lock_guard lock(mutex_);
  is_ready_ = true;
}

void Readiness::set_unready(const std::string& reason) {
  const std::lock_guard lock(mutex_);
  is_ready_ = false;
  reason_ = reason;
}

http::Response Readiness::response() const {
  const std::lock_guard lock(mutex_);
  if (is_ready_) {
    return {.body = "{\"status\":\"ready\"}"};
  }
  return http::error_response(503, "not_ready", reason_);
}

void serve_endpoints(http::Server& server,
                     const Readiness& readiness,
                     const MetricsRegistry& metrics) {
  server.route(
      "GET",
      "/health",
      [](const http::Request&, http::Reply reply) { reply({.body = "{\"status\":\"ok\"}"}); },
      kUnlimited);
  server.route(
      "GET",
      "/ready",
      [&readiness](const http::Request&, http::Reply reply) { reply(readiness.response()); },
      kUnlimited);
  server.route(
      "GET",
      "/metrics",
      [&metrics](const http::Request&, http::Reply reply) {
        reply({.content_type = "text/plain; version=0.0.4", .body = metrics.text()});
      },
      kUnlimited);
}

void LateText::set(std::string text) {
  const std::lock_guard lock(mutex_);
  text_ = std::move(text);
}

void LateText::set_absent() {
  const std::lock_guard lock(mutex_);
  is_absent_ = true;
}

http::Response LateText::response() const {
  const std::lock_guard lock(mutex_);
  if (is_absent_) {
    return http::error_response(404, "not_found", "There is no " + name_ + " here.");
  }
  if (text_.empty()) {
    return http::error_response(503, "not_ready", "The " + name_ + " is not known yet.");
  }
  return {.body = text_};
}

void LateText::serve(http::Server& server, const std::string& path) {
  server.route(
      "GET",
      path,
      [this](const http::Request&, http::Reply reply) { reply(response()); },
      kUnlimited);
}

}  // namespace sluice::worker
