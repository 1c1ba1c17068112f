// Copies of stable's queries: what is counted, what bounds them, and that no user ever notices.

#include "dataplane/router/core/shadow.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/base64.h"
#include "dataplane/router/core/lane.h"

namespace sluice::router {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string hits(const std::vector<rankings::Id>& ids) {
  std::string bytes;
  for (const rankings::Id id : ids) {
    bytes.append(reinterpret_cast<const char*>(&id), sizeof id);
  }
  return base64_encode(bytes);
}

const std::string kHits = hits({1, 2, 3, 4, 5, 6, 7, 8, 9, 10});

// A lane whose stable queries are copied, all unless a test says else.
struct World {
  explicit World(ShadowLimits limits = {}, int candidates = 1) : lane(Rng(3), {.shadow = limits}) {
    plan.table = {.uid = "u",
                  .stable = wire::RouteTarget{.revision = "s"},
                  .candidate = wire::RouteCandidate{.target = {.revision = "c"}, .shadow = kWhole},
                  .deadline_ms = 1000};
    add("s", 2);
    add("c", candidates);
    lane.apply(plan);
  }

  void add(const std::string& revision, int count) {
    for (int n = 0; n < count; ++n) {
      const std::string pod = revision + std::to_string(n);
      plan.endpoints[revision].push_back({.pod = pod, .host = "h", .port = 80});
    }
  }

  Actions arrive(Query& query, std::optional<milliseconds> allowed = {}, std::size_t bytes = 100) {
    query = {};
    return lane.query_arrived(query, {.now = now, .allowed = allowed, .bytes = bytes});
  }

  Actions end(Query& query,
              Slot slot,
              std::optional<FailureClass> failure = {},
              const std::string& with = kHits) {
    now = now + milliseconds{1};
    return lane.attempt_ended(query, slot, {.failure = failure, .hits = with}, now);
  }

  [[nodiscard]] wire::Counters all() const {
    TallySum sum;
    sum.add(lane.tally());
    wire::Counters counters;
    sum.write(counters);
    for (const wire::RevisionCounters& one : counters.revisions) {
      EXPECT_EQ(one.assigned, one.ended + one.client_gone + one.in_flight);
    }
    return counters;
  }

  [[nodiscard]] wire::RevisionCounters counts(const std::string& revision,
                                              wire::CounterMode mode) const {
    for (const wire::RevisionCounters& one : all().revisions) {
      if (one.revision == revision && one.mode == mode) {
        return one;
      }
    }
    return {};
  }

  [[nodiscard]] wire::PairCounters pair(const std::string& asked = "c") const {
    for (const wire::PairCounters& one : all().pairs) {
      if (one.stable == "s" && one.revision == asked) {
        return one;
      }
    }
    return {};
  }

