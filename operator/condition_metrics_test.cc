#include "operator/condition_metrics.h"

#include <gtest/gtest.h>

#include "base/describe.h"
#include "crds/names.h"
#include "crds/rag_index.h"
#include "tests/fake_api/fixture.h"

namespace sluice {
namespace {

using std::chrono::seconds;

struct ConditionMetrics : testing::Test {
  FakeCluster cluster;
  Informer<api::RagIndex> indexes{ApiContext{cluster.loop, cluster.client, cluster.metrics},
                                  Rng(1),
                                  InformerOptions{.selection = {.kind = api::kRagIndexKind}}};

  void SetUp() override {
    count_conditions(indexes, cluster.metrics);
    indexes.start();
  }

  void TearDown() override { indexes.stop(); }

  void make(const std::string& name) {
    ASSERT_TRUE(cluster.server.apply_yaml(
        "{apiVersion: sluice.dev/v1alpha1, kind: RagIndex, metadata: {name: " + name +
        "}, spec: {source: {http: {url: 'http://corpus/packages.jsonl.gz'}}}}"));
  }

  api::RagIndex read(const std::string& name) {
    return *cluster.server.get<api::RagIndex>(api::kRagIndexKind, {"default", name});
  }

  void say(const std::string& name, kube::ConditionStatus status, const std::string& reason) {
    api::RagIndex index = read(name);
    kube::set_condition(index.status.conditions,
                        {.type = "Stalled", .status = status, .reason = reason});
    ASSERT_TRUE(cluster.server.send(
        replace_status(api::kRagIndexKind, index.metadata, to_json(index.status))));
    cluster.loop.run_for(seconds(5));
  }

  double count(const std::string& status, const std::string& reason) {
    return cluster.metrics
        .gauge("sluice_conditions",
               "",
               {{"kind", "RagIndex"}, {"type", "Stalled"}, {"status", status}, {"reason", reason}})
        .value();
  }
};

TEST_F(ConditionMetrics, FollowWhatTheCacheHolds) {
  make("one");
  make("two");
  say("one", kube::ConditionStatus::kTrue, "Rejected");
  say("two", kube::ConditionStatus::kTrue, "Rejected");
  EXPECT_EQ(count("True", "Rejected"), 2);
  say("one", kube::ConditionStatus::kFalse, "Serving");
  EXPECT_EQ(count("True", "Rejected"), 1);
  EXPECT_EQ(count("False", "Serving"), 1);
  ASSERT_TRUE(cluster.server.send(
      delete_object(api::kRagIndexKind, {"default", "two"}, {.uid = read("two").metadata.uid})));
  cluster.loop.run_for(seconds(5));
  EXPECT_EQ(count("True", "Rejected"), 0);
}

TEST_F(ConditionMetrics, ArePrintedWithTheirLabels) {
  make("one");
  say("one", kube::ConditionStatus::kTrue, "Lost");
  EXPECT_NE(cluster.metrics.text().find("sluice_conditions{kind=\"RagIndex\",reason=\"Lost\","
                                        "status=\"True\",type=\"Stalled\"} 1"),
            std::string::npos);
}

}  // namespace
}  // namespace sluice
