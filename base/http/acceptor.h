#pragma once
// Acceptor: listens for a server and deals the connections to its event loops in turn: with few
// long-lived connections (a router's pool) SO_REUSEPORT's hash would leave some loops idle.
// Internal to servers (base/http, dataplane/router), because it shows Asio.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/http/connection_count.h"
#include "base/result.h"

namespace sluice::http {

struct AcceptorOptions {
  std::string address;                    // IPv4 or IPv6, numeric.
  std::uint16_t port = 0;                 // 0: the kernel picks one.
  std::size_t max_connections = 1;        // One more gets 503 and is closed.
  std::string too_many_connections = {};  // What that one is told.
};

// Runs on the first loop and lives from before the loops run until none runs any more.
class Acceptor {
 public:
  using Loops = std::vector<boost::asio::io_context*>;
  // Called on the thread of `loops[loop]`. The connection is counted already.
  using Take = std::function<void(std::size_t loop, boost::asio::ip::tcp::socket socket)>;

  // The loops (at least one) and the count outlive it.
  Acceptor(Loops loops, ConnectionCount& count, Take take);
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // Binds, listens and begins to accept. kInvalid for a bad address, kUnavailable if the port
  // cannot be had.
  [[nodiscard]] Status start(const AcceptorOptions& options);

  // Any thread. Accepts nothing more, closes the count, then calls `then` on each loop's thread:
  // after every connection that it was given.
  void stop(std::function<void(std::size_t loop)> then);

  // The port it listens on, once started.
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  using SystemError = boost::system::error_code;
  void accept();
  void on_accept(const SystemError& error, std::size_t loop, boost::asio::ip::tcp::socket socket);
  void refuse(boost::asio::ip::tcp::socket socket) const;

  Loops loops_;
  ConnectionCount& count_;
  Take take_;
  std::size_t max_connections_ = 1;
  std::string refusal_;
  std::size_t next_loop_ = 0;
  std::uint16_t port_ = 0;
  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer retry_;
};

}  // namespace sluice::http
