#include "bench/thousand/recorder.h"

#include <utility>

namespace sluice::bench {

TransferId Recorder::start(HttpRequest request, HttpHandler handler) {
  const bool is_write = request.method != "GET" && request.url.starts_with('/');
  if (!is_write) {
    return inner_.start(std::move(request), std::move(handler));
  }
  Write write{.method = request.method,
              .url = request.url,
              .content_type = std::string(find_header(request.headers, "Content-Type")),
              .body = request.body};
  handler.on_done = [this, write = std::move(write), done = std::move(handler.on_done)](
                        Result<HttpResponse> outcome) mutable {
    if (outcome && outcome->status >= 200 && outcome->status < 300) {
      write.names = names_in(outcome->body);
      on_write_(std::move(write));
    }
    done(std::move(outcome));
  };
  return inner_.start(std::move(request), std::move(handler));
}

}  // namespace sluice::bench
