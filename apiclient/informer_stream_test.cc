// Caches filled by a stream (WatchList), and what must not be seen of one that does not come to its
// end.

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "apiclient/informer.h"
#include "apiclient/types/core.h"
#include "tests/fake_api/fixture.h"

namespace sluice {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

struct StreamedInformer : testing::Test {
  FakeCluster cluster;
  FakeApiServer& server = cluster.server;
  Informer<kube::ConfigMap> informer{{cluster.loop, cluster.client, cluster.metrics},
                                     Rng(7),
                                     {.selection = {.kind = kube::kConfigMapKind}}};
  std::set<kube::ObjectKey> ever;  // Of which the handlers have heard.

  StreamedInformer() {
    informer.on_change([this](const Change<kube::ConfigMap>& change) { ever.insert(change.key); });
  }

  void put(int i, const std::string& value) const {
    const kube::ObjectKey key = map_key(i);
    ASSERT_TRUE(
        server.send(apply_object(kube::kConfigMapKind, key, config_map_json(key.name, value))));
  }

  void erase(int i) const {
    ASSERT_TRUE(server.send(delete_object(kube::kConfigMapKind, map_key(i), {})));
  }

  // Two objects; half of a list is here: they came, the end did not.
  void start_half() {
    put(1, "a");
    put(2, "b");
    server.set_watch_delay(seconds{10});
    informer.start();
    cluster.loop.run_for(seconds{15});
    expect_nothing_shown();
  }

  void expect_nothing_shown() const {
    EXPECT_FALSE(informer.has_synced());
    EXPECT_TRUE(informer.lister().list().empty());
    EXPECT_TRUE(ever.empty());
  }

  [[nodiscard]] std::set<std::string> names() const {
    std::set<std::string> all;
    for (const auto& object : informer.lister().list()) {
      all.insert(object->metadata.name);
    }
    return all;
  }

  [[nodiscard]] bool has_metric(const std::string& by) const {
    return cluster.metrics.text().find("sluice_cache_lists_total{by=\"" + by + "\"") !=
           std::string::npos;
  }
};

using Names = std::set<std::string>;

TEST_F(StreamedInformer, IsFilledByOneRequestThatGoesOnAsAWatch) {
  for (int i = 0; i < 1203; ++i) {
    put(i, "x");
  }
  const auto before = server.requests();
  informer.start();
  cluster.loop.run_for(seconds{1});
  EXPECT_TRUE(informer.has_synced());
  EXPECT_EQ(names().size(), 1203U);
  put(5000, "y");
  erase(0);
  cluster.loop.run_for(seconds{1});
  EXPECT_EQ(names().size(), 1203U);
  EXPECT_NE(informer.lister().get(map_key(5000)), nullptr);
  EXPECT_EQ(server.lists(), 0U);
  EXPECT_EQ(server.requests() - before, 3U) << "the watch, and two writes of the test's";
  EXPECT_TRUE(has_metric("stream"));
  EXPECT_FALSE(has_metric("pages"));
}

TEST_F(StreamedInformer, IsReadyWhenThereIsNothing) {
  informer.start();
  cluster.loop.run_for(seconds{1});
  EXPECT_TRUE(informer.has_synced());
  EXPECT_EQ(server.lists(), 0U);
}

TEST_F(StreamedInformer, IsFilledByPagesWhereTheServerRefusesOrIgnores) {
  for (const StreamedLists mode : {StreamedLists::kRefused, StreamedLists::kIgnored}) {
    FakeCluster other;
    other.server.set_streamed_lists(mode);
    ASSERT_TRUE(other.server.send(
        apply_object(kube::kConfigMapKind, map_key(1), config_map_json("map-1", "a"))));
    Informer<kube::ConfigMap> paged({other.loop, other.client, other.metrics},
                                    Rng(7),
                                    {.selection = {.kind = kube::kConfigMapKind}});
    paged.start();
    ASSERT_TRUE(other.loop.run_until([&] { return paged.has_synced(); }, seconds{70}));
    EXPECT_NE(paged.lister().get(map_key(1)), nullptr);
    EXPECT_EQ(other.server.lists(), 1U);
    EXPECT_FALSE(other.client.may_stream_lists());
  }
}

TEST_F(StreamedInformer, ShowsNothingOfAListThatWasCut) {
  start_half();
  server.cut_watches();
  erase(1);
  put(3, "c");
  expect_nothing_shown();
  server.set_watch_delay(milliseconds{1});
  ASSERT_TRUE(cluster.loop.run_until([&] { return informer.has_synced(); }, minutes{1}));
  EXPECT_EQ(names(), (Names{"map-2", "map-3"}));
  EXPECT_FALSE(ever.contains(map_key(1))) << "it was never there for anybody";
}

TEST_F(StreamedInformer, LeavesOutWhatWasDeletedBeforeTheEnd) {
  start_half();
  erase(1);
  put(2, "changed");
  put(3, "c");
  cluster.loop.run_for(seconds{4});
  expect_nothing_shown();
  cluster.loop.run_for(seconds{2});
  EXPECT_TRUE(informer.has_synced());
  EXPECT_EQ(names(), (Names{"map-2", "map-3"}));
  EXPECT_EQ(informer.lister().get(map_key(2))->data.at("value"), "changed");
  EXPECT_FALSE(ever.contains(map_key(1)));
}

TEST_F(StreamedInformer, BeginsAgainWhenTheServerForgotInTheMiddle) {
  start_half();
  put(3, "c");
  server.compact();
  cluster.loop.run_for(seconds{6});
  expect_nothing_shown();
  ASSERT_TRUE(informer.problem());
  EXPECT_EQ(informer.problem()->code, ErrorCode::kGone);
  ASSERT_TRUE(cluster.loop.run_until([&] { return informer.has_synced(); }, minutes{1}));
  EXPECT_EQ(names(), (Names{"map-1", "map-2", "map-3"}));
  EXPECT_FALSE(informer.problem());
}

TEST_F(StreamedInformer, KeepsWhatItHasUntilANewListIsWhole) {
  put(1, "a");
  put(2, "b");
  informer.start();
  cluster.loop.run_for(seconds{5});
  server.set_reachable(false);
  erase(1);
  put(3, "c");
  server.compact();
  server.set_watch_delay(seconds{10});
  server.set_reachable(true);
  // The watch is told that its place is gone, then half of the new list is here.
  cluster.loop.run_for(seconds{27});
  EXPECT_EQ(names(), (Names{"map-1", "map-2"}));
  ASSERT_TRUE(cluster.loop.run_until([&] { return names().contains("map-3"); }, minutes{1}));
  EXPECT_EQ(names(), (Names{"map-2", "map-3"})) << "in one step";
  EXPECT_EQ(server.lists(), 0U);
}

TEST_F(StreamedInformer, DoesNotWaitForEverForTheEnd) {
  put(1, "a");
  server.set_watch_delay(hours{1});
  informer.start();
  ASSERT_TRUE(cluster.loop.run_until([&] { return informer.has_synced(); }, minutes{4}));
  EXPECT_EQ(names(), (Names{"map-1"}));
  EXPECT_EQ(server.lists(), 1U);
  EXPECT_TRUE(has_metric("pages"));
  EXPECT_TRUE(cluster.client.may_stream_lists()) << "it was not refused";
}

}  // namespace
}  // namespace sluice