  RoutingPlan plan;
  Lane lane;
  MonotonicTime now{seconds{100}};
};

TEST(Shadow, AnswersTheUserFromStableAndComparesTheRest) {
  World w;
  Query q;
  const Actions start = w.arrive(q);
  ASSERT_EQ(start.start_count, 2U);
  EXPECT_EQ(q.attempts[start.start[0]].arm, Arm::kStable);  // The user's goes first.
  EXPECT_EQ(q.attempts[start.start[1]].arm, Arm::kCandidate);
  EXPECT_EQ(w.end(q, 0).answer, Slot{0});
  EXPECT_FALSE(Lane::is_over(q));
  EXPECT_EQ(w.counts("s", wire::CounterMode::kLive).answered, 1);  // Does not wait for the copy.
  const Actions end = w.end(q, 1, {}, hits({1, 2, 3, 4, 5, 16, 17, 18, 19, 20}));
  EXPECT_FALSE(end.answer);
  EXPECT_EQ(end.sample_count, 0U);
  EXPECT_TRUE(Lane::is_over(q));

  const wire::PairCounters pair = w.pair();
  EXPECT_EQ(pair.both_good, 1);
  EXPECT_EQ(pair.overlap, (std::vector<std::int64_t>{0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0}));
  EXPECT_GT(pair.rbo_sum, 5000);  // The first five ranks are the same.
  EXPECT_EQ(w.counts("s", wire::CounterMode::kLive).answered, 1);
  EXPECT_EQ(w.counts("c", wire::CounterMode::kLive).assigned, 0);
  EXPECT_EQ(w.counts("c", wire::CounterMode::kShadow).ended, 1);
  EXPECT_EQ(w.counts("s", wire::CounterMode::kShadow).ended, 1);
}

TEST(Shadow, AFasterCopyIsNoAnswer) {
  World w;
  Query q;
  (void)w.arrive(q);
  EXPECT_FALSE(w.end(q, 1).answer);
  EXPECT_EQ(w.end(q, 0).answer, Slot{0});
  EXPECT_TRUE(Lane::is_over(q));
}

TEST(Shadow, AFailingCopyIsTheCandidatesAloneAndIsNeitherRetriedNorSampled) {
  for (const FailureClass failure : {FailureClass::kConnect,
                                     FailureClass::kReset,
                                     FailureClass::kStatus,
                                     FailureClass::kBody,
                                     FailureClass::kTimeout}) {
    World w;
    for (int n = 0; n < 50; ++n) {
      Query q;
      (void)w.arrive(q);
      const Actions failed = w.end(q, 1, failure);
      EXPECT_EQ(failed.start_count + failed.sample_count, 0U);
      EXPECT_FALSE(failed.refuse);
      EXPECT_EQ(w.end(q, 0).answer, Slot{0});
    }
    EXPECT_EQ(w.pair().only_failed, 50);
    EXPECT_EQ(w.pair().both_good, 0);
    const wire::RevisionCounters c = w.counts("c", wire::CounterMode::kShadow);
    EXPECT_EQ(c.failed, 50);
    EXPECT_EQ(c.rescued + c.lost, 0);
    EXPECT_EQ(w.counts("s", wire::CounterMode::kLive).failed, 0);
    EXPECT_EQ(w.counts("s", wire::CounterMode::kShadow).failed, 0);
  }
}

TEST(Shadow, CountsAFailureOfStableAsStables) {
  World w;
  Query q;
  (void)w.arrive(q);
  const Actions retry = w.end(q, 0, FailureClass::kStatus);
  ASSERT_EQ(retry.start_count, 1U);
  EXPECT_EQ(q.attempts[retry.start[0]].arm, Arm::kStable);
  EXPECT_NE(q.attempts[retry.start[0]].endpoint, q.attempts[0].endpoint);
  (void)w.end(q, 1);
  EXPECT_EQ(w.end(q, retry.start[0]).answer, retry.start[0]);
  EXPECT_EQ(w.pair().only_stable_failed, 1);
  EXPECT_EQ(w.pair().overlap.at(10), 0);
}

TEST(Shadow, ASlowCandidateTimesOutAtTheTablesDeadlineLongAfterTheUser) {
  World w;
  Query q;
  (void)w.arrive(q, milliseconds{50});  // The client's own deadline is not the copy's.
  EXPECT_EQ(w.end(q, 0).answer, Slot{0});
  EXPECT_EQ(Lane::next_wake(q), MonotonicTime{seconds{101}});
  w.now = MonotonicTime{seconds{101}};
  const Actions late = w.lane.time_passed(q, w.now);
  EXPECT_EQ(late.cancel_count, 1U);
  EXPECT_FALSE(late.answer || late.refuse);
  EXPECT_TRUE(Lane::is_over(q));
  EXPECT_EQ(w.pair().only_failed, 1);
  EXPECT_EQ(w.counts("c", wire::CounterMode::kShadow).failed_timeout, 1);
}

TEST(Shadow, StopsCopyingWhenTooManyRunAndCountsThat) {
  World w({.copies_max = 2, .bytes_max = 1'000'000});
  std::vector<Query> queries(5);
  for (Query& q : queries) {
    (void)w.arrive(q);
    EXPECT_EQ(w.end(q, 0).answer, Slot{0});
  }
  EXPECT_EQ(w.pair().dropped, 3);
  EXPECT_EQ(w.counts("c", wire::CounterMode::kShadow).in_flight, 2);
  (void)w.end(queries[0], 1);
  EXPECT_EQ(w.arrive(queries[4]).start_count, 2U);
}

TEST(Shadow, BoundsTheBytesThatItKeeps) {
  World w({.copies_max = 100, .bytes_max = 1000});
  Query first;
  Query second;
  Query third;
  EXPECT_EQ(w.arrive(first, {}, 700).start_count, 2U);
  EXPECT_EQ(w.arrive(second, {}, 301).start_count, 1U);
  EXPECT_EQ(w.arrive(third, {}, 300).start_count, 2U);
  EXPECT_EQ(w.pair().dropped, 1);
}

TEST(Shadow, DropsTheCopyOfAClientThatLeft) {
  World w;
  Query q;
  (void)w.arrive(q);
  const Actions gone = w.lane.client_gone(q, w.now);
  EXPECT_EQ(gone.cancel_count, 2U);
  EXPECT_TRUE(Lane::is_over(q));
  const wire::PairCounters pair = w.pair();
  EXPECT_EQ(pair.both_good + pair.only_failed + pair.only_stable_failed + pair.both_failed, 0);
  EXPECT_EQ(w.counts("c", wire::CounterMode::kShadow).client_gone, 1);
  EXPECT_EQ(w.counts("s", wire::CounterMode::kShadow).client_gone, 1);
}

TEST(Shadow, CannotCompareWhatNamesItsHitsWrongly) {
  World w;
  for (const std::string bad : {"x", "AAAA", "AAAAAAAAAAAAAAAAAAAAAA=="}) {
    Query q;
    (void)w.arrive(q);
    (void)w.end(q, 0);
    (void)w.end(q, 1, {}, bad);
    EXPECT_TRUE(Lane::is_over(q));
  }
  EXPECT_EQ(w.pair().incomparable, 3);
  EXPECT_EQ(w.pair().both_good, 3);
}

TEST(Shadow, AsksAnotherWorkerOfStableForTheTwins) {
  World w;
  w.plan.table.candidate->shadow_stable = kWhole;
  w.lane.apply(w.plan);
  Query q;
  const Actions start = w.arrive(q);
  ASSERT_EQ(start.start_count, 2U);
  EXPECT_EQ(q.attempts[1].arm, Arm::kTwin);
  EXPECT_NE(q.attempts[1].endpoint, q.attempts[0].endpoint);
  EXPECT_FALSE(w.end(q, 1).answer);
  EXPECT_EQ(w.end(q, 0).answer, Slot{0});
  EXPECT_TRUE(Lane::is_over(q));
  EXPECT_EQ(w.pair("s").overlap.at(10), 1);
  EXPECT_EQ(w.pair("c").both_good, 0);
  EXPECT_EQ(w.counts("s", wire::CounterMode::kShadow).ended, 0);
  EXPECT_EQ(w.counts("s", wire::CounterMode::kLive).ended, 1);
}

TEST(Shadow, CopiesTheShareThatItIsTold) {
  World w;
  w.plan.table.candidate->shadow = Share{2500};
  w.plan.table.candidate->shadow_stable = Share{1000};
  w.lane.apply(w.plan);
  for (int n = 0; n < 4000; ++n) {
    Query q;
    const Actions start = w.arrive(q);
    for (std::size_t i = 0; i < start.start_count; ++i) {
      (void)w.end(q, start.start[i]);
    }
    ASSERT_TRUE(Lane::is_over(q));
  }
  EXPECT_NEAR(static_cast<double>(w.pair("c").both_good), 900, 2);
  EXPECT_NEAR(static_cast<double>(w.pair("s").both_good), 100, 2);
}

TEST(Shadow, CopiesNoQueryThatIsTheCandidatesOwn) {
  World w;
  w.plan.table.candidate->weight = kWhole;
  w.lane.apply(w.plan);
  Query q;
  EXPECT_EQ(w.arrive(q).start_count, 1U);
  EXPECT_TRUE(w.all().pairs.empty());
}

TEST(Shadow, CountsAsDroppedWhatHasNoWorker) {
  World w({}, 0);
  Query q;
  EXPECT_EQ(w.arrive(q).start_count, 1U);
  EXPECT_EQ(w.pair().dropped, 1);
  EXPECT_EQ(w.end(q, 0).answer, Slot{0});
  EXPECT_TRUE(Lane::is_over(q));
}

TEST(Shadow, LetsACopyEndWhenItsCandidateIsGone) {
  World w;
  Query q;
  (void)w.arrive(q);
  w.plan.table.candidate.reset();
  w.lane.apply(w.plan);
  EXPECT_EQ(w.end(q, 0).answer, Slot{0});
  (void)w.end(q, 1);
  EXPECT_TRUE(Lane::is_over(q));
  EXPECT_EQ(w.pair().both_good, 1);
  EXPECT_EQ(w.arrive(q).start_count, 1U);
}

TEST(Shadow, TellsHowMuchLongerACopyTook) {
  World w;
  Query q;
  (void)w.arrive(q);
  w.now = w.now + milliseconds{9};
  (void)w.end(q, 0);  // 10 ms.
  w.now = w.now + milliseconds{9};
  (void)w.end(q, 1);  // 20 ms: twice as long, eight buckets.
  EXPECT_EQ(w.pair().latency_difference.at(28), 1);
  (void)w.arrive(q);
  (void)w.end(q, 1);
  w.now = w.now + milliseconds{900};
  (void)w.end(q, 0);
  EXPECT_EQ(w.pair().latency_difference.front(), 1);  // Beyond the scale.
}

}  // namespace
}  // namespace sluice::router
