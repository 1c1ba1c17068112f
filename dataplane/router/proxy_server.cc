#include "dataplane/router/proxy_server.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "dataplane/router/client_session.h"
#include "dataplane/router/lane_loop.h"

namespace sluice::router {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using SystemError = boost::system::error_code;

constexpr std::chrono::milliseconds kAcceptRetry{100};
constexpr std::string_view kTooManyConnections =
    "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n"
    "Content-Type: application/json\r\nContent-Length: 87\r\n\r\n"
    R"({"error":{"code":"too_many_connections","message":"The router has all it can handle."}})";

}  // namespace

struct ProxyServer::State {
  explicit State(Router& its_router) : router(its_router) {}

  Router& router;
  ProxyShared shared;
  std::vector<std::unique_ptr<LaneLoop>> loops;
  std::vector<asio::executor_work_guard<asio::io_context::executor_type>> guards;
  std::vector<std::jthread> threads;
  std::unique_ptr<tcp::acceptor> acceptor;  // On the first loop.
  std::unique_ptr<asio::steady_timer> accept_retry;
  std::size_t next_loop = 0;
  std::uint16_t port = 0;
  bool has_stopped_accepting = false;  // Under shared.mutex.

  void accept();
  void on_accept(const SystemError& error, LaneLoop& loop, tcp::socket socket);
  void end_threads();
};

ProxyServer::ProxyServer(Router& router, ProxyOptions options)
    : state_(std::make_unique<State>(router)) {
  state_->shared.options = std::move(options);
}

ProxyServer::~ProxyServer() {
  state_->end_threads();
}

Status ProxyServer::start() {
  State& state = *state_;
  CHECK(state.threads.empty());
  const ProxyOptions& options = state.shared.options;
  SystemError error;
  const auto address = asio::ip::make_address(options.address, error);
  if (error) {
    return fail(ErrorCode::kInvalid, "\"" + options.address + "\" is not a numeric IP address");
  }
  for (std::size_t i = 0; i < state.router.lanes(); ++i) {
    state.loops.push_back(std::make_unique<LaneLoop>(state.router, state.shared, i));
    state.guards.push_back(asio::make_work_guard(state.loops.back()->context()));
    state.loops.back()->start();
  }
  const tcp::endpoint endpoint(address, options.port);
  state.acceptor = std::make_unique<tcp::acceptor>(state.loops.front()->context());
  state.accept_retry = std::make_unique<asio::steady_timer>(state.loops.front()->context());
  tcp::acceptor& acceptor = *state.acceptor;
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
  state.port = acceptor.local_endpoint(error).port();
  state.accept();
  for (const std::unique_ptr<LaneLoop>& loop : state.loops) {
    state.threads.emplace_back([context = &loop->context()] { context->run(); });
  }
  return {};
}

std::uint16_t ProxyServer::port() const {
  return state_->port;
}

void ProxyServer::State::accept() {
  LaneLoop& loop = *loops[next_loop++ % loops.size()];
  acceptor->async_accept(loop.context(),
                         [this, &loop](const SystemError& error, tcp::socket socket) {
                           on_accept(error, loop, std::move(socket));
                         });
}

void ProxyServer::State::on_accept(const SystemError& error, LaneLoop& loop, tcp::socket socket) {
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
    // The session registers with its loop, so it is made on the loop's thread.
    asio::post(loop.context(), [&loop, moved = std::move(socket)]() mutable {
      std::make_shared<ClientSession>(loop, std::move(moved))->start();
    });
  }
  accept();
}

bool ProxyServer::stop(std::chrono::milliseconds deadline) {
  State& state = *state_;
  if (state.threads.empty()) {
    return true;
  }
  // From the first loop, so that connections it has handed over are ahead of the call to finish.
  asio::post(state.loops.front()->context(), [&state] {
    SystemError ignored;
    state.acceptor->close(ignored);
    state.accept_retry->cancel();
    {
      const std::lock_guard lock(state.shared.mutex);
      state.has_stopped_accepting = true;
    }
    state.shared.all_closed.notify_all();
    for (const std::unique_ptr<LaneLoop>& loop : state.loops) {
      asio::post(loop->context(), [loop = loop.get()] { loop->finish_sessions(); });
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

void ProxyServer::State::end_threads() {
  guards.clear();
  for (const std::unique_ptr<LaneLoop>& loop : loops) {
    loop->context().stop();
  }
  threads.clear();  // Joins.
  acceptor.reset();
  accept_retry.reset();
  loops.clear();
}

}  // namespace sluice::router
