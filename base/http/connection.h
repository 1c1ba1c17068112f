#pragma once
// Connection: one client's socket, from accept to close. Lives on its lane (one event loop, one
// thread) and is touched by that thread only; replies from other threads are posted to it.
// Internal to base/http, because it shows Asio.

#include <array>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/http/connection_count.h"
#include "base/http/request_parser.h"
#include "base/http/server.h"

namespace sluice::http {

struct Route {
  std::string method;
  std::string path;
  bool is_prefix = false;
  Handler handler;
  RouteOptions options;
};

// What all connections of a server share. Routes and options do not change after start().
struct Shared {
  ServerOptions options;
  std::vector<Route> routes;
  std::chrono::milliseconds tick{1000};  // How often a connection looks at its deadline.
  std::atomic<bool> is_draining{false};
  ConnectionCount connections;
  std::atomic<std::uint64_t> in_flight{0};
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> refused_busy{0};
  std::atomic<std::uint64_t> refused_bad{0};
};

// A reply from another thread must not post to a loop that is gone: it holds the gate, and the
// server closes the gate before it destroys the loop.
struct Gate {
  std::mutex mutex;
  bool is_open = true;
};

class Connection;

struct Lane {
  std::shared_ptr<Gate> gate = std::make_shared<Gate>();
  std::unordered_set<Connection*> connections;  // The lane's thread only.
  boost::asio::io_context context{1};           // Last: connections die with it and look above.
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Shared& shared, Lane& lane, boost::asio::ip::tcp::socket socket);
  ~Connection();

  void start();
  // Draining: closes now if no request has begun, else after its answer.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  enum class Phase { kIdle, kHeader, kBody, kHandler, kWriting, kLingering, kClosed };

  void set_phase(Phase phase);
  [[nodiscard]] std::chrono::milliseconds allowed(Phase phase) const;
  void arm_timer();
  void on_deadline();

  void read_more();
  void process();
  void handle();
  [[nodiscard]] Reply make_reply();
  void refuse(Response response);
  void on_reply(std::uint64_t sequence, Response response);
  void release_in_flight();

  void write(Response response);
  void write_next_piece();
  void on_written();
  void linger();
  void close();

  Shared& shared_;
  Lane& lane_;
  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer timer_;
  Clock::time_point deadline_{};
  Phase phase_ = Phase::kIdle;
  RequestParser parser_;
  std::array<char, 16 * 1024> read_buffer_{};
  std::uint64_t sequence_ = 0;  // Of the request being answered; older replies are ignored.
  bool counts_in_flight_ = false;
  bool closes_after_write_ = false;
  bool is_finishing_ = false;  // The server stops: no lingering.
  std::size_t lingered_bytes_ = 0;

  // The answer being written: its head and body, then pieces of a file or of shared memory.
  std::string out_;
  std::optional<SharedBytes> shared_body_;
  int file_ = -1;
  std::uint64_t body_offset_ = 0;
  std::uint64_t body_left_ = 0;
  std::string peer_;
};

}  // namespace sluice::http
