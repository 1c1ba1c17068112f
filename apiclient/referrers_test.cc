#include "apiclient/referrers.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "apiclient/types/core.h"
#include "tests/fake_api/fixture.h"

namespace sluice {
namespace {

kube::ObjectKey value_of(const kube::ConfigMap& map) {
  const auto found = map.data.find("value");
  return {map.metadata.namespace_name, found == map.data.end() ? std::string() : found->second};
}

// Whatever happens, what is found by name is what a search through the whole cache would find.
TEST(Referrers, FindsWhatASearchThroughAllWouldFind) {
  FakeCluster cluster;
  Informer<kube::ConfigMap> informer({cluster.loop, cluster.client, cluster.metrics},
                                     Rng(3),
                                     {.selection = {.kind = kube::kConfigMapKind}});
  const Referrers<kube::ConfigMap> referrers(informer, value_of);
  informer.start();
  Rng rng(17);
  for (int step = 0; step < 400; ++step) {
    const std::string name = "map-" + std::to_string(rng.below(12));
    const kube::ObjectKey key{"default", name};
    if (rng.below(4) == 0) {
      static_cast<void>(cluster.server.send(delete_object(kube::kConfigMapKind, key, {})));
    } else {
      const std::string value = "target-" + std::to_string(rng.below(3));
      ASSERT_TRUE(cluster.server.send(
          apply_object(kube::kConfigMapKind, key, config_map_json(name, value))));
    }
    if (rng.below(10) == 0) {
      cluster.server.cut_watches();
      cluster.server.compact();  // The next look is a whole list.
    }
    cluster.loop.run_for(std::chrono::milliseconds{rng.below(4000)});
    std::map<kube::ObjectKey, std::set<std::string>> wanted;
    for (const auto& map : informer.lister().list()) {
      wanted[value_of(*map)].insert(map->metadata.name);
    }
    for (int i = 0; i < 4; ++i) {
      const kube::ObjectKey target{"default", "target-" + std::to_string(i)};
      std::set<std::string> found;
      for (const auto& map : referrers.of(target)) {
        found.insert(map->metadata.name);
      }
      ASSERT_EQ(found, wanted[target]) << "step " << step;
    }
  }
}

}  // namespace
}  // namespace sluice
