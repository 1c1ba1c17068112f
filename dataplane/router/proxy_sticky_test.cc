// Users who stay where they are, over HTTP.

#include <gtest/gtest.h>

#include <string>

#include "dataplane/router/proxy_for_test.h"

namespace sluice::router {
namespace {

constexpr Share kWeight{4000};

// Two workers and two routers in front of them that never hear of each other.
struct StickyProxies : testing::Test {
  StickyProxies() {
    for (Fixture* router : {&one, &other}) {
      router->stable({stable.server.port()}).candidate({candidate.server.port()}, kWeight);
      router->plan.table.candidate->sticky_header = "X-User-Id";
      router->apply();
    }
  }

  static bool is_candidates(const std::string& answer) {
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 ")) << answer;
    return has(answer, "X-Sluice-Revision: c\r\n");
  }

  static std::string query_of(const std::string& user, const std::string& name = "X-User-Id") {
    return query(R"({"query":"x"})", name + ": " + user + "\r\n");
  }

  Worker stable{"s"};
  Worker candidate{"c"};
  Fixture one{{}, 2};
  Fixture other{{}, 3};
};

TEST_F(StickyProxies, AgreeOnEveryUser) {
  int candidates = 0;
  for (int user = 0; user < 60; ++user) {
    const std::string name = "user-" + std::to_string(user);
    const bool is_its = is_candidates(one.ask(query_of(name)));
    candidates += is_its ? 1 : 0;
    for (int again = 0; again < 3; ++again) {  // On other connections, and so on other lanes.
      EXPECT_EQ(is_candidates(other.ask(query_of(name))), is_its) << name;
    }
    EXPECT_EQ(is_candidates(one.ask(query_of(name, "x-user-ID"))), is_its)
        << "names of headers are the same in any case";
  }
  EXPECT_GT(candidates, 10);
  EXPECT_LT(candidates, 50);
}

TEST_F(StickyProxies, TakeTurnsForQueriesWithoutAUser) {
  Fixture alone({}, 1);
  alone.stable({stable.server.port()}).candidate({candidate.server.port()}, kWeight);
  alone.plan.table.candidate->sticky_header = "X-User-Id";
  alone.apply();
  int candidates = 0;
  for (int n = 0; n < 100; ++n) {
    candidates += is_candidates(alone.ask()) ? 1 : 0;
  }
  EXPECT_NEAR(candidates, 40, 1);
}

TEST_F(StickyProxies, RescueAUserOfABrokenCandidate) {
  Worker broken("c", 1);
  one.candidate({broken.server.port()}, kWhole);
  one.plan.table.candidate->sticky_header = "X-User-Id";
  one.apply();
  for (int n = 0; n < 3; ++n) {
    EXPECT_FALSE(is_candidates(one.ask(query_of("alice"))));
  }
  EXPECT_EQ(one.counts("c").rescued, 3);
}

}  // namespace
}  // namespace sluice::router
