#include "tests/fake_api/connection.h"

#include <map>
#include <utility>

#include "base/check.h"

namespace sluice::fake {
namespace {

Error reset_error() {
  return {.code = ErrorCode::kUnavailable, .message = "the connection was reset"};
}

// One process's way to the server: latency, faults, deadlines.
class Connection final : public Transport {
 public:
  Connection(ServerCore& server, std::string user) : server_(server), user_(std::move(user)) {}

  ~Connection() override {
    while (!exchanges_.empty()) {
      cancel(TransferId{exchanges_.begin()->first});
    }
  }

  TransferId start(HttpRequest request, HttpHandler handler) override {
    CHECK(handler.on_done != nullptr);
    const std::uint64_t id = ++last_id_;
    Exchange& exchange = exchanges_[id];
    exchange.request = std::move(request);
    exchange.handler = std::move(handler);
    exchange.deadline = server_.loop.call_after(exchange.request.deadline, [this, id] {
      finish(id, fail(ErrorCode::kTimeout, "the deadline passed"));
    });
    exchange.step = server_.loop.call_after(server_.latency(), [this, id] { arrive(id); });
    return TransferId{id};
  }

  void cancel(TransferId transfer) override {
    const auto found = exchanges_.find(transfer.value);
    if (found == exchanges_.end()) {
      return;
    }
    server_.loop.cancel(found->second.deadline);
    server_.loop.cancel(found->second.idle);
    server_.loop.cancel(found->second.step);
    server_.hub.close(found->second.watch);
    exchanges_.erase(found);
  }

 private:
  struct Exchange {
    HttpRequest request;
    HttpHandler handler;
    TimerId deadline;
    TimerId idle;  // Of an open watch: until it counts as dead.
    TimerId step;
    std::uint64_t watch = 0;
  };

  void finish(std::uint64_t id, Result<HttpResponse> outcome) {
    const auto found = exchanges_.find(id);
    if (found == exchanges_.end()) {
      return;
    }
    const auto on_done = std::move(found->second.handler.on_done);
    cancel(TransferId{id});
    on_done(std::move(outcome));
  }

  void reply(std::uint64_t id, Result<HttpResponse> outcome) {
    exchanges_.at(id).step = server_.loop.call_after(
        server_.latency(), [this, id, outcome = std::move(outcome)] { finish(id, outcome); });
  }

  // True when the request meets its end here, without an effect.
  bool is_refused(std::uint64_t id, Fault fault) {
    switch (fault) {
      case Fault::kLoseRequest:
        finish(id, fail(reset_error()));
        return true;
      case Fault::kUnavailable:
        reply(id, response_of(refuse(503, "Injected", "try again later"), 200));
        return true;
      case Fault::kThrottle:
        reply(id, response_of(refuse(429, "Injected", "try again later"), 200));
        return true;
      case Fault::kConflict:
        reply(id, response_of(refuse(409, "Conflict", "the object has been modified"), 200));
        return true;
      case Fault::kNone:
      case Fault::kLoseReply:
      case Fault::kHang:
        return false;
    }
    return false;
  }

  // The same for what only reads: a reply that is lost or never comes.
  bool is_read_refused(std::uint64_t id, const HttpRequest& request) {
    const Fault fault = server_.read_fault ? server_.read_fault(request) : Fault::kNone;
    if (fault == Fault::kHang) {
      rest_until_idle(id);
      return true;
    }
    if (fault == Fault::kLoseReply) {
      reply(id, fail(reset_error()));
      return true;
    }
    return is_refused(id, fault);
  }

  void rest_until_idle(std::uint64_t id) {
    Exchange& exchange = exchanges_.at(id);
    if (exchange.request.idle_timeout > Duration{0}) {
      server_.loop.cancel(exchange.idle);
      exchange.idle = server_.loop.call_after(exchange.request.idle_timeout, [this, id] {
        finish(id, fail(ErrorCode::kTimeout, "nothing came for too long"));
      });
    }
  }

  void arrive(std::uint64_t id) {
    const HttpRequest request = exchanges_.at(id).request;
    if (!request.url.starts_with('/')) {
      auto answer = server_.foreign ? server_.foreign(request) : std::nullopt;
      if (answer) {
        reply(id, std::move(*answer));
      } else {
        finish(id, fail(ErrorCode::kUnavailable, "connection refused"));
      }
      return;
    }
    if (!server_.is_reachable) {
      finish(id, fail(ErrorCode::kUnavailable, "connection refused"));
      return;
    }
    const auto route = route_of(request.url);
    if (request.method == "GET" || !route) {
      if (is_read_refused(id, request)) {
        return;
      }
      if (route && route->query.contains("watch")) {
        open_watch(id, *route);
      } else {
        reply(id, server_.handle(request, user_));
      }
    } else {
      write(id, request, *route);
    }
  }

