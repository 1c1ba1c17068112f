#pragma once
// Transport: the second seam. It carries HTTP exchanges and knows nothing of Kubernetes objects.
// Production has CurlTransport, tests have the FakeApiServer's. Used on the loop's thread only;
// handlers run on it too, never inside start() or cancel().

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace sluice {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

// Finds a header whatever the case of its name; empty when it is absent.
[[nodiscard]] std::string_view find_header(const HttpHeaders& headers, std::string_view name);

struct HttpRequest {
  std::string method = "GET";
  // A path with its query ("/api/v1/pods?limit=500") goes to the API server with our credentials.
  // An absolute "http://host:port/path" goes there without any: routers, workers.
  std::string url = {};
  HttpHeaders headers = {};
  std::string body = {};
  // The whole exchange, waiting for a free slot included. Every request has one.
  Duration deadline = std::chrono::seconds{30};
  // Fails with kTimeout when no byte came for so long; 0: never. For watches.
  Duration idle_timeout{0};
  // A larger answer fails with kInvalid. Streams are not bounded (their reader bounds each event).
  std::size_t body_bytes_max = std::size_t{256} * 1024 * 1024;
  // Not held back by the cap on requests in flight: the lease.
  bool is_urgent = false;
};

struct HttpResponse {
  int status = 0;
  HttpHeaders headers = {};
  std::string body = {};  // Empty when chunks were delivered.
};

struct HttpHandler {
  // Exactly once, unless the exchange is cancelled: nothing is called after cancel(). An HTTP error
  // status is a response, not an Error; Errors are kUnavailable, kTimeout, kInvalid (too large).
  std::function<void(Result<HttpResponse>)> on_done;
  // When set, the body of a 2xx answer is delivered here as it comes, cut anywhere.
  std::function<void(std::string_view)> on_chunk = {};
};

// Names an exchange; 0 names none.
struct TransferId {
  std::uint64_t value = 0;
  auto operator<=>(const TransferId&) const = default;
};

class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  virtual TransferId start(HttpRequest request, HttpHandler handler) = 0;
  // Legal at any moment, also inside the exchange's own handlers and for one that has ended.
  virtual void cancel(TransferId transfer) = 0;
};

}  // namespace sluice
