#pragma once
// For the tests of ProxyServer: requests, answers, a worker over base/http, and a router on
// loopback. Each used by one test.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <string>
#include <utility>
#include <vector>

#include "base/http/server.h"
#include "base/machine.h"
#include "dataplane/router/loopback_for_test.h"
#include "dataplane/router/proxy_server.h"

namespace sluice::router {

inline constexpr const char* kGoodBody = R"({"hits":[{"id":"d1"}]})";

inline std::string query(const std::string& body = R"({"query":"x"})",
                         const std::string& headers = "") {
  return "POST /query HTTP/1.1\r\nHost: x\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

inline std::string good_answer(const std::string& body = kGoodBody) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// A worker that keeps its answers back until it is told, twenty seconds at most.
struct WaitingWorker : RawWorker {
  WaitingWorker() : WaitingWorker(std::promise<void>()) {}

  std::promise<void> release;

 private:
  explicit WaitingWorker(std::promise<void> promise)
      : RawWorker([future = promise.get_future().share()](const std::string&) {
          (void)future.wait_for(std::chrono::seconds{20});
          return Reaction{good_answer()};
        }),
        release(std::move(promise)) {}
};

// A worker over base/http; each `fails_each`-th query gets 500.
struct Worker {
  explicit Worker(std::string its_name, int its_fails_each = 0)
      : name(std::move(its_name)), fails_each(its_fails_each), server({.address = "127.0.0.1"}) {
    server.route("POST", "/query", [this](const http::Request&, http::Reply reply) {
      const int n = ++queries;
      http::Response response{.body = kGoodBody};
      response.headers.emplace_back("X-Sluice-Revision", name);
      response.status = fails_each > 0 && n % fails_each == 0 ? 500 : 200;
      reply(std::move(response));
    });
    EXPECT_TRUE(server.start());
  }

  std::string name;
  int fails_each;
  std::atomic<int> queries{0};
  http::Server server;
};

// A router on loopback, and the plan it is told with apply().
struct Fixture {
  explicit Fixture(ProxyOptions options = {}, std::size_t lanes = 2)
      : router({.name = "r", .process_start_id = "1", .lanes = lanes, .seed = 7}),
        server(router, with_loopback(std::move(options))) {
    plan.table = {.index = "i", .uid = "u", .epoch = 1, .generation = 1, .deadline_ms = 20'000};
    EXPECT_TRUE(server.start());
  }

  static ProxyOptions with_loopback(ProxyOptions options) {
    options.address = "127.0.0.1";
    options.port = 0;
    return options;
  }

  static EndpointAddress at(std::uint16_t port) {
    return {.pod = "p" + std::to_string(port), .host = "127.0.0.1", .port = port};
  }

  Fixture& stable(const std::vector<std::uint16_t>& ports) {
    plan.table.stable = wire::RouteTarget{.revision = "s"};
    return set("s", ports);
  }

  Fixture& candidate(const std::vector<std::uint16_t>& ports, Share weight = kWhole) {
    plan.table.candidate = wire::RouteCandidate{.target = {.revision = "c"}, .weight = weight};
    return set("c", ports);
  }

  Fixture& set(const std::string& revision, const std::vector<std::uint16_t>& ports) {
    plan.endpoints[revision].clear();
    for (const std::uint16_t port : ports) {
      plan.endpoints[revision].push_back(at(port));
    }
    return *this;
  }

  void apply() {
    ++plan.table.generation;
    router.apply(plan);
  }

  std::string ask(const std::string& request = query()) {
    RawClient client(server.port());
    client.send(request);
    return client.receive();
  }

  wire::RevisionCounters counts(const std::string& revision,
                                wire::CounterMode mode = wire::CounterMode::kLive) {
    for (const wire::RevisionCounters& one : router.counters().revisions) {
      if (one.revision == revision && one.mode == mode) {
        return one;
      }
    }
    return {};
  }

  // Until `holds`, at most ten seconds; each look is a turn of the router's own loops.
  bool eventually(const std::function<bool()>& holds) {
    const MonotonicTime deadline = monotonic_now() + std::chrono::seconds{10};
    while (!holds() && monotonic_now() < deadline) {
      (void)ask("GET /health HTTP/1.1\r\n\r\n");
    }
    return holds();
  }

  RoutingPlan plan;
  Router router;
  ProxyServer server;
};

}  // namespace sluice::router
