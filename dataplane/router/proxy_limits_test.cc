// Limits, clients that leave, and draining.

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <string>

#include "dataplane/router/proxy_for_test.h"

namespace sluice::router {
namespace {

using std::chrono::milliseconds;

TEST(ProxyServer, KeepsItsLimitsOfQueriesAndConnections) {
  WaitingWorker slow;
  Fixture f({.max_connections = 3, .max_in_flight = 1});
  f.stable({slow.port()}).apply();
  RawClient first(f.server.port());
  first.send(query());
  ASSERT_TRUE(slow.asked().wait_for(1));
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
  slow.release.set_value();
  EXPECT_TRUE(first.receive().starts_with("HTTP/1.1 200 "));
}

TEST(ProxyServer, CountsAClientThatHangsUpAgainstNobody) {
  WaitingWorker slow;
  Fixture f({}, 1);
  f.stable({slow.port()}).apply();
  RawClient client(f.server.port());
  client.send(query());
  ASSERT_TRUE(slow.asked().wait_for(1));
  client.hang_up();
  EXPECT_TRUE(f.eventually([&f] { return f.counts("s").client_gone == 1; }));
  EXPECT_EQ(f.counts("s").ended, 0);
  slow.release.set_value();
}

TEST(ProxyServer, CountsAClientThatReadsTooSlowlyAgainstNobody) {
  // More than the buffers of four sockets hold.
  // NOLINTNEXTLINE(bugprone-string-constructor): the large length is meant.
  const std::string large = "{\"hits\":[\"" + std::string(40'000'000, 'x') + "\"]}";
  RawWorker worker(
      [&large](const std::string&) { return RawWorker::Reaction{good_answer(large)}; });
  Fixture f({}, 1);
  f.plan.table.deadline_ms = 1000;
  f.stable({worker.port()}).apply();
  RawClient client(f.server.port());
  client.send(query());
  ASSERT_TRUE(worker.asked().wait_for(1));
  EXPECT_TRUE(f.eventually([&f] { return f.counts("s").in_flight == 0; }));
  EXPECT_EQ(f.counts("s").client_gone, 1);
  EXPECT_EQ(f.counts("s").failed, 0);
  EXPECT_LT(client.receive().size(), large.size());  // Cut short, so that it is not taken as whole.
}

TEST(ProxyServer, DrainsWithoutLosingAQuery) {
  WaitingWorker slow;
  Fixture f;
  f.stable({slow.port()}).apply();
  RawClient busy(f.server.port());
  busy.send(query());
  RawClient idle(f.server.port());
  ASSERT_TRUE(slow.asked().wait_for(1));
  f.router.set_draining();
  const std::string ready = f.ask("GET /ready HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(ready.starts_with("HTTP/1.1 503 "));
  EXPECT_TRUE(has(ready, "Connection: close\r\n"));
  auto stopped = std::async(std::launch::async, [&f] { return f.server.stop(milliseconds{5000}); });
  EXPECT_TRUE(idle.is_closed());
  slow.release.set_value();
  EXPECT_TRUE(busy.receive().starts_with("HTTP/1.1 200 "));
  EXPECT_TRUE(stopped.get());
}

TEST(ProxyServer, GivesUpOnAQueryThatOutlivesTheDrain) {
  WaitingWorker slow;
  Fixture f;
  f.stable({slow.port()}).apply();
  RawClient busy(f.server.port());
  busy.send(query());
  ASSERT_TRUE(slow.asked().wait_for(1));
  EXPECT_FALSE(f.server.stop(milliseconds{50}));
  EXPECT_TRUE(busy.is_closed());
  slow.release.set_value();
}

}  // namespace
}  // namespace sluice::router
