#include "apiclient/informer.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <string>
#include <vector>

#include "apiclient/types/core.h"
#include "tests/fake_api/fixture.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

void put(FakeApiServer& server, int i, const std::string& value, const std::string& labels = "{}") {
  const kube::ObjectKey key = map_key(i);
  const auto done = server.send(
      apply_object(kube::kConfigMapKind, key, config_map_json(key.name, value, labels)));
  ASSERT_TRUE(done.has_value()) << done.error().describe();
}

void erase(FakeApiServer& server, int i) {
  static_cast<void>(server.send(delete_object(kube::kConfigMapKind, map_key(i), {})));
}

// What the handlers alone would make a reader believe.
struct Follower {
  explicit Follower(Informer<kube::ConfigMap>& informer) {
    informer.on_change([this](const Change<kube::ConfigMap>& change) {
      ++changes;
      if (change.type == ChangeType::kDeleted) {
        EXPECT_EQ(known.erase(change.key), 1U) << change.key.text();
        EXPECT_EQ(change.after, nullptr);
        return;
      }
      EXPECT_EQ(known.contains(change.key), change.type == ChangeType::kUpdated);
      known[change.key] = change.after->metadata.resource_version;
    });
  }

  std::map<kube::ObjectKey, std::string> known;
  int changes = 0;
};

// Lists by pages; informer_stream_test.cc has the others.
struct InformerTest : testing::Test {
  InformerTest() { cluster.server.set_streamed_lists(StreamedLists::kRefused); }

  FakeCluster cluster;
  Informer<kube::ConfigMap> informer{{cluster.loop, cluster.client, cluster.metrics},
                                     Rng(7),
                                     {.selection = {.kind = kube::kConfigMapKind}}};
  Follower follower{informer};

  std::map<kube::ObjectKey, std::string> on_server() {
    std::map<kube::ObjectKey, std::string> all;
    for (const auto& object : cluster.server.list<kube::ConfigMap>(kube::kConfigMapKind)) {
      all[object.metadata.key()] = object.metadata.resource_version;
    }
    return all;
  }

  std::map<kube::ObjectKey, std::string> in_store() {
    std::map<kube::ObjectKey, std::string> all;
    for (const auto& object : informer.lister().list()) {
      all[object->metadata.key()] = object->metadata.resource_version;
    }
    return all;
  }
};

TEST_F(InformerTest, ListsThenFollowsChanges) {
  put(cluster.server, 1, "a");
  informer.start();
  EXPECT_FALSE(informer.has_synced());
  cluster.loop.run_for(seconds{1});
  EXPECT_TRUE(informer.has_synced());
  ASSERT_NE(informer.lister().get(map_key(1)), nullptr);
  put(cluster.server, 1, "b");
  put(cluster.server, 2, "c");
  cluster.loop.run_for(seconds{1});
  EXPECT_EQ(informer.lister().get(map_key(1))->data.at("value"), "b");
  erase(cluster.server, 1);
  cluster.loop.run_for(seconds{1});
  EXPECT_EQ(informer.lister().get(map_key(1)), nullptr);
  EXPECT_EQ(follower.known, on_server());
  EXPECT_EQ(cluster.server.lists(), 1U);
}

TEST_F(InformerTest, ReadsManyPages) {
  for (int i = 0; i < 1203; ++i) {
    put(cluster.server, i, "x");
  }
  informer.start();
  cluster.loop.run_for(seconds{1});
  EXPECT_TRUE(informer.has_synced());
  EXPECT_EQ(in_store(), on_server());
  EXPECT_EQ(cluster.server.lists(), 3U);
}

TEST_F(InformerTest, BeginsAgainInOnePieceWhenThePagesExpire) {
  for (int i = 0; i < 700; ++i) {
    put(cluster.server, i, "x");
  }
  informer.start();
  // It forgets after every list: going on by pages would never come to an end.
  std::uint64_t lists = 0;
  while (lists < 20 && !informer.has_synced()) {
    ASSERT_TRUE(cluster.loop.run_until(
        [&] { return cluster.server.lists() > lists || informer.has_synced(); }, minutes{1}));
    lists = cluster.server.lists();
    put(cluster.server, 0, std::to_string(lists));
    cluster.server.compact();
  }
  EXPECT_LE(lists, 3U);
  cluster.loop.run_for(minutes{1});
  EXPECT_EQ(in_store(), on_server());
}

