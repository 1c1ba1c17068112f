#include "dataplane/router/core/quarantine.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "base/rng.h"

namespace sluice::router {
namespace {

constexpr WallTime kNow{std::chrono::seconds{1'800'000'000}};

wire::RouteTable a_table(Share weight, Share error_rate_max = Share{100}) {
  return {.uid = "u",
          .stable = wire::RouteTarget{.revision = "s"},
          .candidate = wire::RouteCandidate{
              .target = {.revision = "c"}, .weight = weight, .error_rate_max = error_rate_max}};
}

QuarantineBoard a_board() {
  QuarantineBoard board;
  board.set_table(a_table(Share{1000}));
  return board;
}

int records_until_active(QuarantineBoard& board, double error_rate, Rng& rng) {
  int n = 0;
  while (!board.is_active() && n < 100'000) {
    board.record("c", rng.unit() < error_rate, kNow);
    ++n;
  }
  return n;
}

TEST(DetectorSteps, AreTheLogLikelihoodRatios) {
  struct Case {
    int error_rate_max;
    double failure;
    double success;
  };

  // ln(p1/p0) and ln((1-p1)/(1-p0)).
  const std::vector<Case> cases = {
      {0, 2.995732273553991, -0.2130932154607082},      // 1 % against 20 %: the floor.
      {100, 2.995732273553991, -0.2130932154607082},    // 1 %: the same.
      {500, 1.6094379124341003, -0.23638877806423034},  // 5 % against 25 %.
      {1500, 1.6094379124341003, -1.2237754316221157},  // 15 % against 75 %.
  };
  for (const Case& c : cases) {
    const DetectorSteps steps = detector_steps(Share{c.error_rate_max});
    EXPECT_NEAR(steps.failure, c.failure, 1e-12) << c.error_rate_max;
    EXPECT_NEAR(steps.success, c.success, 1e-12) << c.error_rate_max;
  }
}

TEST(DetectorLevel, StaysWithinItsClamp) {
  const DetectorSteps steps = detector_steps(Share{100});
  EXPECT_EQ(next_level(0, steps, false), 0.0);
  EXPECT_EQ(next_level(18.0, steps, true), kQuarantineMax);
}

TEST(Quarantine, TripsAtTheFourthFailureInARow) {
  QuarantineBoard board = a_board();
  for (int n = 0; n < 3; ++n) {
    board.record("c", true, kNow);
    EXPECT_FALSE(board.is_active());
  }
  board.record("c", true, kNow + std::chrono::seconds{3});
  EXPECT_TRUE(board.is_active());
  const auto states = board.report();
  ASSERT_EQ(states.size(), 2U);
  EXPECT_EQ(states[0].revision, "c");
  EXPECT_TRUE(states[0].active);
  EXPECT_EQ(states[0].trips, 1);
  EXPECT_EQ(states[0].first_failure_at, kNow);
  EXPECT_EQ(states[0].tripped_at, kNow + std::chrono::seconds{3});
}

TEST(Quarantine, StopsACandidateThatFailsAFifthAfterSomeTwenty) {
  Rng rng(7);
  std::vector<int> counts;
  for (int run = 0; run < 1000; ++run) {
    QuarantineBoard board = a_board();
    counts.push_back(records_until_active(board, 0.2, rng));
  }
  std::sort(counts.begin(), counts.end());
  const double mean = std::accumulate(counts.begin(), counts.end(), 0.0) / 1000;
  EXPECT_NEAR(mean, 23, 4);
  EXPECT_LE(counts[900], 50);
}

TEST(Quarantine, LeavesACandidateWithinItsObjectiveAlone) {
  Rng rng(7);
  double total = 0;
  for (int run = 0; run < 20; ++run) {
    QuarantineBoard board = a_board();
    total += records_until_active(board, 0.005, rng);
  }
  EXPECT_GT(total / 20, 20'000);
}

TEST(Quarantine, IsReleasedAtZeroAndNotBefore) {
  QuarantineBoard board = a_board();
  for (int n = 0; n < 10; ++n) {
    board.record("c", true, kNow);
  }
  for (int n = 0; n < 86; ++n) {  // 18.4 / 0.2131 = 86.3
    board.record("c", false, kNow);
    EXPECT_TRUE(board.is_active()) << n;
  }
  board.record("c", false, kNow);
  EXPECT_FALSE(board.is_active());
  for (int n = 0; n < 4; ++n) {
    board.record("c", true, kNow);
  }
  EXPECT_TRUE(board.is_active());
  EXPECT_EQ(board.report()[0].trips, 2);
}

TEST(Quarantine, NeverTripsWhileStableFailsAsWell) {
  QuarantineBoard board = a_board();
  for (int n = 0; n < 10; ++n) {
    board.record("s", true, kNow);
    board.record("c", true, kNow);
  }
  EXPECT_FALSE(board.is_active());
  for (int n = 0; n < 87; ++n) {  // Stable recovers, the candidate goes on failing.
    board.record("s", false, kNow);
  }
  board.record("c", true, kNow);
  EXPECT_TRUE(board.is_active());
}

TEST(Quarantine, StartsAfreshWhenACandidateGetsWeightAgain) {
  QuarantineBoard board = a_board();
  for (int n = 0; n < 4; ++n) {
    board.record("c", true, kNow);
  }
  board.set_table(a_table(Share{1000}));  // Endpoints or generation changed: nothing new.
  EXPECT_TRUE(board.is_active());
  board.set_table(a_table(Share{0}));
  EXPECT_TRUE(board.is_active());
  board.set_table(a_table(Share{5000}));
  EXPECT_FALSE(board.is_active());
  EXPECT_EQ(board.report()[0].trips, 1);
}

TEST(Quarantine, FollowsTheRolesOfTheTable) {
  QuarantineBoard board = a_board();
  for (int n = 0; n < 4; ++n) {
    board.record("c", true, kNow);
  }
  wire::RouteTable promoted = a_table(Share{0});
  promoted.stable->revision = "c";
  promoted.candidate.reset();
  board.set_table(promoted);
  EXPECT_FALSE(board.is_active());
  board.record("unknown", true, kNow);
  board.record("", true, kNow);
  EXPECT_EQ(board.report().size(), 2U);
}

TEST(Quarantine, RemembersABoundedNumberOfRevisions) {
  QuarantineBoard board;
  for (int n = 0; n < 100; ++n) {
    wire::RouteTable table = a_table(Share{1000});
    table.candidate->target.revision = "c" + std::to_string(n);
    board.set_table(table);
  }
  EXPECT_LE(board.report().size(), 17U);
}

}  // namespace
}  // namespace sluice::router