  void write(std::uint64_t id, const HttpRequest& request, const Route& route) {
    const KindTraits* kind = server_.api.find_kind(route.group, route.plural);
    const WriteRecord about{.number = static_cast<int>(server_.writes.size()) + 1,
                            .user = user_,
                            .method = request.method,
                            .kind = kind == nullptr ? route.plural : kind->kind,
                            .key = key_of(route),
                            .is_status = route.subresource == "status",
                            .body = request.body};
    const Fault fault = server_.fault ? server_.fault(about) : Fault::kNone;
    if (is_refused(id, fault)) {
      return;
    }
    HttpResponse response = server_.handle(request, user_);
    const bool was_logged = !server_.writes.empty() && server_.writes.back().number == about.number;
    if (fault == Fault::kLoseReply) {
      reply(id, fail(reset_error()));
    } else if (fault == Fault::kNone) {
      reply(id, std::move(response));
    }
    // Last: the handler may destroy this connection, as a crash does.
    if (was_logged && server_.on_written) {
      const WriteRecord record = server_.writes.back();
      server_.on_written(record);
    }
  }

  void open_watch(std::uint64_t id, const Route& route) {
    ++server_.requests;
    const bool is_list = route.parameter("sendInitialEvents") == "true";
    const std::string version = route.parameter("resourceVersion");
    CHECK(version.empty() == is_list && version != "0");
    const auto kind = server_.admit(route, "watch");
    if (!kind) {
      reply(id, response_of(tl::make_unexpected(kind.error()), 200));
      return;
    }
    const bool is_asked_well = route.parameter("resourceVersionMatch") == "NotOlderThan" &&
                               route.parameter("allowWatchBookmarks") == "true";
    if (is_list && (server_.streamed_lists == StreamedLists::kRefused || !is_asked_well)) {
      reply(id,
            response_of(refuse(422,
                               "Invalid",
                               "ListOptions.meta.k8s.io \"\" is invalid: sendInitialEvents: "
                               "Forbidden: sendInitialEvents is forbidden for watch unless the "
                               "WatchList feature gate is enabled"),
                        200));
      return;
    }
    const std::int64_t revision = is_list ? server_.api.revision() : std::stoll(version);
    if (revision < server_.api.compacted() && server_.is_gone_http) {
      reply(id, response_of(refuse(410, "Expired", "too old resource version"), 200));
      return;
    }
    const std::string seconds = route.parameter("timeoutSeconds");
    WatchStart start{
        .kind_id = (*kind)->id(),
        .kind_name = (*kind)->kind,
        .api_version =
            (*kind)->group.empty() ? (*kind)->version : (*kind)->group + "/" + (*kind)->version,
        .namespace_name = route.namespace_name,
        .selectors = {route.parameter("labelSelector"), route.parameter("fieldSelector")},
        .revision = revision,
        .initial = is_list ? WatchStart::Initial::kObjects : WatchStart::Initial::kNone,
        .ends_initial = server_.streamed_lists == StreamedLists::kServed,
        .wants_bookmarks = route.parameter("allowWatchBookmarks") == "true",
        .timeout = std::chrono::seconds{seconds.empty() ? 1800 : std::stoi(seconds)}};
    exchanges_.at(id).watch =
        server_.hub.open(std::move(start),
                         {.send =
                              [this, id](std::string_view bytes) {
                                rest_until_idle(id);
                                const auto on_chunk = exchanges_.at(id).handler.on_chunk;
                                on_chunk(bytes);
                              },
                          .end =
                              [this, id](bool is_clean) {
                                finish(id,
                                       is_clean ? Result<HttpResponse>(HttpResponse{.status = 200})
                                                : Result<HttpResponse>(fail(reset_error())));
                              }});
    rest_until_idle(id);
  }

  ServerCore& server_;
  std::string user_;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, Exchange> exchanges_;
};

}  // namespace

std::unique_ptr<Transport> make_connection(ServerCore& server, std::string user) {
  return std::make_unique<Connection>(server, std::move(user));
}

}  // namespace sluice::fake
