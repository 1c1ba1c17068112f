#include "base/http/server.h"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/http/acceptor.h"
#include "base/http/connection.h"

namespace sluice::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::chrono::milliseconds kTickMax{1000};
constexpr std::chrono::milliseconds kTickMin{10};

std::chrono::milliseconds tick_for(const ServerOptions& options) {
  const auto shortest = std::min({options.header_deadline,
                                  options.body_deadline,
                                  options.handler_deadline,
                                  options.write_deadline,
                                  options.idle_timeout});
  return std::clamp(shortest / 4, kTickMin, kTickMax);
}

}  // namespace

struct Server::State {
  Shared shared;
  std::vector<std::unique_ptr<Lane>> lanes;
  std::vector<asio::executor_work_guard<asio::io_context::executor_type>> guards;
  std::vector<std::jthread> threads;
  std::optional<Acceptor> acceptor;
  std::uint16_t port = 0;

  void make_lanes();
  void end_threads();
};

Server::Server(ServerOptions options) : state_(std::make_unique<State>()) {
  CHECK(options.threads > 0);
  CHECK(options.max_in_flight > 0);
  state_->shared.tick = tick_for(options);
  state_->shared.options = std::move(options);
}

Server::~Server() {
  state_->end_threads();
}

void Server::route(std::string_view method,
                   std::string_view path,
                   Handler handler,
                   RouteOptions options) {
  CHECK(state_->threads.empty());
  CHECK(path.starts_with('/'));
  const bool is_prefix = path.ends_with('*');
  if (is_prefix) {
    path.remove_suffix(1);
  }
  state_->shared.routes.push_back({.method = std::string(method),
                                   .path = std::string(path),
                                   .is_prefix = is_prefix,
                                   .handler = std::move(handler),
                                   .options = options});
}

void Server::State::make_lanes() {
  Acceptor::Loops loops;
  for (int i = 0; i < shared.options.threads; ++i) {
    lanes.push_back(std::make_unique<Lane>());
    guards.push_back(asio::make_work_guard(lanes.back()->context));
    loops.push_back(&lanes.back()->context);
  }
  acceptor.emplace(
      std::move(loops), shared.connections, [this](std::size_t lane, tcp::socket socket) {
        std::make_shared<Connection>(shared, *lanes[lane], std::move(socket))->start();
      });
}

Status Server::start() {
  CHECK(state_->threads.empty());
  const ServerOptions& options = state_->shared.options;
  state_->make_lanes();
  Status started =
      state_->acceptor->start({.address = options.address,
                               .port = options.port,
                               .max_connections = options.max_connections,
                               .too_many_connections = "The server has all it can handle."});
  if (!started) {
    state_->end_threads();
    return started;
  }
  state_->port = state_->acceptor->port();
  for (const std::unique_ptr<Lane>& lane : state_->lanes) {
    state_->threads.emplace_back([context = &lane->context] { context->run(); });
  }
  return {};
}

std::uint16_t Server::port() const {
  return state_->port;
}

void Server::start_draining() {
  state_->shared.is_draining = true;
}

bool Server::stop(std::chrono::milliseconds deadline) {
  State& state = *state_;
  if (state.threads.empty()) {
    return true;
  }
  start_draining();
  state.acceptor->stop([&state](std::size_t lane) {
    const auto& connections = state.lanes[lane]->connections;
    const std::vector<Connection*> open(connections.begin(), connections.end());
    for (Connection* connection : open) {
      connection->finish();
    }
  });
  const bool is_clean = state.shared.connections.wait_for_end(deadline);
  state.end_threads();
  return is_clean;
}

void Server::State::end_threads() {
  for (const std::unique_ptr<Lane>& lane : lanes) {
    const std::lock_guard lock(lane->gate->mutex);
    lane->gate->is_open = false;
  }
  guards.clear();
  for (const std::unique_ptr<Lane>& lane : lanes) {
    lane->context.stop();
  }
  threads.clear();  // Joins.
  acceptor.reset();
  lanes.clear();
}

ServerStats Server::stats() const {
  const Shared& shared = state_->shared;
  return {.connections = shared.connections.open(),
          .in_flight = shared.in_flight,
          .requests = shared.requests,
          .refused_busy = shared.refused_busy,
          .refused_connections = shared.connections.refused(),
          .refused_bad = shared.refused_bad};
}

}  // namespace sluice::http
