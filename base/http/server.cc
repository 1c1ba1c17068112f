#include "base/http/server.h"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/http/connection.h"

namespace sluice::http {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using SystemError = boost::system::error_code;

constexpr std::chrono::milliseconds kTickMax{1000};
constexpr std::chrono::milliseconds kTickMin{10};
constexpr std::chrono::milliseconds kAcceptRetry{100};
constexpr std::string_view kTooManyConnections =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n"
    "Content-Type: application/json\r\nContent-Length: 87\r\n\r\n"
    R"({"error":{"code":"too_many_connections","message":"The server has all it can handle."}})";

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
  std::unique_ptr<tcp::acceptor> acceptor;  // On the first lane.
  std::unique_ptr<asio::steady_timer> accept_retry;
  std::size_t next_lane = 0;
  std::uint16_t port = 0;
  bool has_stopped_accepting = false;  // Under shared.mutex.

  void accept();
  void on_accept(const SystemError& error, Lane& lane, tcp::socket socket);
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

Status Server::start() {
  CHECK(state_->threads.empty());
  const ServerOptions& options = state_->shared.options;
  SystemError error;
  const auto address = asio::ip::make_address(options.address, error);
  if (error) {
    return fail(ErrorCode::kInvalid, "\"" + options.address + "\" is not a numeric IP address");
  }
  for (int i = 0; i < options.threads; ++i) {
    state_->lanes.push_back(std::make_unique<Lane>());
    state_->guards.push_back(asio::make_work_guard(state_->lanes.back()->context));
  }
  const tcp::endpoint endpoint(address, options.port);
  state_->acceptor = std::make_unique<tcp::acceptor>(state_->lanes.front()->context);
  state_->accept_retry = std::make_unique<asio::steady_timer>(state_->lanes.front()->context);
  tcp::acceptor& acceptor = *state_->acceptor;
  acceptor.open(endpoint.protocol(), error);
  if (!error) {
    acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  }
  if (!error) {
    acceptor.bind(endpoint, error);
  }
  if (!error) {
    acceptor.listen(asio::socket_base::max_listen_connections, error);
  }
  if (error) {
    return fail(ErrorCode::kUnavailable,
                "cannot listen on " + options.address + ":" + std::to_string(options.port) + ": " +
                    error.message());
  }
  state_->port = acceptor.local_endpoint(error).port();
  state_->accept();
  for (const std::unique_ptr<Lane>& lane : state_->lanes) {
    state_->threads.emplace_back([context = &lane->context] { context->run(); });
  }
  return {};
}

std::uint16_t Server::port() const {
  return state_->port;
}

// One acceptor hands connections to the lanes in turn: with few long-lived connections (a router's
// pool) SO_REUSEPORT's hash would leave some lanes idle.
void Server::State::accept() {
  Lane& lane = *lanes[next_lane++ % lanes.size()];
  acceptor->async_accept(lane.context, [this, &lane](const SystemError& error, tcp::socket socket) {
    on_accept(error, lane, std::move(socket));
  });
}

void Server::State::on_accept(const SystemError& error, Lane& lane, tcp::socket socket) {
  if (!acceptor->is_open()) {
    return;
  }
  if (error) {  // Out of descriptors, or the client has gone already.
    accept_retry->expires_after(kAcceptRetry);
    accept_retry->async_wait([this](const SystemError& cancelled) {
      if (!cancelled && acceptor->is_open()) {
        accept();
      }
    });
    return;
  }
  if (shared.connections.load() >= shared.options.max_connections) {
    ++shared.refused_connections;
    SystemError ignored;
    socket.send(asio::buffer(kTooManyConnections), MSG_DONTWAIT, ignored);
    socket.shutdown(tcp::socket::shutdown_send, ignored);
  } else {
    ++shared.connections;
    auto connection = std::make_shared<Connection>(shared, lane, std::move(socket));
    asio::post(lane.context, [connection] { connection->start(); });
  }
  accept();
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
  // From the first lane, so that connections it has handed over are ahead of the call to finish.
  asio::post(state.lanes.front()->context, [&state] {
    SystemError ignored;
    state.acceptor->close(ignored);
    state.accept_retry->cancel();
    {
      const std::lock_guard lock(state.shared.mutex);
      state.has_stopped_accepting = true;
    }
    state.shared.all_closed.notify_all();
    for (const std::unique_ptr<Lane>& lane : state.lanes) {
      asio::post(lane->context, [lane = lane.get()] {
        const std::vector<Connection*> open(lane->connections.begin(), lane->connections.end());
        for (Connection* connection : open) {
          connection->finish();
        }
      });
    }
  });
  bool is_clean = false;
  {
    std::unique_lock lock(state.shared.mutex);
    is_clean = state.shared.all_closed.wait_for(lock, deadline, [&state] {
      return state.has_stopped_accepting && state.shared.connections.load() == 0;
    });
  }
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
  accept_retry.reset();
  lanes.clear();
}

ServerStats Server::stats() const {
  const Shared& shared = state_->shared;
  return {.connections = shared.connections,
          .in_flight = shared.in_flight,
          .requests = shared.requests,
          .refused_busy = shared.refused_busy,
          .refused_connections = shared.refused_connections,
          .refused_bad = shared.refused_bad};
}

}  // namespace sluice::http
