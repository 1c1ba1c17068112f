#include "controllers/runtime/event_recorder.h"

#include <gtest/gtest.h>

#include <string>

#include "apiclient/types/core.h"
#include "apiclient/types/events.h"
#include "tests/fake_api/fixture.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

struct EventRecorderTest : testing::Test {
  FakeCluster cluster;
  EventRecorder recorder{
      {cluster.loop, cluster.client, cluster.metrics}, "sluice.dev/operator", "pod-1"};
  kube::ObjectMeta about{.name = "m", .namespace_name = "default", .uid = "u1"};

  void record(const std::string& note) {
    recorder.record(kube::kConfigMapKind,
                    about,
                    {.type = EventType::kWarning, .reason = "RolledBack", .note = note});
  }

  std::vector<kube::Event> events() { return cluster.server.list<kube::Event>(kube::kEventKind); }
};

TEST_F(EventRecorderTest, WritesWhatHappened) {
  record("errorRate: 20% against 0%");
  cluster.loop.run_for(seconds{1});
  ASSERT_EQ(events().size(), 1U);
  const kube::Event event = events()[0];
  EXPECT_EQ(event.reason, "RolledBack");
  EXPECT_EQ(event.type, "Warning");
  EXPECT_EQ(event.note, "errorRate: 20% against 0%");
  EXPECT_EQ(event.regarding.uid, "u1");
  EXPECT_EQ(event.reporting_controller, "sluice.dev/operator");
  EXPECT_TRUE(event.event_time);
}

TEST_F(EventRecorderTest, CutsALongNote) {
  record(std::string(5000, 'x'));
  cluster.loop.run_for(seconds{1});
  ASSERT_EQ(events().size(), 1U);
  EXPECT_EQ(events()[0].note.size(), 1024U);
}

TEST_F(EventRecorderTest, MakesEqualOnesASeriesOfTwoWritesInHalfAnHour) {
  for (int i = 0; i < 10'000; ++i) {
    record("again");
    cluster.loop.run_for(milliseconds{170});
  }
  cluster.loop.run_for(minutes{1});
  EXPECT_LE(cluster.server.writes().size(), 2U);
  cluster.loop.run_for(minutes{10});
  ASSERT_EQ(events().size(), 1U);
  ASSERT_TRUE(events()[0].series);
  EXPECT_EQ(events()[0].series->count, 10'000);
}

TEST_F(EventRecorderTest, KeepsToTheBudgetOfAnObject) {
  for (int i = 0; i < 100; ++i) {
    record("event " + std::to_string(i));
  }
  cluster.loop.run_for(seconds{10});
  EXPECT_EQ(events().size(), 25U);
  cluster.loop.run_for(minutes{6});
  record("later");
  record("still later");
  cluster.loop.run_for(seconds{10});
  EXPECT_EQ(events().size(), 26U);
}

TEST_F(EventRecorderTest, SaysNothingAboutWhatIsBeingDeleted) {
  about.deletion_timestamp = cluster.loop.wall_now();
  record("gone");
  cluster.loop.run_for(seconds{10});
  EXPECT_TRUE(events().empty());
}

TEST_F(EventRecorderTest, TriesAgainWhenTheServerIsAway) {
  cluster.server.set_reachable(false);
  record("kept");
  cluster.loop.run_for(seconds{25});
  cluster.server.set_reachable(true);
  cluster.loop.run_for(seconds{15});
  EXPECT_EQ(events().size(), 1U);
}

TEST_F(EventRecorderTest, BoundsWhatWaits) {
  cluster.server.set_reachable(false);
  for (int i = 0; i < 3000; ++i) {
    about.uid = "u" + std::to_string(i);
    record("x");
  }
  EXPECT_EQ(recorder.waiting(), 1000U);
}

}  // namespace
}  // namespace sluice
