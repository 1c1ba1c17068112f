// What passes through the proxy, and what it says of itself.

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>
#include <vector>

#include "dataplane/router/proxy_for_test.h"

namespace sluice::router {
namespace {

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

TEST(ProxyServer, PassesOnWhatIsTheClientsOwnFault) {
  for (const std::string status : {"400", "413", "415", "422"}) {
    RawWorker candidate([&status](const std::string&) {
      return RawWorker::Reaction{"HTTP/1.1 " + status + " X\r\nContent-Length: 2\r\n\r\n{}"};
    });
    Fixture f({}, 1);
    f.stable({candidate.port()}).candidate({candidate.port()}).apply();
    EXPECT_TRUE(f.ask().starts_with("HTTP/1.1 " + status + " "));
    EXPECT_EQ(f.counts("c").failed, 0) << status;
    EXPECT_EQ(f.counts("c").answered, 1) << status;
  }
}

TEST(ProxyServer, SaysWhenNobodyCanAnswer) {
  Fixture f({}, 1);
  const std::string none = f.ask();
  EXPECT_TRUE(none.starts_with("HTTP/1.1 503 "));
  EXPECT_TRUE(has(none, R"({"error":{"code":"no_worker")")) << none;
  f.stable({1}).apply();
  EXPECT_TRUE(has(f.ask(), "workers_failed"));
  WaitingWorker hanging;
  f.stable({hanging.port()}).apply();
  EXPECT_TRUE(f.ask(query("{}", "X-Sluice-Deadline-Ms: 50\r\n")).starts_with("HTTP/1.1 504 "));
  EXPECT_TRUE(f.ask(query("{}", "X-Sluice-Deadline-Ms: soon\r\n")).starts_with("HTTP/1.1 400 "));
  hanging.release.set_value();
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

TEST(ProxyServer, ShowsItsCountersOnlyToWhoeverKnowsTheToken) {
  const std::string path = testing::TempDir() + "proxy_token_" + std::to_string(::getpid());
  std::ofstream(path) << "s3cret";
  Fixture f({.token_file = path}, 1);
  const auto get = [&f](const std::string& page, const std::string& header) {
    return f.ask("GET " + page + " HTTP/1.1\r\n" + header + "\r\n");
  };
  EXPECT_TRUE(get("/counters", "").starts_with("HTTP/1.1 401 Unauthorized\r\n"));
  EXPECT_TRUE(get("/counters", "Authorization: Bearer no\r\n").starts_with("HTTP/1.1 401 "));
  EXPECT_TRUE(get("/counters", "Authorization: Bearer s3cret\r\n").starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(get("/counters", "X-Sluice-Token: s3cret\r\n").starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(get("/health", "").starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(get("/metrics", "").starts_with("HTTP/1.1 200 "));
  std::filesystem::remove(path);
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

}  // namespace
}  // namespace sluice::router
