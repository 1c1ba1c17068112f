#include "controllers/runtime/work_queue.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/sim_loop/sim_loop.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

struct WorkQueueTest : testing::Test {
  SimLoop loop;
  MetricsRegistry metrics;
  WorkQueue queue{loop, Rng(3), metrics, "test"};
  kube::ObjectKey a{"default", "a"};
  kube::ObjectKey b{"default", "b"};

  std::string take() {
    const auto key = queue.take();
    return key ? key->name : "";
  }
};

TEST_F(WorkQueueTest, GivesKeysInOrderAndEachOnce) {
  queue.add(a);
  queue.add(b);
  queue.add(a);
  EXPECT_EQ(take(), "a");
  EXPECT_EQ(take(), "b");
  EXPECT_EQ(take(), "");
}

TEST_F(WorkQueueTest, RunsAKeyOnceMoreWhenItChangedMeanwhile) {
  queue.add(a);
  EXPECT_EQ(take(), "a");
  for (int i = 0; i < 1000; ++i) {
    queue.add(a);
  }
  EXPECT_EQ(take(), "");
  queue.done(a);
  EXPECT_EQ(take(), "a");
  queue.done(a);
  EXPECT_EQ(take(), "");
}

TEST_F(WorkQueueTest, TakesTheEarliestDelay) {
  queue.add_after(a, seconds{10});
  queue.add_after(a, seconds{1});
  queue.add_after(a, seconds{5});
  loop.run_for(milliseconds{999});
  EXPECT_EQ(queue.ready(), 0U);
  loop.run_for(milliseconds{1});
  EXPECT_EQ(take(), "a");
  queue.done(a);
  loop.run_for(minutes{1});
  EXPECT_EQ(queue.ready(), 0U);
}

TEST_F(WorkQueueTest, LetsAPlainAddOvertakeADelay) {
  queue.add_after(a, seconds{10});
  queue.add(a);
  EXPECT_EQ(take(), "a");
  queue.done(a);
  loop.run_for(minutes{1});
  EXPECT_EQ(queue.ready(), 0U);
}

TEST_F(WorkQueueTest, KeepsADelayGivenWhileTheKeyIsInFlight) {
  queue.add(a);
  EXPECT_EQ(take(), "a");
  queue.add_after(a, seconds{3});
  queue.done(a);
  EXPECT_EQ(queue.ready(), 0U);
  loop.run_for(seconds{3});
  EXPECT_EQ(take(), "a");
}

TEST_F(WorkQueueTest, LeavesNoTimerBehind) {
  const std::size_t before = loop.pending();
  {
    WorkQueue other(loop, Rng(4), metrics, "other");
    other.on_ready([] { FAIL(); });
    other.add(a);
    other.add_after(b, seconds{1});
  }
  EXPECT_EQ(loop.pending(), before);
  loop.run_for(minutes{1});
}

TEST_F(WorkQueueTest, BacksOffWithJitterUpToFiveMinutesAndForgets) {
  Duration longest{0};
  for (int i = 0; i < 40; ++i) {
    const MonotonicTime before = loop.now();
    queue.add_after_failure(a);
    ASSERT_TRUE(loop.run_until([&] { return queue.ready() == 1; }, minutes{5}));
    longest = std::max(longest, loop.now() - before);
    EXPECT_EQ(take(), "a");
    queue.done(a);
  }
  EXPECT_GT(longest, minutes{2});
  EXPECT_EQ(queue.failures(a), 40);
  queue.forget(a);
  EXPECT_EQ(queue.failures(a), 0);
  queue.add_after_failure(a);
  EXPECT_TRUE(loop.run_until([&] { return queue.ready() == 1; }, milliseconds{6}));
}

TEST_F(WorkQueueTest, HonoursWhatTheServerAskedFor) {
  queue.add_after_failure(a, seconds{7});
  loop.run_for(milliseconds{6999});
  EXPECT_EQ(queue.ready(), 0U);
  loop.run_for(milliseconds{1});
  EXPECT_EQ(queue.ready(), 1U);
}

// Against a model: whatever is done to it, a key that was added runs after that, never twice at
// once.
TEST(WorkQueueProperty, EveryAddIsFollowedByARunAndNoneOverlap) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SimLoop loop;
    MetricsRegistry metrics;
    Rng rng(seed);
    WorkQueue queue(loop, rng.fork(), metrics, "test");
    std::map<kube::ObjectKey, bool> owed;  // Added (or due) and not taken since.
    std::vector<kube::ObjectKey> in_flight;
    for (int step = 0; step < 400; ++step) {
      const kube::ObjectKey key{"default", std::to_string(rng.below(5))};
      const auto what = rng.below(10);
      if (what < 4) {
        queue.add(key);
        owed[key] = true;
      } else if (what < 5) {
        queue.add_after(key, milliseconds{rng.below(3000)});
      } else if (what < 7) {
        if (const auto taken = queue.take()) {
          ASSERT_EQ(std::count(in_flight.begin(), in_flight.end(), *taken), 0);
          in_flight.push_back(*taken);
          owed[*taken] = false;
        }
      } else if (what < 9 && !in_flight.empty()) {
        queue.done(in_flight.front());
        in_flight.erase(in_flight.begin());
      } else {
        loop.run_for(milliseconds{rng.below(1000)});
      }
    }
    for (const auto& key : in_flight) {
      queue.done(key);
    }
    loop.run_for(seconds{5});
    while (const auto taken = queue.take()) {
      owed[*taken] = false;
      queue.done(*taken);
    }
    for (const auto& [key, is_owed] : owed) {
      EXPECT_FALSE(is_owed) << key.text() << " seed " << seed;
    }
  }
}

}  // namespace
}  // namespace sluice
