#include "dataplane/router/proxy_server.h"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/http/acceptor.h"
#include "dataplane/router/client_session.h"
#include "dataplane/router/lane_loop.h"

namespace sluice::router {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

}  // namespace

struct ProxyServer::State {
  explicit State(Router& its_router) : router(its_router) {}

  Router& router;
  ProxyShared shared;
  std::vector<std::unique_ptr<LaneLoop>> loops;
  std::vector<asio::executor_work_guard<asio::io_context::executor_type>> guards;
  std::vector<std::jthread> threads;
  std::optional<http::Acceptor> acceptor;
  std::uint16_t port = 0;

  void make_loops();
  void end_threads();
};

ProxyServer::ProxyServer(Router& router, ProxyOptions options)
    : state_(std::make_unique<State>(router)) {
  state_->shared.bearer = http::Bearer(options.token_file);
  state_->shared.options = std::move(options);
}

ProxyServer::~ProxyServer() {
  state_->end_threads();
}

void ProxyServer::State::make_loops() {
  http::Acceptor::Loops contexts;
  for (std::size_t i = 0; i < router.lanes(); ++i) {
    loops.push_back(std::make_unique<LaneLoop>(router, shared, i));
    guards.push_back(asio::make_work_guard(loops.back()->context()));
    loops.back()->start();
    contexts.push_back(&loops.back()->context());
  }
  acceptor.emplace(
      std::move(contexts), shared.connections, [this](std::size_t loop, tcp::socket socket) {
        std::make_shared<ClientSession>(*loops[loop], std::move(socket))->start();
      });
}

Status ProxyServer::start() {
  State& state = *state_;
  CHECK(state.threads.empty());
  const ProxyOptions& options = state.shared.options;
  state.make_loops();
  Status started =
      state.acceptor->start({.address = options.address,
                             .port = options.port,
                             .max_connections = options.max_connections,
                             .too_many_connections = "The router has all it can handle."});
  if (!started) {
    state.end_threads();
    return started;
  }
  state.port = state.acceptor->port();
  for (const std::unique_ptr<LaneLoop>& loop : state.loops) {
    state.threads.emplace_back([context = &loop->context()] { context->run(); });
  }
  return {};
}

std::uint16_t ProxyServer::port() const {
  return state_->port;
}

bool ProxyServer::stop(std::chrono::milliseconds deadline) {
  State& state = *state_;
  if (state.threads.empty()) {
    return true;
  }
  state.acceptor->stop([&state](std::size_t loop) { state.loops[loop]->finish_sessions(); });
  const bool is_clean = state.shared.connections.wait_for_end(deadline);
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
  loops.clear();
}

}  // namespace sluice::router
