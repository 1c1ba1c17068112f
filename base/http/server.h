#pragma once
// Server: HTTP/1.1 for everything of ours that listens (worker, router's and operator's own
// endpoints). It owns its threads; a handler runs on one of them and may answer later, from any
// thread. Every wait has a deadline and every size a bound; what is refused gets a clear 4xx.
//
//   Server server(options);
//   server.route("GET", "/health", [](const Request&, Reply reply) { reply({.body = "{}"}); });
//   Status started = server.start();   // listening; server.port() is known
//   server.start_draining();           // answers say "Connection: close"; still accepts
//   bool clean = server.stop(10s);     // no new requests; those in flight are finished

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/http/message.h"
#include "base/result.h"

namespace sluice::http {

struct ServerOptions {
  std::string address = "0.0.0.0";  // IPv4 or IPv6, numeric.
  std::uint16_t port = 0;           // 0: the kernel picks one.
  int threads = 1;                  // Each with an event loop of its own.
  std::size_t max_header_bytes = 16 * 1024;
  std::size_t max_body_bytes = 1024 * 1024;
  std::size_t max_connections = 1024;  // One more gets 503 and is closed.
  std::size_t max_in_flight = 256;     // One more gets 429 with Retry-After.
  // Deadlines are kept to about a quarter of the shortest of them, and to a second at worst.
  std::chrono::milliseconds header_deadline{10'000};   // From the first byte: 408.
  std::chrono::milliseconds body_deadline{30'000};     // From the end of the headers: 408.
  std::chrono::milliseconds handler_deadline{60'000};  // Until the handler answers: 503.
  std::chrono::milliseconds write_deadline{30'000};    // Without progress: closed.
  std::chrono::milliseconds idle_timeout{75'000};      // Between two requests: closed.
};

// The Request lives until the handler returns; keep a copy of what is needed later.
using Handler = std::function<void(const Request&, Reply)>;

struct RouteOptions {
  // Neither counted in max_in_flight nor refused by it: for health, readiness and metrics, which
  // must answer when everything else is busy.
  bool exempt_from_limit = false;
};

struct ServerStats {
  std::uint64_t connections = 0;          // Open now.
  std::uint64_t in_flight = 0;            // Requests in handlers now.
  std::uint64_t requests = 0;             // Given to handlers since the start.
  std::uint64_t refused_busy = 0;         // 429.
  std::uint64_t refused_connections = 0;  // 503 at accept.
  std::uint64_t refused_bad = 0;          // Malformed, too large, too slow, no such route.
};

class Server {
 public:
  explicit Server(ServerOptions options);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  // Stops at once, without waiting for requests in flight.
  ~Server();

  // Before start(). A path that ends in '*' matches every path with what stands before it; exact
  // paths win. A GET route answers HEAD as well.
  void route(std::string_view method,
             std::string_view path,
             Handler handler,
             RouteOptions options = {});

  // Binds, listens and starts the threads. kInvalid for a bad address, kUnavailable if the port
  // cannot be had.
  [[nodiscard]] Status start();
  [[nodiscard]] std::uint16_t port() const;

  // From now on each answer closes its connection, so that clients move on; new connections are
  // still served, because endpoints take a while to disappear from the clients' view.
  void start_draining();

  // Accepts nothing more, closes idle connections, waits for requests in flight, ends the
  // threads. False if some were still running at the deadline; they are cut off. Call it from a
  // thread that is not the server's.
  [[nodiscard]] bool stop(std::chrono::milliseconds deadline);

  [[nodiscard]] ServerStats stats() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::http