TEST_F(InformerTest, ListsAgainWhenTheServerForgotInEitherWay) {
  for (const bool is_http : {false, true}) {
    cluster.server.set_gone_as_http(is_http);
    if (!is_http) {
      put(cluster.server, 1, "a");
      put(cluster.server, 2, "b");
      informer.start();
      cluster.loop.run_for(seconds{5});
    }
    const auto lists = cluster.server.lists();
    cluster.server.set_reachable(false);
    cluster.loop.run_for(seconds{2});
    erase(cluster.server, is_http ? 2 : 1);
    put(cluster.server, 3, is_http ? "d" : "c");
    cluster.server.compact();
    cluster.server.set_reachable(true);
    cluster.loop.run_for(minutes{2});
    EXPECT_EQ(cluster.server.lists(), lists + 1);
    EXPECT_EQ(in_store(), on_server());
    EXPECT_EQ(follower.known, on_server());
    EXPECT_FALSE(informer.problem());
  }
}

TEST_F(InformerTest, GoesOnWhereItWasAfterAnOutageWithoutAList) {
  informer.start();
  cluster.loop.run_for(seconds{5});
  cluster.server.set_reachable(false);
  cluster.loop.run_for(seconds{60});
  EXPECT_TRUE(informer.problem());
  put(cluster.server, 1, "a");
  cluster.server.set_reachable(true);
  cluster.loop.run_for(seconds{61});
  EXPECT_EQ(cluster.server.lists(), 1U);
  EXPECT_EQ(in_store(), on_server());
  EXPECT_FALSE(informer.problem());
}

TEST_F(InformerTest, SeesADeletedAndRemadeObjectAsTwo) {
  put(cluster.server, 1, "a");
  informer.start();
  cluster.loop.run_for(seconds{1});
  cluster.server.set_reachable(false);
  erase(cluster.server, 1);
  put(cluster.server, 1, "a");
  cluster.server.compact();
  std::vector<ChangeType> seen;
  informer.on_change([&](const Change<kube::ConfigMap>& change) { seen.push_back(change.type); });
  cluster.server.set_reachable(true);
  cluster.loop.run_for(minutes{1});
  EXPECT_EQ(seen, (std::vector{ChangeType::kDeleted, ChangeType::kAdded}));
}

TEST_F(InformerTest, WaitsForAKindThatIsAbsentOrForbidden) {
  Informer<kube::ConfigMap> absent({cluster.loop, cluster.client, cluster.metrics},
                                   Rng(8),
                                   {.selection = {.kind = {"no.dev", "v1", "No", "nos"}}});
  cluster.server.set_forbidden("configmaps", true);
  informer.start();
  absent.start();
  cluster.loop.run_for(minutes{5});
  ASSERT_TRUE(informer.problem() && absent.problem());
  EXPECT_EQ(informer.problem()->code, ErrorCode::kForbidden);
  EXPECT_EQ(absent.problem()->code, ErrorCode::kNotFound);
  EXPECT_LT(cluster.server.requests(), 60U);  // Backs off to some 30 s to a minute.
  cluster.server.set_forbidden("configmaps", false);
  cluster.loop.run_for(minutes{1});
  EXPECT_TRUE(informer.has_synced());
  EXPECT_FALSE(absent.has_synced());
}

TEST_F(InformerTest, LeavesOutWhatItCannotReadAndKeepsTheRest) {
  put(cluster.server, 1, "a");
  const ApiRequest bad = apply_object(
      kube::kConfigMapKind,
      map_key(2),
      R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"map-2"},"data":{"value":7}})");
  ASSERT_TRUE(cluster.server.send(bad));
  informer.start();
  cluster.loop.run_for(seconds{1});
  EXPECT_TRUE(informer.has_synced());
  EXPECT_NE(informer.lister().get(map_key(1)), nullptr);
  EXPECT_EQ(informer.lister().get(map_key(2)), nullptr);
  put(cluster.server, 2, "seven");
  cluster.loop.run_for(seconds{1});
  EXPECT_NE(informer.lister().get(map_key(2)), nullptr);
  // One that becomes unreadable is not kept as it was: that is not true any more.
  ASSERT_TRUE(cluster.server.send(bad));
  cluster.loop.run_for(seconds{1});
  EXPECT_EQ(informer.lister().get(map_key(2)), nullptr);
  EXPECT_NE(informer.lister().get(map_key(1)), nullptr);
}

TEST_F(InformerTest, SeesAnObjectLeaveItsSelection) {
  Informer<kube::ConfigMap> labelled(
      {cluster.loop, cluster.client, cluster.metrics},
      Rng(9),
      {.selection = {.kind = kube::kConfigMapKind, .label_selector = "app=x"},
       .indexed_labels = {"app"}});
  Follower labelled_follower(labelled);
  put(cluster.server, 1, "a", R"({"app":"x"})");
  put(cluster.server, 2, "a", R"({"app":"y"})");
  labelled.start();
  cluster.loop.run_for(seconds{1});
  EXPECT_EQ(labelled.lister().by_label("app", "x").size(), 1U);
  put(cluster.server, 1, "a", R"({"app":"y"})");
  put(cluster.server, 2, "a", R"({"app":"x"})");
  cluster.loop.run_for(seconds{1});
  EXPECT_EQ(labelled.lister().get(map_key(1)), nullptr);
  EXPECT_NE(labelled.lister().get(map_key(2)), nullptr);
}

