// What a lane does about latencies: it gives a slow candidate up, and counts how long each worker
// takes.

#include <gtest/gtest.h>

#include <algorithm>

#include "dataplane/router/core/lane.h"
#include "dataplane/router/core/latency.h"

namespace sluice::router {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

class LaneLatency : public testing::Test {
 protected:
  void apply(Share weight, std::int32_t latency_max_ms, std::int32_t deadline_ms = 1000) {
    lane.apply({.table = {.uid = "u",
                          .stable = wire::RouteTarget{.revision = "s"},
                          .candidate = wire::RouteCandidate{.target = {.revision = "c"},
                                                            .weight = weight,
                                                            .latency_max_ms = latency_max_ms},
                          .deadline_ms = deadline_ms},
                .endpoints = {{"s", {{.pod = "s0", .host = "h", .port = 80}}},
                              {"c", {{.pod = "c0", .host = "h", .port = 80}}}}});
  }

  [[nodiscard]] Duration candidates_time() {
    query = {};
    EXPECT_EQ(lane.query_arrived(query, {.now = now}).start_count, 1U);
    return query.attempts[0].deadline - now;
  }

  [[nodiscard]] wire::Counters counters() const {
    TallySum sum;
    sum.add(lane.tally());
    wire::Counters all;
    sum.write(all);
    return all;
  }

  Lane lane{Rng(1), {}};
  MonotonicTime now{seconds{100}};
  Query query;
};

TEST_F(LaneLatency, GivesACandidateTwiceItsObjectiveAndNeverMoreThanHalfOfTheTime) {
  apply(kWhole, 0);
  EXPECT_EQ(candidates_time(), milliseconds{500});
  apply(kWhole, 100);
  EXPECT_EQ(candidates_time(), milliseconds{200});
  apply(kWhole, 300);
  EXPECT_EQ(candidates_time(), milliseconds{500});
  apply(kWhole, 60'000, 600'000);
  EXPECT_EQ(candidates_time(), seconds{120});
}

TEST_F(LaneLatency, StableAnswersInPlaceOfACandidateThatIsGivenUp) {
  apply(kWhole, 100);
  EXPECT_EQ(candidates_time(), milliseconds{200});
  now = now + milliseconds{200};
  const Actions rescue = lane.time_passed(query, now);
  EXPECT_EQ(rescue.cancel_count, 1U);
  ASSERT_EQ(rescue.start_count, 1U);
  EXPECT_EQ(query.attempts[rescue.start[0]].arm, Arm::kStable);
  now = now + milliseconds{5};
  EXPECT_EQ(lane.attempt_ended(query, rescue.start[0], {}, now).answer, rescue.start[0]);
  const wire::Counters all = counters();
  const auto candidate = std::ranges::find(all.revisions, "c", &wire::RevisionCounters::revision);
  EXPECT_EQ(candidate->failed_timeout, 1);
  EXPECT_EQ(candidate->rescued, 1);
  // It is slow by all that its user waited.
  EXPECT_EQ(candidate->latency.at(latency_bucket(milliseconds{205})), 1);
}

TEST_F(LaneLatency, CountsHowLongEachWorkerTakesInCoarseBuckets) {
  apply(Share{0}, 0);
  for (const auto took : {microseconds{90}, microseconds{5000}, microseconds{5000}}) {
    query = {};
    EXPECT_EQ(lane.query_arrived(query, {.now = now}).start_count, 1U);
    now = now + took;
    static_cast<void>(lane.attempt_ended(query, 0, {}, now));
  }
  const wire::Counters all = counters();
  ASSERT_EQ(all.upstreams.size(), 1U);
  // 100 us * 2^(i/2): 5 ms are between the edges 4.5 and 6.4 ms.
  EXPECT_EQ(all.upstreams[0].latency,
            (std::vector<std::int64_t>{1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2}));
}

TEST(Latency, APodBucketEndsWhereTheFourthOfItsBucketsEnds) {
  for (std::size_t i = 0; i < kPodLatencyBuckets; ++i) {
    const Duration edge = latency_edge(i * kBucketsPerPodBucket);
    EXPECT_EQ(pod_latency_bucket(edge), i);
    EXPECT_EQ(pod_latency_bucket(edge + Duration{1}), std::min(i + 1, kPodLatencyBuckets - 1));
  }
}

}  // namespace
}  // namespace sluice::router
