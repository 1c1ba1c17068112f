#include "operator/admin_server.h"

#include "base/json_writer.h"

namespace sluice {
namespace {

http::Response verdict(bool is_good, std::string_view good, std::string body) {
  http::Response response{.status = is_good ? 200 : 503, .body = std::move(body)};
  response.headers.emplace_back("X-Sluice-State",
                                is_good ? std::string(good) : "not " + std::string(good));
  return response;
}

std::string ready_body(const Health& health) {
  JsonWriter json;
  json.begin_object().member("ready", health.is_ready()).member("leading", health.is_leading());
  json.key("problems").begin_array();
  for (const std::string& problem : health.problems()) {
    json.value(std::string_view(problem));
  }
  return json.end_array().end_object().take();
}

}  // namespace

void Health::publish(bool is_ready, bool is_leading, std::vector<std::string> problems) {
  is_ready_ = is_ready;
  is_leading_ = is_leading;
  const std::lock_guard lock(mutex_);
  problems_ = std::move(problems);
}

std::vector<std::string> Health::problems() const {
  const std::lock_guard lock(mutex_);
  return problems_;
}

AdminServer::AdminServer(http::ServerOptions options,
                         const Health& health,
                         MetricsRegistry& metrics,
                         std::function<bool()> is_alive)
    : server_(std::move(options)) {
  const http::RouteOptions always{.exempt_from_limit = true};
  server_.route(
      "GET",
      "/livez",
      [is_alive = std::move(is_alive)](const http::Request&, http::Reply reply) {
        const bool alive = is_alive();
        reply(verdict(alive, "alive", alive ? R"({"alive":true})" : R"({"alive":false})"));
      },
      always);
  server_.route(
      "GET",
      "/readyz",
      [&health](const http::Request&, http::Reply reply) {
        reply(verdict(health.is_ready(), "ready", ready_body(health)));
      },
      always);
  server_.route(
      "GET",
      "/metrics",
      [&metrics](const http::Request&, http::Reply reply) {
        reply({.content_type = "text/plain; version=0.0.4", .body = metrics.text()});
      },
      always);
}

}  // namespace sluice
