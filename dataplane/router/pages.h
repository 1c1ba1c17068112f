#pragma once
// The router's own pages: /counters, /health, /ready, /metrics. Any lane's thread.

#include <string>
#include <string_view>

#include "base/http/message.h"
#include "dataplane/router/proxy_options.h"
#include "dataplane/router/router.h"
#include "dataplane/wire/counters.h"

namespace sluice::router {

// The answer to a GET of one of them; 404 and 405 for all else.
[[nodiscard]] http::Response page_for(const http::Request& request,
                                      Router& router,
                                      const ProxyShared& shared);

// Prometheus text: a view of the counters, with twelve buckets of their latencies.
[[nodiscard]] std::string metrics_text(const wire::Counters& counters, const ProxyShared& shared);

// "OK" for 200, "Not Found" for 404 …
[[nodiscard]] std::string_view reason_of(int status);

}  // namespace sluice::router
