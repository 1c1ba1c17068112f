// The shell on an in-process API server that checks objects by the CRD.

#include "controllers/model_version/controller.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/describe.h"
#include "crds/names.h"
#include "tests/fake_api/fixture.h"

namespace sluice::model_version {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

const kube::ObjectKey kKey{"default", "words"};

constexpr const char* kGood = R"(
apiVersion: sluice.dev/v1alpha1
kind: ModelVersion
metadata: {name: words}
spec:
  type: Analyzer
  source:
    inline:
      stopWords: [the, a]
      synonyms: [{from: [k8s], to: kubernetes}]
)";

struct ModelShell : testing::Test {
  FakeCluster cluster;
  EventRecorder events{
      ApiContext{cluster.loop, cluster.client, cluster.metrics}, "sluice.dev/operator", "test"};
  Informer<api::ModelVersion> models = make<api::ModelVersion>(api::kModelVersionKind);
  Informer<api::RagIndex> indexes = make<api::RagIndex>(api::kRagIndexKind);
  ModelVersionController controller{{.loop = cluster.loop,
                                     .client = cluster.client,
                                     .metrics = cluster.metrics,
                                     .events = events,
                                     .models = models,
                                     .indexes = indexes},
                                    Rng(5)};

  void SetUp() override {
    models.start();
    indexes.start();
    cluster.loop.run_for(seconds(1));
    controller.controller().start();
  }

  void TearDown() override { controller.controller().stop(); }

  template <class T>
  Informer<T> make(const kube::ResourceKind& kind) {
    return Informer<T>(ApiContext{cluster.loop, cluster.client, cluster.metrics},
                       Rng(3),
                       {.selection = {.kind = kind}});
  }

  api::ModelVersionStatus status() {
    return cluster.server.get<api::ModelVersion>(api::kModelVersionKind, kKey)->status;
  }

  bool wait_for(api::ModelPhase phase) {
    return cluster.loop.run_until([&] { return status().phase == phase; }, minutes(1));
  }
};

TEST_F(ModelShell, WritesTheStatusOnceAndTells) {
  ASSERT_TRUE(cluster.server.apply_yaml(kGood));
  ASSERT_TRUE(wait_for(api::ModelPhase::kReady));
  EXPECT_EQ(status().digest.size(), 64U);
  cluster.loop.run_for(seconds(30));
  const std::size_t writes = cluster.server.writes().size();
  EXPECT_TRUE(std::ranges::any_of(cluster.server.writes(),
                                  [](const WriteRecord& write) { return write.kind == "Event"; }));
  cluster.loop.run_for(minutes(10));
  EXPECT_EQ(cluster.server.writes().size(), writes);
}

TEST_F(ModelShell, SeesWhichIndexesUseIt) {
  ASSERT_TRUE(cluster.server.apply_yaml(kGood));
  ASSERT_TRUE(wait_for(api::ModelPhase::kReady));
  ASSERT_TRUE(cluster.server.apply_yaml(R"(
apiVersion: sluice.dev/v1alpha1
kind: RagIndex
metadata: {name: packages}
spec:
  source: {http: {url: 'http://corpus/packages.jsonl.gz'}}
  retrieval: {analyzer: {modelVersionRef: {name: words}}}
)"));
  EXPECT_TRUE(cluster.loop.run_until(
      [&] { return status().used_by == std::vector<std::string>{"packages"}; }, minutes(1)));
}

TEST_F(ModelShell, ComesBackWhenAWriteFails) {
  int writes = 0;
  cluster.server.set_write_fault([&](const WriteRecord& write) {
    return write.is_status && ++writes == 1 ? Fault::kLoseReply : Fault::kNone;
  });
  ASSERT_TRUE(cluster.server.apply_yaml(kGood));
  EXPECT_TRUE(wait_for(api::ModelPhase::kReady));
}

TEST_F(ModelShell, SchemaRefusesWhatIsNoModel) {
  const auto with = [](const std::string& spec) {
    return "apiVersion: sluice.dev/v1alpha1\nkind: ModelVersion\nmetadata: {name: words}\nspec: " +
           spec;
  };
  const std::string sha256(64, 'a');
  EXPECT_TRUE(cluster.server.apply_yaml(
      with("{type: Analyzer, source: {uri: 'https://x/y.json', sha256: " + sha256 + "}}")));
  for (const std::string& spec : {
           std::string("{source: {inline: {}}}"),
           std::string("{type: Embedder, source: {inline: {}}}"),
           std::string("{type: Analyzer, source: {}}"),
           std::string("{type: Analyzer, source: {uri: 'http://x/y'}}"),
           "{type: Analyzer, source: {sha256: " + sha256 + "}}",
           "{type: Analyzer, source: {inline: {}, uri: 'http://x/y', sha256: " + sha256 + "}}",
           "{type: Analyzer, source: {uri: 's3://x/y', sha256: " + sha256 + "}}",
           std::string("{type: Analyzer, source: {uri: 'http://x/y', sha256: beef}}"),
           std::string("{type: Analyzer, source: {inline: {synonyms: [{from: [], to: a}]}}}"),
           std::string("{type: Analyzer, source: {inline: {}}, gates: [{min: 2, "
                       "indexRef: {name: p}}]}"),
       }) {
    EXPECT_FALSE(cluster.server.apply_yaml(with(spec))) << spec;
  }
}

}  // namespace
}  // namespace sluice::model_version
