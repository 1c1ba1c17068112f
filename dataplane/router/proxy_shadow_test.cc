// Shadow over sockets: a candidate that is dead, silent, endless or hostile, and users who never
// notice.

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <string>
#include <vector>

#include "base/base64.h"
#include "dataplane/router/proxy_for_test.h"

namespace sluice::router {
namespace {

using std::chrono::milliseconds;
using wire::CounterMode;

std::string answer_with(const std::string& hits, const std::string& body = kGoodBody) {
  return "HTTP/1.1 200 OK\r\nX-Sluice-Hits: " + hits +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// Eight bytes an id.
std::string hits_of(const std::string& letters) {
  std::string bytes;
  for (const char letter : letters) {
    bytes += std::string(8, letter);
  }
  return base64_encode(bytes);
}

RawWorker::Reaction keeping(std::string bytes) {
  return {.bytes = std::move(bytes), .closes = false};
}

struct ShadowFixture : Fixture {
  ShadowFixture(std::uint16_t stable_port, std::uint16_t candidate_port) : Fixture({}, 1) {
    stable({stable_port}).candidate({candidate_port}, Share{0});
    plan.table.candidate->shadow = kWhole;
    apply();
  }

  wire::PairCounters pair() {
    const wire::Counters all = router.counters();
    return all.pairs.empty() ? wire::PairCounters{} : all.pairs.front();
  }

  bool all_over() {
    return eventually([this] { return counts("c", CounterMode::kShadow).in_flight == 0; });
  }
};

TEST(ProxyShadow, ComparesTheHitsThatBothName) {
  RawWorker stable([](const std::string&) { return keeping(answer_with(hits_of("abcd"))); });
  RawWorker candidate([](const std::string&) { return keeping(answer_with(hits_of("abxy"))); });
  ShadowFixture f(stable.port(), candidate.port());
  RawClient client(f.server.port());
  for (int n = 0; n < 20; ++n) {
    client.send(query());
    EXPECT_TRUE(has(client.receive(), hits_of("abcd")));
  }
  ASSERT_TRUE(f.all_over());
  EXPECT_EQ(f.pair().both_good, 20);
  EXPECT_EQ(f.pair().overlap.at(5), 20);
  EXPECT_EQ(f.counts("s").ended, 20);
  EXPECT_EQ(f.counts("c").ended, 0);
  EXPECT_EQ(f.counts("c", CounterMode::kShadow).ended, 20);
  const std::string metrics = f.ask("GET /metrics HTTP/1.1\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(has(metrics, "sluice_router_shadow_overlap_sum{revision=\"c\",stable=\"s\"} 10\n"));
  EXPECT_TRUE(has(metrics,
                  "sluice_router_shadow_pairs_total{revision=\"c\",stable=\"s\","
                  "ended=\"both_good\"} 20\n"));
}

TEST(ProxyShadow, CountsEveryWayInWhichACopyCanFailAndShowsNone) {
  struct Case {
    std::string name;
    std::string bytes;
    std::int64_t wire::RevisionCounters::* counter;
  };

  const std::string endless(std::size_t{17} << 20, 'x');  // More than is read.
  const std::vector<Case> cases = {
      {"closed at once", "", &wire::RevisionCounters::failed_reset},
      {"dies in the body",
       "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"hits\"",
       &wire::RevisionCounters::failed_reset},
      {"no JSON", good_answer("<html>it works</html>"), &wire::RevisionCounters::failed_body},
      {"half of the JSON", good_answer("{\"hits\":["), &wire::RevisionCounters::failed_body},
      {"500",
       "HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n",
       &wire::RevisionCounters::failed_status},
      {"endless body", "HTTP/1.1 200 OK\r\n\r\n{" + endless, &wire::RevisionCounters::failed_body},
  };
  RawWorker stable([](const std::string&) { return keeping(answer_with("")); });
  for (const Case& c : cases) {
    RawWorker candidate([&c](const std::string&) { return RawWorker::Reaction{c.bytes}; });
    ShadowFixture f(stable.port(), candidate.port());
    EXPECT_TRUE(f.ask().starts_with("HTTP/1.1 200 ")) << c.name;
    ASSERT_TRUE(f.all_over()) << c.name;
    const wire::RevisionCounters counts = f.counts("c", CounterMode::kShadow);
    EXPECT_EQ(counts.*c.counter, 1) << c.name;
    EXPECT_EQ(counts.failed, 1) << c.name;
    EXPECT_EQ(f.pair().only_failed, 1) << c.name;
  }
}

TEST(ProxyShadow, TakesALargeAnswerWithoutKeepingIt) {
  const std::string large = "{\"hits\":[\"" + std::string(4'000'000, 'x') + "\"]}";
  RawWorker stable([](const std::string&) { return keeping(answer_with(hits_of("a"))); });
  RawWorker candidate(
      [&large](const std::string&) { return keeping(answer_with(hits_of("a"), large)); });
  ShadowFixture f(stable.port(), candidate.port());
  EXPECT_TRUE(f.ask().starts_with("HTTP/1.1 200 "));
  ASSERT_TRUE(f.all_over());
  EXPECT_EQ(f.pair().overlap.at(10), 1);
}

TEST(ProxyShadow, AnswersUsersWhileTheCandidateIsDead) {
  RawWorker stable([](const std::string&) { return keeping(answer_with(hits_of("a"))); });
  ShadowFixture f(stable.port(), 1);  // Nobody listens there.
  for (int n = 0; n < 50; ++n) {
    EXPECT_TRUE(f.ask().starts_with("HTTP/1.1 200 "));
  }
  ASSERT_TRUE(f.all_over());
  EXPECT_EQ(f.pair().only_failed, 50);
  EXPECT_EQ(f.counts("s").answered, 50);
  EXPECT_EQ(f.counts("s").failed, 0);
}

// The candidate says nothing before all users have their answers: none can have waited for it.
TEST(ProxyShadow, AnswersUsersWhileTheCandidateIsSilentAndBoundsTheCopies) {
  RawWorker stable([](const std::string&) { return keeping(answer_with(hits_of("a"))); });
  std::promise<void> release;
  RawWorker silent([future = release.get_future().share()](const std::string&) {
    (void)future.wait_for(std::chrono::seconds{20});
    return RawWorker::Reaction{good_answer()};
  });
  ShadowFixture f(stable.port(), silent.port());
  constexpr int kQueries = 300;
  RawClient client(f.server.port());
  for (int n = 0; n < kQueries; ++n) {
    client.send(query());
    ASSERT_TRUE(client.receive().starts_with("HTTP/1.1 200 ")) << n;
  }
  const auto copies_max = static_cast<std::int64_t>(ShadowLimits{}.copies_max);
  EXPECT_EQ(f.counts("c", CounterMode::kShadow).in_flight, copies_max);
  EXPECT_EQ(f.pair().dropped, kQueries - copies_max);
  EXPECT_EQ(f.counts("s").answered, kQueries);
  release.set_value();
  EXPECT_TRUE(f.all_over());
}

TEST(ProxyShadow, DrainsWithoutWaitingForCopies) {
  RawWorker stable([](const std::string&) { return keeping(answer_with(hits_of("a"))); });
  std::promise<void> release;
  RawWorker silent([future = release.get_future().share()](const std::string&) {
    (void)future.wait_for(std::chrono::seconds{20});
    return RawWorker::Reaction{good_answer()};
  });
  ShadowFixture f(stable.port(), silent.port());
  {
    RawClient client(f.server.port());
    client.send(query());
    EXPECT_TRUE(client.receive().starts_with("HTTP/1.1 200 "));
  }
  ASSERT_TRUE(silent.asked().wait_for(1));
  EXPECT_TRUE(f.server.stop(milliseconds{5000}));
  EXPECT_EQ(f.counts("c", CounterMode::kShadow).in_flight, 1);  // Cut off.
  release.set_value();
}

}  // namespace
}  // namespace sluice::router
