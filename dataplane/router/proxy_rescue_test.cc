// Candidates and workers that fail: what users see, and who is blamed.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "base/event_count_for_test.h"
#include "dataplane/router/proxy_for_test.h"

namespace sluice::router {
namespace {

using std::chrono::milliseconds;

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
  EXPECT_TRUE(
      f.eventually([&f] { return f.counts("c", wire::CounterMode::kQuarantine).in_flight == 0; }));
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
      {"500 with a page too large to be held",
       "HTTP/1.1 500 X\r\nContent-Length: 2000000\r\n\r\n" + std::string(2'000'000, 'x'),
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

TEST(ProxyServer, RescuesFromACandidateThatIsNotThereOrHangs) {
  Worker stable("s");
  WaitingWorker hanging;
  Fixture f({}, 1);
  f.plan.table.deadline_ms = 3000;
  f.stable({stable.server.port()}).candidate({hanging.port()}).apply();
  const MonotonicTime began = monotonic_now();
  EXPECT_TRUE(f.ask().starts_with("HTTP/1.1 200 "));
  EXPECT_GE(monotonic_now() - began, milliseconds{1490});
  EXPECT_EQ(f.counts("c").failed_timeout, 1);
  hanging.release.set_value();
  f.candidate({1}).apply();  // Nobody listens there.
  EXPECT_TRUE(f.ask().starts_with("HTTP/1.1 200 "));
  EXPECT_EQ(f.counts("c").failed_connect, 1);
  EXPECT_EQ(f.counts("c").rescued, 2);
}

// A worker whose kernel does not take connections any more: nothing answers, not even a refusal.
TEST(ProxyServer, RescuesFromACandidateThatTakesNoConnection) {
  Worker stable("s");
  const FullListener full;
  Fixture f({}, 1);
  f.stable({stable.server.port()}).candidate({full.port()}).apply();
  EXPECT_TRUE(f.ask().starts_with("HTTP/1.1 200 "));
  EXPECT_EQ(f.counts("c").failed_connect, 1);
  EXPECT_EQ(f.counts("c").failed_timeout, 0);
}

TEST(ProxyServer, DoesNotBlameAWorkerForClosingAnIdleConnection) {
  RawWorker worker([](const std::string&) {  // Says keep-alive and closes.
    return RawWorker::Reaction{good_answer(), true};
  });
  Fixture f({}, 1);
  f.stable({worker.port()}).apply();
  for (int n = 1; n <= 20; ++n) {
    EXPECT_TRUE(f.ask().starts_with("HTTP/1.1 200 "));
    ASSERT_TRUE(worker.closed().wait_for(n));  // The close follows the answer.
  }
  EXPECT_EQ(f.counts("s").failed, 0);
  EXPECT_EQ(worker.connections(), 20);
}

TEST(ProxyServer, LosesNoQueryWhilePlansChange) {
  Worker a("s");
  Worker b("s");
  Worker c("c", 5);
  Fixture f;
  f.stable({a.server.port()}).apply();
  std::atomic<bool> is_over{false};
  EventCount answered;
  std::atomic<int> bad{0};
  std::vector<std::jthread> clients;
  for (int n = 0; n < 4; ++n) {
    clients.emplace_back([&] {
      RawClient client(f.server.port());
      while (!is_over) {
        client.send(query());
        bad += client.receive().starts_with("HTTP/1.1 200 ") ? 0 : 1;
        answered.add();
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
    ASSERT_TRUE(answered.wait_for(answered.count() + 5));  // Under this plan.
  }
  is_over = true;
  clients.clear();
  EXPECT_EQ(bad, 0);
  const wire::Counters counters = f.router.counters();
  EXPECT_EQ(counters.table.generation, 62);
}

}  // namespace
}  // namespace sluice::router