TEST_F(InformerTest, IsQuietWhenTheServerClosesWatchesAtOnce) {
  informer.start();
  cluster.loop.run_for(seconds{1});
  const auto before = cluster.server.requests();
  for (int i = 0; i < 6000; ++i) {
    cluster.loop.run_for(milliseconds{100});
    cluster.server.cut_watches();
  }
  EXPECT_LT(cluster.server.requests() - before, 60U);  // In ten minutes.
}

// Whatever happens on the way, the store ends up equal to the server, the handlers have told the
// same story, and no reader ever saw a half list.
TEST(InformerProperty, StoreEqualsServerAfterRandomTrouble) {
  constexpr std::array kModes{
      StreamedLists::kServed, StreamedLists::kRefused, StreamedLists::kIgnored};
  for (std::uint64_t seed = 1; seed <= 120; ++seed) {
    FakeCluster cluster(seed);
    cluster.server.set_streamed_lists(kModes.at(seed % kModes.size()));
    Rng rng(seed * 77);
    Informer<kube::ConfigMap> informer({cluster.loop, cluster.client, cluster.metrics},
                                       rng.fork(),
                                       {.selection = {.kind = kube::kConfigMapKind}});
    Follower follower(informer);
    informer.start();
    for (int step = 0; step < 150; ++step) {
      const auto what = rng.below(100);
      const int i = static_cast<int>(rng.below(12));
      if (what < 45) {
        put(cluster.server, i, std::to_string(step));
      } else if (what < 65) {
        erase(cluster.server, i);
      } else if (what < 72) {
        cluster.server.cut_watches();
      } else if (what < 78) {
        cluster.server.compact();
      } else if (what < 82) {
        cluster.server.set_reachable(rng.below(3) > 0);
      } else if (what < 85) {
        cluster.server.set_gone_as_http(rng.below(2) == 0);
      } else if (what < 88) {
        cluster.server.set_watch_delay(milliseconds{rng.below(20'000)});
      } else if (what < 90) {
        cluster.server.stall_watches();
      } else {
        cluster.loop.run_for(milliseconds{rng.below(30'000)});
      }
    }
    cluster.server.set_reachable(true);
    cluster.server.set_watch_delay(milliseconds{1});
    cluster.loop.run_for(minutes{5});
    std::map<kube::ObjectKey, std::string> truth;
    for (const auto& object : cluster.server.list<kube::ConfigMap>(kube::kConfigMapKind)) {
      truth[object.metadata.key()] = object.metadata.resource_version;
    }
    std::map<kube::ObjectKey, std::string> stored;
    for (const auto& object : informer.lister().list()) {
      stored[object->metadata.key()] = object->metadata.resource_version;
    }
    ASSERT_EQ(stored, truth) << "seed " << seed;
    ASSERT_EQ(follower.known, truth) << "seed " << seed;
    ASSERT_TRUE(informer.has_synced());
  }
}

// The indexes are what one would compute from the objects.
TEST(StoreProperty, IndexEqualsRecomputedAfterRandomOperations) {
  Rng rng(5);
  Store<kube::ConfigMap> store({"app"});
  for (int step = 0; step < 20'000; ++step) {
    const kube::ObjectKey key = map_key(static_cast<int>(rng.below(20)));
    if (rng.below(3) == 0) {
      store.erase(key);
    } else {
      auto object = std::make_shared<kube::ConfigMap>();
      object->metadata.name = key.name;
      object->metadata.namespace_name = key.namespace_name;
      object->metadata.labels["app"] = std::to_string(rng.below(3));
      object->metadata.owner_references.push_back({.uid = std::to_string(rng.below(4))});
      store.put(std::move(object));
    }
    if (step % 50 != 0) {
      continue;
    }
    for (int value = 0; value < 4; ++value) {
      const std::string text = std::to_string(value);
      std::vector<Store<kube::ConfigMap>::Pointer> by_label;
      std::vector<Store<kube::ConfigMap>::Pointer> by_owner;
      for (const auto& object : store.list()) {
        if (object->metadata.label("app") == text) {
          by_label.push_back(object);
        }
        if (object->metadata.owner_references.front().uid == text) {
          by_owner.push_back(object);
        }
      }
      ASSERT_EQ(store.by_label("app", text), by_label);
      ASSERT_EQ(store.by_owner(text), by_owner);
    }
  }
}

}  // namespace
}  // namespace sluice
