#include "dataplane/router/core/split.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

#include "dataplane/router/core/latency.h"
#include "dataplane/router/core/retry_budget.h"

namespace sluice::router {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Splitter, IsWithinOneOfTheShareAtEveryPrefix) {
  for (const int share : {0,
                          1,
                          7,
                          50,
                          100,
                          333,
                          1000,
                          2500,
                          3000,
                          3333,
                          4999,
                          5000,
                          5001,
                          6667,
                          7500,
                          9000,
                          9999,
                          10000}) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      Splitter splitter{Rng(seed)};
      splitter.set_share(Share{share});
      double candidates = 0;
      for (int n = 1; n <= 30'000; ++n) {
        candidates += splitter.next() ? 1 : 0;
        ASSERT_LE(std::abs(candidates - share / 10'000.0 * n), 1.0 + 1e-9)
            << "share " << share << " seed " << seed << " after " << n;
      }
    }
  }
}

// As a candidate's own chance would have it, even over several lanes that each begin anew.
TEST(Splitter, GivesTinySharesTheirPartOfAMillionQueries) {
  for (const Share share : {Share{1}, Share{50}}) {
    constexpr int kLanes = 8;
    constexpr int kQueries = 1'000'000;
    Rng rng(11);
    int candidates = 0;
    for (int lane = 0; lane < kLanes; ++lane) {
      Splitter splitter{rng.fork()};
      splitter.set_share(share);
      for (int n = 0; n < kQueries / kLanes; ++n) {
        candidates += splitter.next() ? 1 : 0;
      }
    }
    const double w = share.fraction();
    EXPECT_NEAR(candidates, w * kQueries, 3 * std::sqrt(w * (1 - w) * kQueries))
        << format_share(share);
  }
}

TEST(Splitter, CannotBeForetoldByAClientThatAlternates) {
  // At 50 % round robin gives every even query to one arm. Ours gives each arm about half of them.
  Splitter splitter{Rng(1)};
  splitter.set_share(Share{5000});
  int even = 0;
  for (int n = 0; n < 20'000; ++n) {
    even += splitter.next() && n % 2 == 0 ? 1 : 0;
  }
  EXPECT_NEAR(even, 5000, 250);
}

TEST(Splitter, DiffersFromLaneToLane) {
  std::set<std::vector<bool>> seen;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    Splitter splitter{Rng(seed)};
    splitter.set_share(Share{1000});
    std::vector<bool> choices;
    for (int n = 0; n < 100; ++n) {
      choices.push_back(splitter.next());
    }
    seen.insert(choices);
  }
  EXPECT_EQ(seen.size(), 10U);
}

TEST(Splitter, KeepsItsPlaceWhileTheShareStands) {
  // A 1 % candidate whose table is renewed before every query still gets its hundredth.
  Splitter splitter{Rng(3)};
  int candidates = 0;
  for (int n = 0; n < 10'000; ++n) {
    splitter.set_share(Share{100});
    candidates += splitter.next() ? 1 : 0;
  }
  EXPECT_NEAR(candidates, 100, 1);
}

TEST(Splitter, StartsANewCountWithANewShare) {
  Splitter splitter{Rng(3)};
  splitter.set_share(Share{1000});
  for (int n = 0; n < 5; ++n) {
    (void)splitter.next();
  }
  splitter.set_share(Share{0});
  for (int n = 0; n < 1000; ++n) {
    EXPECT_FALSE(splitter.next());
  }
  splitter.set_share(kWhole);
  for (int n = 0; n < 1000; ++n) {
    EXPECT_TRUE(splitter.next());
  }
}

TEST(RetryBudget, AllowsAFifthOfTheQueries) {
  RetryBudget budget(1.0);
  MonotonicTime now{seconds{100}};
  int taken = 0;
  for (int n = 0; n < 1000; ++n) {
    budget.on_query();
    taken += budget.take(now) ? 1 : 0;
  }
  EXPECT_NEAR(taken, 200, 2);
}

TEST(RetryBudget, AllowsItsMinimumEachSecondWithoutQueries) {
  for (const double per_second : {0.75, 1.5, 3.0}) {
    RetryBudget budget(per_second);
    int taken = 0;
    for (int tick = 0; tick < 1000; ++tick) {  // 100 s.
      taken += budget.take({seconds{50} + milliseconds{100} * tick}) ? 1 : 0;
    }
    EXPECT_NEAR(taken, per_second * 100, 4) << per_second;
  }
}

TEST(RetryBudget, DoesNotSaveUpWithoutBound) {
  RetryBudget budget(3.0);
  for (int n = 0; n < 100'000; ++n) {
    budget.on_query();
  }
  int taken = 0;
  while (budget.take({seconds{10}})) {
    ++taken;
  }
  EXPECT_EQ(taken, 50);
}

TEST(LatencyBucket, HasTheFixedEdges) {
  EXPECT_EQ(latency_edge(0), microseconds{100});
  EXPECT_EQ(latency_edge(8), microseconds{200});
  EXPECT_EQ(latency_edge(80), microseconds{102'400});
  EXPECT_EQ(latency_edge(160), microseconds{104'857'600});
  EXPECT_EQ(latency_bucket(Duration{0}), 0U);
  EXPECT_EQ(latency_bucket(Duration{-5}), 0U);
  EXPECT_EQ(latency_bucket(microseconds{100}), 0U);
  EXPECT_EQ(latency_bucket(microseconds{100} + Duration{1}), 1U);
  EXPECT_EQ(latency_bucket(microseconds{200}), 8U);
  EXPECT_EQ(latency_bucket(seconds{1000}), 160U);
  for (std::size_t i = 1; i < kLatencyBuckets; ++i) {
    EXPECT_EQ(latency_bucket(latency_edge(i)), i);
  }
}

}  // namespace
}  // namespace sluice::router
