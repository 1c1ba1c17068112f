#include "dataplane/router/proxy_server.h"
#include "base/machine.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/http/server.h"
#include "dataplane/router/loopback_for_test.h"

namespace sluice::router {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kGoodBody = R"({"hits":[{"id":"d1"}]})";

std::string query(const std::string& body = R"({"query":"x"})", const std::string& headers = "") {
  return "POST /query HTTP/1.1\r\nHost: x\r\n" + headers +
         "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string good_answer(const std::string& body = kGoodBody) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string body_of(const std::string& response) {
  const std::size_t head = response.find("\r\n\r\n");
  return head == std::string::npos ? "" : response.substr(head + 4);
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

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

  // Until `holds`, at most ten seconds.
  static bool eventually(const std::function<bool()>& holds) {
    const MonotonicTime deadline = monotonic_now() + seconds{10};
    while (!holds()) {
      if (monotonic_now() > deadline) {
        return false;
      }
      ::usleep(1000);
    }
    return true;
  }

  RoutingPlan plan;
  Router router;
  ProxyServer server;
};

TEST(ProxyServer, PassesOnTheAnswerAndTheRevision) {
  Worker worker("from-worker");
  RawWorker plain([](const std::string&) { return RawWorker::Reaction{good_answer(), false}; });
  Fixture f;
  f.stable({worker.server.port()}).apply();
  const std::string answer = f.ask();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
  EXPECT_TRUE(has(answer, "X-Sluice-Revision: from-worker\r\n"));
  EXPECT_EQ(body_of(answer), kGoodBody);
  f.stable({plain.port()}).apply();
  EXPECT_TRUE(has(f.ask(), "X-Sluice-Revision: s\r\n"));  // Added where a worker does not say it.
}

TEST(ProxyServer, GivesWorkersTheRequestWithoutWhatBelongsToTheConnection) {
  std::promise<std::string> seen;
  RawWorker worker([&seen](const std::string& request) {
    seen.set_value(request);
    return RawWorker::Reaction{good_answer()};
  });
  Fixture f;
  f.stable({worker.port()}).apply();
  (void)f.ask(query("{}", "X-Request-Id: 7\r\nConnection: keep-alive\r\nTE: trailers\r\n"));
  const std::string request = seen.get_future().get();
  EXPECT_TRUE(has(request, "X-Request-Id: 7\r\n"));
  EXPECT_TRUE(has(request, "Host: x\r\n"));
  EXPECT_TRUE(has(request, "Content-Length: 2\r\n"));
  EXPECT_FALSE(has(request, "Connection"));
  EXPECT_FALSE(has(request, "TE:"));
}

TEST(ProxyServer, GivesUsersNoErrorWhenAFifthOfTheCandidatesAnswersFail) {
  Worker stable("s");
  Worker candidate("c", 5);
  Fixture f;
  f.stable({stable.server.port()}).candidate({candidate.server.port()}, Share{5000}).apply();
  RawClient client(f.server.port());
  for (int n = 0; n < 600; ++n) {
    client.send(query());
    ASSERT_TRUE(client.receive().starts_with("HTTP/1.1 200 ")) << n;
  }
  const wire::RevisionCounters live = f.counts("c");
  EXPECT_GT(live.rescued, 0);
  EXPECT_EQ(live.failed, live.rescued);
  EXPECT_EQ(live.failed_status, live.failed);
  EXPECT_EQ(f.counts("s").failed, 0);
  EXPECT_TRUE(Fixture::eventually(
      [&f] { return f.counts("c", wire::CounterMode::kQuarantine).in_flight == 0; }));
  const auto pairs = f.counts("c", wire::CounterMode::kQuarantine);
  EXPECT_GT(pairs.ended, 0);
  EXPECT_EQ(pairs.ended, f.counts("s", wire::CounterMode::kQuarantine).ended);
  EXPECT_EQ(pairs.answered, 0);
  EXPECT_EQ(live.ended + pairs.ended + f.counts("s").ended, 600);
}

TEST(ProxyServer, RescuesEveryWayInWhichACandidateCanFail) {
  struct Case {
    std::string name;
    std::string bytes;
    std::int64_t wire::RevisionCounters::* counter;
  };

  const std::vector<Case> cases = {
      {"closed at once", "", &wire::RevisionCounters::failed_reset},
      {"dies in the head", "HTTP/1.1 200 OK\r\nConte", &wire::RevisionCounters::failed_reset},
      {"dies in the body",
       "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"hits\"",
       &wire::RevisionCounters::failed_reset},
      {"dies between chunks",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{\"h\r\n",
       &wire::RevisionCounters::failed_reset},
      {"no HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n", &wire::RevisionCounters::failed_body},
      {"interim answer", "HTTP/1.1 103 Early Hints\r\n\r\n", &wire::RevisionCounters::failed_body},
      {"no JSON", good_answer("<html>it works</html>"), &wire::RevisionCounters::failed_body},
      {"half of the JSON", good_answer("{\"hits\":["), &wire::RevisionCounters::failed_body},
      {"empty", good_answer(""), &wire::RevisionCounters::failed_body},
      {"503",
       "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
       &wire::RevisionCounters::failed_status},
      {"429",
       "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n",
       &wire::RevisionCounters::failed_status},
      {"404",
       "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
       &wire::RevisionCounters::failed_status},
      {"endless head",
       "HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x'),
       &wire::RevisionCounters::failed_body},
  };
  Worker stable("s");
  for (const Case& c : cases) {
    RawWorker candidate([&c](const std::string&) { return RawWorker::Reaction{c.bytes}; });
    Fixture f({}, 1);
    f.stable({stable.server.port()}).candidate({candidate.port()}).apply();
    const std::string answer = f.ask();
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << c.name << answer;
    EXPECT_EQ(body_of(answer), kGoodBody) << c.name;
    const wire::RevisionCounters counts = f.counts("c");
    EXPECT_EQ(counts.*c.counter, 1) << c.name;
    EXPECT_EQ(counts.rescued, 1) << c.name;
  }
}

TEST(ProxyServer, PassesOnWhatIsTheClientsOwnFault) {
  RawWorker candidate([](const std::string&) {
    return RawWorker::Reaction{"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\n\r\n{}"};
  });
  Fixture f({}, 1);
  f.stable({candidate.port()}).candidate({candidate.port()}).apply();
  EXPECT_TRUE(f.ask().starts_with("HTTP/1.1 400 "));
  EXPECT_EQ(f.counts("c").failed, 0);
  EXPECT_EQ(f.counts("c").answered, 1);
}

TEST(ProxyServer, RescuesFromACandidateThatIsNotThereOrHangs) {
  Worker stable("s");
  std::promise<void> release;
  RawWorker hanging([future = release.get_future().share()](const std::string&) {
    future.wait();
    return RawWorker::Reaction{good_answer()};
  });
  Fixture f({}, 1);
  f.plan.table.deadline_ms = 3000;
  f.stable({stable.server.port()}).candidate({hanging.port()}).apply();
  const MonotonicTime began = monotonic_now();
  EXPECT_TRUE(f.ask().starts_with("HTTP/1.1 200 "));
  EXPECT_GE(monotonic_now() - began, milliseconds{1490});
  EXPECT_EQ(f.counts("c").failed_timeout, 1);
  release.set_value();
  f.candidate({1}).apply();  // Nobody listens there.
  EXPECT_TRUE(f.ask().starts_with("HTTP/1.1 200 "));
  EXPECT_EQ(f.counts("c").failed_connect, 1);
  EXPECT_EQ(f.counts("c").rescued, 2);
}

TEST(ProxyServer, SaysWhenNobodyCanAnswer) {
  Fixture f({}, 1);
  const std::string none = f.ask();
  EXPECT_TRUE(none.starts_with("HTTP/1.1 503 "));
  EXPECT_TRUE(has(none, R"({"error":{"code":"no_worker")")) << none;
  f.stable({1}).apply();
  EXPECT_TRUE(has(f.ask(), "workers_failed"));
  std::promise<void> release;
  RawWorker hanging([future = release.get_future().share()](const std::string&) {
    future.wait();
    return RawWorker::Reaction{""};
  });
  f.stable({hanging.port()}).apply();
  EXPECT_TRUE(f.ask(query("{}", "X-Sluice-Deadline-Ms: 50\r\n")).starts_with("HTTP/1.1 504 "));
  EXPECT_TRUE(f.ask(query("{}", "X-Sluice-Deadline-Ms: soon\r\n")).starts_with("HTTP/1.1 400 "));
  release.set_value();
}

TEST(ProxyServer, RefusesWhatIsWrongWithAClearStatus) {
  struct Case {
    std::string request;
    std::string status;
    std::string code;
  };

  const std::vector<Case> cases = {
      {"GET /nothing HTTP/1.1\r\n\r\n", "404", "not_found"},
      {"GET /query HTTP/1.1\r\n\r\n", "405", "method_not_allowed"},
      {"POST /counters HTTP/1.1\r\nContent-Length: 0\r\n\r\n", "405", "method_not_allowed"},
      {"\x16\x03\x01 garbage\r\n\r\n", "400", "malformed_request"},
      {"POST /query HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "400", "malformed_request"},
      {"POST /query HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n", "413", "body_too_large"},
      {"POST /query HTTP/1.1\r\nX: " + std::string(20'000, 'x'), "431", "headers_too_large"},
  };
  Fixture f;
  for (const Case& c : cases) {
    const std::string answer = f.ask(c.request);
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 " + c.status + " ")) << answer;
    EXPECT_TRUE(has(answer, "{\"error\":{\"code\":\"" + c.code + "\"")) << answer;
  }
}

TEST(ProxyServer, KeepsItsLimitsOfQueriesAndConnections) {
  std::promise<void> release;
  RawWorker slow([future = release.get_future().share()](const std::string&) {
    future.wait();
    return RawWorker::Reaction{good_answer()};
  });
  Fixture f({.max_connections = 3, .max_in_flight = 1});
  f.stable({slow.port()}).apply();
  RawClient first(f.server.port());
  first.send(query());
  ASSERT_TRUE(Fixture::eventually([&f] { return f.counts("s").in_flight == 1; }));
  RawClient second(f.server.port());
  second.send(query());
  const std::string busy = second.receive();
  EXPECT_TRUE(busy.starts_with("HTTP/1.1 429 ")) << busy;
  EXPECT_TRUE(has(busy, "Retry-After: 1\r\n"));
  second.send("GET /health HTTP/1.1\r\n\r\n");  // Answered all the same.
  EXPECT_TRUE(second.receive().starts_with("HTTP/1.1 200 "));
  RawClient third(f.server.port());
  third.send("GET /health HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(third.receive().starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(has(RawClient(f.server.port()).receive(), "too_many_connections"));
  release.set_value();
  EXPECT_TRUE(first.receive().starts_with("HTTP/1.1 200 "));
}

TEST(ProxyServer, StreamsAnswersThatAreTooLargeToBeHeld) {
  const std::string large = "{\"hits\":[\"" + std::string(3'000'000, 'x') + "\"]}";
  std::atomic<int> mode{0};
  RawWorker worker([&](const std::string&) {
    if (mode == 0) {
      return RawWorker::Reaction{good_answer(large)};
    }
    std::string chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (std::size_t at = 0; at < large.size(); at += 100'000) {
      const std::string part = large.substr(at, 100'000);
      char size[32];
      (void)std::snprintf(size, sizeof size, "%zx\r\n", part.size());
      chunks += size + part + "\r\n";
    }
    return RawWorker::Reaction{chunks + (mode == 1 ? "0\r\n\r\n" : "")};
  });
  Fixture f({}, 1);
  f.stable({worker.port()}).apply();
  EXPECT_EQ(body_of(f.ask()), large);
  mode = 1;
  RawClient client(f.server.port());
  client.send(query());
  const std::string chunked = client.receive();
  EXPECT_TRUE(has(chunked, "Transfer-Encoding: chunked"));
  EXPECT_GT(chunked.size(), large.size());
  EXPECT_TRUE(chunked.ends_with("\r\n0\r\n\r\n"));
  client.send("GET /health HTTP/1.1\r\n\r\n");  // The connection stays in step.
  EXPECT_TRUE(client.receive().starts_with("HTTP/1.1 200 "));
  EXPECT_EQ(f.counts("s").streamed, 2);
  EXPECT_EQ(f.counts("s").failed, 0);
  mode = 2;  // Cut short: the user sees an answer without its end, never a whole one.
  EXPECT_FALSE(f.ask().ends_with("0\r\n\r\n"));
  EXPECT_EQ(f.counts("s").lost, 1);
}

TEST(ProxyServer, CountsAClientThatHangsUpAgainstNobody) {
  std::promise<void> release;
  RawWorker slow([future = release.get_future().share()](const std::string&) {
    future.wait();
    return RawWorker::Reaction{good_answer()};
  });
  Fixture f({}, 1);
  f.stable({slow.port()}).apply();
  RawClient client(f.server.port());
  client.send(query());
  ASSERT_TRUE(Fixture::eventually([&f] { return f.counts("s").in_flight == 1; }));
  client.hang_up();
  EXPECT_TRUE(Fixture::eventually([&f] { return f.counts("s").client_gone == 1; }));
  EXPECT_EQ(f.counts("s").ended, 0);
  release.set_value();
}

TEST(ProxyServer, AnswersPipelinedRequestsInOrder) {
  std::atomic<int> n{0};
  RawWorker worker([&n](const std::string&) {
    return RawWorker::Reaction{good_answer("{\"n\":" + std::to_string(++n) + "}"), false};
  });
  Fixture f({}, 1);
  f.stable({worker.port()}).apply();
  RawClient client(f.server.port());
  client.send(query() + query() + "GET /health HTTP/1.1\r\n\r\n" + query());
  EXPECT_EQ(body_of(client.receive()), "{\"n\":1}");
  EXPECT_EQ(body_of(client.receive()), "{\"n\":2}");
  EXPECT_TRUE(has(client.receive(), "healthy"));
  EXPECT_EQ(body_of(client.receive()), "{\"n\":3}");
  EXPECT_EQ(worker.connections(), 1);  // One connection to the worker was enough.
}

TEST(ProxyServer, DoesNotBlameAWorkerForClosingAnIdleConnection) {
  RawWorker worker([](const std::string&) {  // Says keep-alive and closes.
    return RawWorker::Reaction{good_answer(), true};
  });
  Fixture f({}, 1);
  f.stable({worker.port()}).apply();
  for (int n = 1; n <= 20; ++n) {
    EXPECT_TRUE(f.ask().starts_with("HTTP/1.1 200 "));
    // The close follows the answer; wait until it has arrived here as well.
    ::usleep(20'000);
  }
  EXPECT_EQ(f.counts("s").failed, 0);
  EXPECT_EQ(worker.connections(), 20);
}

TEST(ProxyServer, ShowsItsPages) {
  Worker stable("s");
  Fixture f;
  const std::string get = " HTTP/1.1\r\nHost: x\r\n\r\n";
  EXPECT_TRUE(has(f.ask("GET /ready" + get), "no route table yet"));
  f.stable({stable.server.port()}).apply();
  (void)f.ask();
  EXPECT_TRUE(f.ask("GET /ready" + get).starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(f.ask("GET /health" + get).starts_with("HTTP/1.1 200 "));
  const std::string counters = f.ask("GET /counters" + get);
  EXPECT_TRUE(has(counters, "\"processStartId\":\"1\"")) << counters;
  EXPECT_TRUE(has(counters, "\"generation\":2"));
  const std::string metrics = f.ask("GET /metrics" + get);
  EXPECT_TRUE(has(metrics, "sluice_router_answered_total{revision=\"s\",mode=\"live\"} 1\n"));
  EXPECT_TRUE(
      has(metrics, "sluice_router_query_duration_seconds_count{revision=\"s\",mode=\"live\"} 1\n"));
}

TEST(ProxyServer, DrainsWithoutLosingAQuery) {
  std::promise<void> release;
  RawWorker slow([future = release.get_future().share()](const std::string&) {
    future.wait();
    return RawWorker::Reaction{good_answer()};
  });
  Fixture f;
  f.stable({slow.port()}).apply();
  RawClient busy(f.server.port());
  busy.send(query());
  RawClient idle(f.server.port());
  ASSERT_TRUE(Fixture::eventually([&f] { return f.counts("s").in_flight == 1; }));
  f.router.set_draining();
  const std::string ready = f.ask("GET /ready HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(ready.starts_with("HTTP/1.1 503 "));
  EXPECT_TRUE(has(ready, "Connection: close\r\n"));
  auto stopped = std::async(std::launch::async, [&f] { return f.server.stop(milliseconds{5000}); });
  EXPECT_TRUE(idle.is_closed());
  release.set_value();
  EXPECT_TRUE(busy.receive().starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(stopped.get());
}

TEST(ProxyServer, GivesUpOnAQueryThatOutlivesTheDrain) {
  std::promise<void> release;
  RawWorker slow([future = release.get_future().share()](const std::string&) {
    future.wait();
    return RawWorker::Reaction{good_answer()};
  });
  Fixture f;
  f.stable({slow.port()}).apply();
  RawClient busy(f.server.port());
  busy.send(query());
  ASSERT_TRUE(Fixture::eventually([&f] { return f.counts("s").in_flight == 1; }));
  EXPECT_FALSE(f.server.stop(milliseconds{50}));
  EXPECT_TRUE(busy.is_closed());
  release.set_value();
}

// Weights, workers and roles change under load: nobody sees an error.
TEST(ProxyServer, LosesNoQueryWhilePlansChange) {
  Worker a("s");
  Worker b("s");
  Worker c("c", 5);
  Fixture f;
  f.stable({a.server.port()}).apply();
  std::atomic<bool> is_over{false};
  std::atomic<int> good{0};
  std::atomic<int> bad{0};
  std::vector<std::jthread> clients;
  for (int n = 0; n < 4; ++n) {
    clients.emplace_back([&] {
      RawClient client(f.server.port());
      while (!is_over) {
        client.send(query());
        ++(client.receive().starts_with("HTTP/1.1 200 ") ? good : bad);
      }
    });
  }
  for (int round = 0; round < 60; ++round) {
    f.candidate(
        round % 3 == 0 ? std::vector<std::uint16_t>{} : std::vector<std::uint16_t>{c.server.port()},
        Share{round * 100});
    f.stable(round % 2 == 0 ? std::vector<std::uint16_t>{a.server.port(), b.server.port()}
                            : std::vector<std::uint16_t>{b.server.port()});
    if (round % 10 == 9) {
      f.stable({});  // No slice names a worker: the last ones are kept.
    }
    f.apply();
    (void)f.router.counters();
    ::usleep(5000);
  }
  is_over = true;
  clients.clear();
  EXPECT_EQ(bad, 0);
  EXPECT_GT(good, 100);
  const wire::Counters counters = f.router.counters();
  EXPECT_EQ(counters.table.generation, 62);
}

}  // namespace
}  // namespace sluice::router
