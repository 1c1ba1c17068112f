#pragma once
// CurlTransport: production's Transport, over the CurlLoop's multi handle. Lives shorter than its
// loop; destroying it cancels what is in flight, and no handler is called afterwards. Loop thread.
//
// HTTP/1.1 throughout, so each exchange owns its connection. Unary requests to the API server share
// `in_flight_max` slots and wait their turn; watches and urgent requests (the lease) never wait.
// A 401 is answered once by reading the token file again and repeating the request.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "apiclient/credentials.h"
#include "apiclient/curl_loop.h"
#include "apiclient/transport.h"

namespace sluice {

struct CurlTransportOptions {
  std::size_t in_flight_max = 16;
  // Requests to other hosts (scrapes) have slots of their own.
  std::size_t foreign_in_flight_max = 32;
  // Requests that wait for a slot; one more fails at once with kThrottled.
  std::size_t waiting_max = 20'000;
  std::string user_agent = "sluice/0.1.0 (linux/amd64)";
};

class CurlTransport final : public Transport {
 public:
  CurlTransport(CurlLoop& loop, ApiServerConfig config, CurlTransportOptions options = {});
  ~CurlTransport() override;

  TransferId start(HttpRequest request, HttpHandler handler) override;
  void cancel(TransferId transfer) override;

  // Exchanges that have begun and not ended, waiting ones included.
  [[nodiscard]] std::size_t in_flight() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice
