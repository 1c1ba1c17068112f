// Users who stay where they are: the rule, and lanes and routers that follow it.

#include "dataplane/router/core/sticky.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <string>

#include "dataplane/router/core/lane.h"

namespace sluice::router {
namespace {

TEST(StickyPlace, IsWhatTheDocumentedRuleGives) {
  struct Case {
    const char* revision;
    const char* value;
    int place;
  };

  // printf 'packages-a1b2c3\nalice' | sha256sum: f27655f1…, 0.9471 of 2^32.
  for (const Case& given : {Case{"packages-a1b2c3", "alice", 9471},
                            Case{"packages-a1b2c3", "bob", 6409},
                            Case{"packages-d4e5f6", "alice", 638},
                            Case{"c", "u0", 6995},
                            Case{"c", "u1", 4133}}) {
    EXPECT_EQ(sticky_place(given.revision, given.value).ten_thousandths, given.place)
        << given.revision << " " << given.value;
  }
}

TEST(StickyPlace, NamesNobodyByNothingOrByTooMuch) {
  EXPECT_FALSE(names_user(""));
  EXPECT_TRUE(names_user("u"));
  EXPECT_TRUE(names_user(std::string(kStickyValueMax, 'u')));
  EXPECT_FALSE(names_user(std::string(kStickyValueMax + 1, 'u')));
}

TEST(StickyPlace, GivesEachWeightItsShareOfTheUsers) {
  constexpr int kUsers = 200'000;
  for (const Share weight : {Share{1}, Share{50}, Share{1000}, Share{9500}}) {
    int inside = 0;
    for (int user = 0; user < kUsers; ++user) {
      inside += sticky_place("c", "user-" + std::to_string(user)) < weight ? 1 : 0;
    }
    const double w = weight.fraction();
    EXPECT_NEAR(inside, w * kUsers, 4 * std::sqrt(w * (1 - w) * kUsers)) << format_share(weight);
  }
}

// One lane of some router, with its own random numbers.
struct StickyLane {
  StickyLane(std::uint64_t seed, Share weight) : lane(Rng(seed), {}) { set_weight(weight); }

  void set_weight(Share weight) {
    RoutingPlan plan;
    plan.table = {.uid = "u",
                  .stable = wire::RouteTarget{.revision = "s"},
                  .candidate = wire::RouteCandidate{
                      .target = {.revision = "c"}, .weight = weight, .sticky_header = "X-User-Id"}};
    for (const std::string revision : {"s", "c"}) {
      plan.endpoints[revision].push_back({.pod = revision + "0", .host = "h", .port = 80});
    }
    lane.apply(plan);
  }

  // Whether the query of this user goes to the candidate first.
  bool is_candidates(const std::string& user) {
    Query query;
    const auto header = [&user](std::string_view name) {
      return name == "X-User-Id" ? std::string_view(user) : std::string_view{};
    };
    const Actions start = lane.query_arrived(query, {.now = now, .header = header});
    EXPECT_EQ(start.start_count, 1U);
    (void)lane.attempt_ended(query, 0, {}, now);
    return query.attempts[0].arm == Arm::kCandidate;
  }

  Lane lane;
  MonotonicTime now{std::chrono::seconds{100}};
};

TEST(StickyLane, TwoRoutersAgreeAndNobodyMovesBetweenQueries) {
  StickyLane one(1, Share{3000});
  StickyLane other(99, Share{3000});
  for (int user = 0; user < 500; ++user) {
    const std::string name = "user-" + std::to_string(user);
    const bool is_candidates = one.is_candidates(name);
    EXPECT_EQ(other.is_candidates(name), is_candidates) << name;
    EXPECT_EQ(one.is_candidates(name), is_candidates) << name;
  }
}

TEST(StickyLane, KeepsEveryUserItHasWhenTheWeightGrows) {
  StickyLane one(1, Share{1});
  std::size_t before = 0;
  std::set<std::string> inside;
  for (const Share weight : {Share{50}, Share{1000}, Share{5000}, Share{9500}, kWhole}) {
    one.set_weight(weight);
    for (int user = 0; user < 1000; ++user) {
      const std::string name = "user-" + std::to_string(user);
      const bool is_candidates = one.is_candidates(name);
      EXPECT_TRUE(is_candidates || !inside.contains(name)) << name << format_share(weight);
      if (is_candidates) {
        inside.insert(name);
      }
    }
    EXPECT_GT(inside.size(), before);
    before = inside.size();
  }
  EXPECT_EQ(inside.size(), 1000U);
}

TEST(StickyLane, SplitsQueriesWithoutAUserAsIfNobodyWereSticky) {
  for (const std::string& value : {std::string(), std::string(kStickyValueMax + 1, 'x')}) {
    StickyLane one(1, Share{2500});
    int candidates = 0;
    for (int n = 0; n < 1000; ++n) {
      // Users in between take nothing away from the others' share.
      (void)one.is_candidates("alice");
      candidates += one.is_candidates(value) ? 1 : 0;
    }
    EXPECT_NEAR(candidates, 250, 1);
  }
}

TEST(StickyLane, GivesAUserToStableWhileTheCandidateHasNoWorker) {
  StickyLane one(1, kWhole);
  ASSERT_TRUE(one.is_candidates("alice"));
  RoutingPlan plan{.table = one.lane.table()};
  plan.endpoints["s"].push_back({.pod = "s0", .host = "h", .port = 80});
  one.lane.apply(plan);
  EXPECT_FALSE(one.is_candidates("alice"));
}

}  // namespace
}  // namespace sluice::router
