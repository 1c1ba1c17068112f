#include "controllers/runtime/controller.h"

#include <gtest/gtest.h>

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "apiclient/types/core.h"
#include "tests/fake_api/fixture.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

kube::ObjectKey key_of(int i) {
  return {"default", "k" + std::to_string(i)};
}

struct ControllerTest : testing::Test {
  SimLoop loop;
  MetricsRegistry metrics;
  std::map<std::string, int> runs;
  std::map<std::string, ReconcileResult> results;

  Controller make(ControllerOptions options = {.name = "test"}) {
    options.reconcile = [this](const kube::ObjectKey& key, const ReconcileDone& done) {
      ++runs[key.name];
      done(results[key.name]);
    };
    return Controller(loop, metrics, Rng(1), std::move(options));
  }
};

TEST_F(ControllerTest, WaitsForStart) {
  auto controller = make();
  controller.queue().add(key_of(1));
  loop.run_for(seconds{1});
  EXPECT_TRUE(runs.empty());
  controller.start();
  loop.run_for(seconds{1});
  EXPECT_EQ(runs["k1"], 1);
}

TEST_F(ControllerTest, LooksAgainWhenAskedAndStopsWhenDone) {
  auto controller = make();
  results["k1"] = ReconcileResult::after(seconds{10});
  controller.start();
  controller.queue().add(key_of(1));
  loop.run_for(seconds{9});
  EXPECT_EQ(runs["k1"], 1);
  loop.run_for(seconds{3});
  EXPECT_EQ(runs["k1"], 2);
  results["k1"] = ReconcileResult::done();
  loop.run_for(minutes{60});
  EXPECT_EQ(runs["k1"], 3);
}

TEST_F(ControllerTest, LetsNoFailingKeyDelayAHealthyOne) {
  auto controller = make();
  const Error error{.code = ErrorCode::kUnavailable, .message = "no"};
  for (int i = 0; i < 2000; ++i) {
    results[key_of(i).name] = ReconcileResult::failed(error);
    controller.queue().add(key_of(i));
  }
  controller.start();
  loop.run_for(seconds{30});
  controller.queue().add({"default", "healthy"});
  loop.run_for(milliseconds{100});
  EXPECT_EQ(runs["healthy"], 1);
}

TEST_F(ControllerTest, ContainsWhatALibraryThrowsToOneKey) {
  int healthy = 0;
  int poisoned = 0;
  Controller controller(
      loop,
      metrics,
      Rng(1),
      {.name = "test", .reconcile = [&](const kube::ObjectKey& key, const ReconcileDone& done) {
         if (key.name == "poison") {
           ++poisoned;
           throw std::runtime_error("boom");
         }
         ++healthy;
         done(ReconcileResult::done());
       }});
  controller.start();
  controller.queue().add({"default", "poison"});
  controller.queue().add({"default", "healthy"});
  loop.run_for(minutes{1});
  EXPECT_EQ(healthy, 1);
  EXPECT_GT(poisoned, 3);
  EXPECT_EQ(
      metrics.counter("controller_runtime_reconcile_panics_total", "", {{"controller", "test"}})
          .value(),
      poisoned);
}

TEST_F(ControllerTest, HasAtMostSoManyInFlightAndNeverOneKeyTwice) {
  std::map<kube::ObjectKey, ReconcileDone> waiting;
  std::size_t most = 0;
  Controller controller(loop,
                        metrics,
                        Rng(1),
                        {.name = "test",
                         .in_flight_max = 3,
                         .reconcile = [&](const kube::ObjectKey& key, ReconcileDone done) {
                           EXPECT_FALSE(waiting.contains(key));
                           waiting[key] = std::move(done);
                           most = std::max(most, waiting.size());
                         }});
  controller.start();
  for (int i = 0; i < 10; ++i) {
    controller.queue().add(key_of(i));
    loop.run_for(milliseconds{1});
    controller.queue().add(key_of(0));
  }
  EXPECT_EQ(most, 3U);
  for (int i = 0; i < 30; ++i) {
    loop.run_for(milliseconds{1});
    if (!waiting.empty()) {
      const ReconcileDone done = waiting.begin()->second;
      waiting.erase(waiting.begin());
      done(ReconcileResult::done());
    }
  }
  EXPECT_TRUE(waiting.empty());
  EXPECT_EQ(controller.in_flight(), 0U);
}

TEST_F(ControllerTest, GivesUpAReconcileThatNeverEnds) {
  std::vector<ReconcileDone> kept;
  Controller controller(
      loop,
      metrics,
      Rng(1),
      {.name = "test", .reconcile = [&](const kube::ObjectKey&, ReconcileDone done) {
         kept.push_back(std::move(done));
         if (kept.size() > 1) {
           kept.back()(ReconcileResult::done());
         }
       }});
  controller.start();
  controller.queue().add(key_of(1));
  loop.run_for(minutes{6});
  EXPECT_EQ(kept.size(), 2U);
  kept.front()(ReconcileResult::done());  // Far too late: nothing happens.
  loop.run_for(minutes{1});
  EXPECT_EQ(kept.size(), 2U);
}

TEST(ControllerWithCache, RunsForEachChangeOfWhatItWatches) {
  FakeCluster cluster;
  Informer<kube::ConfigMap> maps({cluster.loop, cluster.client, cluster.metrics},
                                 Rng(1),
                                 {.selection = {.kind = kube::kConfigMapKind}});
  std::map<std::string, int> runs;
  Controller controller(
      cluster.loop,
      cluster.metrics,
      Rng(2),
      {.name = "test", .reconcile = [&](const kube::ObjectKey& key, const ReconcileDone& done) {
         ++runs[key.name];
         done(ReconcileResult::done());
       }});
  controller.watch(maps);
  controller.watch<kube::ConfigMap>(maps, [](const Change<kube::ConfigMap>& change) {
    return owners_of_kind(change, "ConfigMap");
  });
  ASSERT_TRUE(cluster.server.send(
      create_object(kube::kConfigMapKind, {"default", "m"}, config_map_json("m", "1"))));
  maps.start();
  controller.start();
  cluster.loop.run_for(seconds{1});
  EXPECT_EQ(runs["m"], 1);
  const auto owner = cluster.server.get<kube::ConfigMap>(kube::kConfigMapKind, {"default", "m"});
  ASSERT_TRUE(cluster.server.apply_yaml(
      "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: child\n  ownerReferences:\n"
      "  - {apiVersion: v1, kind: ConfigMap, name: m, uid: " +
      owner->metadata.uid + "}\n"));
  cluster.loop.run_for(seconds{1});
  EXPECT_EQ(runs["m"], 2);
  EXPECT_EQ(runs["child"], 1);
  cluster.loop.run_for(minutes{60});
  EXPECT_EQ(runs["m"], 2);  // Quiet when nothing changes.
}

}  // namespace
}  // namespace sluice
