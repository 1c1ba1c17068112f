#include "apiclient/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "apiclient/watch.h"
#include "base/check.h"
#include "base/log.h"
#include "base/text.h"

namespace sluice {
namespace {

constexpr std::size_t kMessageMax = 4096;
constexpr std::size_t kWarningsRemembered = 200;
constexpr Duration kListDeadline = std::chrono::minutes{2};
// A watch is ended by the server after its timeout; the deadline only covers a server that forgot.
constexpr Duration kWatchGrace = std::chrono::seconds{30};

void add_parameter(std::string& url, std::string_view name, std::string_view value) {
  if (!value.empty()) {
    url += url.find('?') == std::string::npos ? '?' : '&';
    url += name;
    url += '=';
    url += url_encode(value);
  }
}

HttpHeaders json_headers() {
  return {{"Accept", "application/json"}};
}

}  // namespace

// What is under way: a transfer, or a refusal that waits to be told.
struct Client::Call {
  TransferId transfer;
  TimerId refusal;
};

HttpRequest to_http(const ListRequest& request) {
  HttpRequest http{.headers = json_headers(), .deadline = kListDeadline};
  http.url = collection_path(request.kind, request.namespace_name);
  add_parameter(http.url, "labelSelector", request.label_selector);
  add_parameter(http.url, "fieldSelector", request.field_selector);
  if (request.limit > 0) {
    add_parameter(http.url, "limit", fmt::format("{}", request.limit));
  }
  add_parameter(http.url, "continue", request.continue_token);
  return http;
}

HttpRequest to_http(const WatchRequest& request) {
  CHECK(request.resource_version != "0");
  CHECK(request.resource_version.empty() == request.wants_initial_events);
  HttpRequest http{.headers = json_headers(), .deadline = request.timeout + kWatchGrace};
  http.idle_timeout = request.idle_timeout;
  http.url = collection_path(request.kind, request.namespace_name);
  add_parameter(http.url, "watch", "1");
  add_parameter(http.url, "allowWatchBookmarks", "true");
  add_parameter(http.url, "resourceVersion", request.resource_version);
  if (request.wants_initial_events) {
    add_parameter(http.url, "sendInitialEvents", "true");
    add_parameter(http.url, "resourceVersionMatch", "NotOlderThan");
  }
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(request.timeout);
  add_parameter(http.url, "timeoutSeconds", fmt::format("{}", seconds.count()));
  add_parameter(http.url, "labelSelector", request.label_selector);
  add_parameter(http.url, "fieldSelector", request.field_selector);
  return http;
}

Error error_of(const HttpResponse& response) {
  Error error;
  const auto document = JsonDocument::parse(response.body);
  if (document && document->root().kind() == JsonKind::kObject) {
    error = error_of_status(document->root(), response.status);
  } else {
    // No Status object: a proxy, or the server before its API is up.
    const JsonDocument empty = *JsonDocument::parse("{}");
    error = error_of_status(empty.root(), response.status);
    if (!response.body.empty()) {
      const auto end = response.body.find_last_not_of(" \r\n");
      error.message += ": " + response.body.substr(0, std::min(end + 1, kMessageMax));
    }
  }
  const std::string_view header = find_header(response.headers, "Retry-After");
  if (const auto seconds = parse_number<int>(header); seconds && *seconds >= 0) {
    error.retry_after = std::chrono::seconds{*seconds};
  }
  return error;
}

Client::Client(Loop& loop, Transport& transport, MetricsRegistry& metrics)
    : loop_(loop), transport_(transport), metrics_(metrics) {}

Client::~Client() {
  for (const auto& [id, call] : calls_) {
    transport_.cancel(call.transfer);
    loop_.cancel(call.refusal);
  }
}

CallId Client::begin(HttpRequest http, const std::string& method, HttpHandler handler) {
  const std::uint64_t id = ++last_call_;
  const MonotonicTime begun_at = loop_.now();
  HttpHandler wrapped;
  wrapped.on_chunk = std::move(handler.on_chunk);
  wrapped.on_done = [this, id, begun_at, method, on_done = std::move(handler.on_done)](
                        Result<HttpResponse> outcome) {
    calls_.erase(id);
    count(method, outcome, loop_.now() - begun_at);
    on_done(std::move(outcome));
  };
  Call& call = calls_[id];
  call.transfer = transport_.start(std::move(http), std::move(wrapped));
  return CallId{id};
}

CallId Client::refuse(const std::string& what, Done done) {
  const std::uint64_t id = ++last_call_;
  calls_[id].refusal = loop_.call_after(Duration{0}, [this, id, what, done = std::move(done)] {
    calls_.erase(id);
    done(fail(ErrorCode::kCancelled, what + ": this process does not hold the lease"));
  });
  return CallId{id};
}

CallId Client::send(const ApiRequest& request, Done done) {
  CHECK(done != nullptr && !request.key.name.empty());
  const std::string what = request.describe();
  if (is_write(request.verb) && !request.is_urgent && may_write_ && !may_write_()) {
    return refuse(what, std::move(done));
  }
  const bool has_uid = !request.precondition.uid.empty();
  HttpRequest http = to_http(request);
  const std::string method = http.method;
  return begin(std::move(http),
               method,
               {.on_done = [what, has_uid, done = std::move(done)](Result<HttpResponse> outcome) {
                 if (!outcome) {
                   done(fail(outcome.error().with_context(what)));
                 } else if (outcome->status < 200 || outcome->status >= 300) {
                   Error error = error_of(*outcome);
                   // The server calls another uid in a patch a change of an immutable field; for
                   // the caller it is the precondition that failed.
                   if (has_uid && outcome->status == 422 &&
                       error.message.find("metadata.uid") != std::string::npos) {
                     error.code = ErrorCode::kConflict;
                   }
                   done(fail(error.with_context(what)));
                 } else {
                   done(std::move(outcome->body));
                 }
               }});
}

CallId Client::list(const ListRequest& request, Done done) {
  const std::string what = fmt::format("list {}", request.kind.plural);
  return begin(to_http(request),
               "GET",
               {.on_done = [what, done = std::move(done)](Result<HttpResponse> outcome) {
                 if (!outcome) {
                   done(fail(outcome.error().with_context(what)));
                 } else if (outcome->status != 200) {
                   done(fail(error_of(*outcome).with_context(what)));
                 } else {
                   done(std::move(outcome->body));
                 }
               }});
}

CallId Client::watch(const WatchRequest& request,
                     std::function<void(std::string_view)> on_bytes,
                     std::function<void(Status)> on_end) {
  const std::string what = fmt::format("watch {}", request.kind.plural);
  return begin(to_http(request),
               "GET",
               {.on_done =
                    [what, on_end = std::move(on_end)](const Result<HttpResponse>& outcome) {
                      if (!outcome) {
                        on_end(fail(outcome.error().with_context(what)));
                      } else if (outcome->status != 200) {
                        on_end(fail(error_of(*outcome).with_context(what)));
                      } else {
                        on_end({});
                      }
                    },
                .on_chunk = std::move(on_bytes)});
}

void Client::cancel(CallId call) {
  const auto found = calls_.find(call.value);
  if (found == calls_.end()) {
    return;
  }
  const Call cancelled = found->second;
  calls_.erase(found);
  transport_.cancel(cancelled.transfer);
  loop_.cancel(cancelled.refusal);
}

void Client::set_fence(std::function<bool()> may_write) {
  may_write_ = std::move(may_write);
}

void Client::count_list(const kube::ResourceKind& kind, bool was_streamed) {
  metrics_
      .counter(
          "sluice_cache_lists_total",
          "Whole collections read into a cache: as a stream (WatchList), or in pages where the "
          "server refuses that.",
          {{"kind", std::string(kind.kind)}, {"by", was_streamed ? "stream" : "pages"}})
      .add();
}

void Client::count(const std::string& method, const Result<HttpResponse>& outcome, Duration took) {
  const std::string code = outcome ? fmt::format("{}", outcome->status) : "<error>";
  metrics_
      .counter("rest_client_requests_total",
               "Requests to the API server by status code and method.",
               {{"code", code}, {"method", method}})
      .add();
  metrics_
      .histogram("rest_client_request_duration_seconds",
                 "How long requests to the API server took; watches last as long as they are open.",
                 {{"verb", method}})
      .observe(std::chrono::duration<double>(took).count());
  if (!outcome) {
    return;
  }
  for (const auto& [name, value] : outcome->headers) {
    const bool is_warning = (name == "Warning" || name == "warning") && value.starts_with("299");
    if (is_warning && warnings_.size() < kWarningsRemembered && warnings_.insert(value).second) {
      log_warn("the API server warns", {{"warning", value}});
    }
  }
}

}  // namespace sluice
