#pragma once
// ProxyServer: the router's sockets: one loop a lane, one acceptor that deals connections to them
// in turn. Owned by main; its Router outlives it. start(), stop() from a thread that is not its
// own.

#include <chrono>
#include <cstdint>
#include <memory>

#include "base/result.h"
#include "dataplane/router/proxy_options.h"
#include "dataplane/router/router.h"

namespace sluice::router {

class ProxyServer {
 public:
  ProxyServer(Router& router, ProxyOptions options);
  ~ProxyServer();
  ProxyServer(const ProxyServer&) = delete;
  ProxyServer& operator=(const ProxyServer&) = delete;

  // Binds, listens, starts the threads. kInvalid for a bad address, kUnavailable if the port
  // cannot be had.
  [[nodiscard]] Status start();
  [[nodiscard]] std::uint16_t port() const;

  // Accepts nothing more, closes idle connections, waits for queries in work, ends the threads.
  // False if some were still in work at the deadline; they are cut off.
  [[nodiscard]] bool stop(std::chrono::milliseconds deadline);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::router
