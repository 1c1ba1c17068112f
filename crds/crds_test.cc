#include <gtest/gtest.h>

#include "base/describe.h"
#include "crds/analyzer_words.h"
#include "crds/canary_rollout.h"
#include "crds/model_version.h"
#include "crds/rag_index.h"
#include "crds/yaml_text.h"

namespace sluice::api {
namespace {

TEST(RagIndex, DefaultsFillWhatIsLeftOut) {
  const auto index = from_json<RagIndex>(
      R"({"metadata":{"name":"a"},"spec":{"source":{"http":{"url":"http://x/y.jsonl"}}}})");
  ASSERT_TRUE(index) << index.error().message;
  EXPECT_EQ(index->spec.serving.replicas, 2);
  EXPECT_EQ(index->spec.retrieval.mode, RetrievalMode::kBm25);
  EXPECT_EQ(index->spec.documents.fields.text, "text");
  EXPECT_EQ(index->spec.changeover, Changeover::kRollout);
}

TEST(RagIndex, RoundTrips) {
  RagIndex index{.metadata = {.name = "packages", .namespace_name = "demo", .uid = "u"}};
  index.spec.source.http = HttpSource{.url = "http://corpus/packages.jsonl.gz"};
  index.spec.documents.metadata = {{.name = "section"}};
  index.spec.drill = Drill{.error_rate = Share{2000}};
  index.spec.refresh = Refresh{.policy = RefreshPolicy::kRollout,
                               .every = std::chrono::hours(1),
                               .max_count_change = Share{100}};
  index.spec.serving.replicas = 0;
  index.spec.serving.pod_template =
      PodTemplate{.image_pull_secrets = {{.name = "registry"}},
                  .node_selector = {{"pool", "search"}},
                  .tolerations = {{.key = "dedicated",
                                   .value = "search",
                                   .effect = TaintEffect::kNoExecute,
                                   .toleration_seconds = 60}},
                  .topology_spread_constraints = {{.topology_key = "topology.kubernetes.io/zone"}}};
  index.spec.artifacts =
      ArtifactOptions{.type = ArtifactStorage::kPersistentVolumeClaim,
                      .persistent_volume_claim = VolumeClaim{.claim_name = "packages-artifacts"}};
  index.status.candidate =
      CandidateStatus{.revision = "packages-x",
                      .documents = NewDocuments{.source = index.spec.source, .digest = "d"},
                      .failure = "DocumentCountChanged"};
  index.status.refresh = RefreshStatus{.source = index.spec.source, .looks = 3, .failures = 1};
  index.status.route = RouteStatus{.generation = 3, .weight = Share{25}};
  EXPECT_EQ(from_json<RagIndex>(to_json(index)).value(), index);
}

struct BadSpec {
  const char* json;
  const char* error;
};

TEST(RagIndex, RefusesNonsenseAndNamesTheField) {
  const BadSpec table[] = {
      {R"({"spec":{}})", ".spec.source: is required"},
      {R"({"spec":{"source":{}}})", ".spec.source: exactly one of http must be set, not 0"},
      {R"({"spec":{"source":{"http":{"url":"ftp://x"}}}})",
       ".spec.source.http.url: \"ftp://x\" does not match ^https?://[^\\s]+$"},
      {R"({"spec":{"source":{"http":{"url":"http://x"}},"slo":{"ndcgAt10":0.5}}})",
       ".spec: slo.ndcgAt10 needs evaluation.goldenSet"},
      {R"({"spec":{"source":{"http":{"url":"http://x"}},"slo":{"latencyP95":"0s"}}})",
       ".spec.slo: latencyP95 must be between 1ms and 60s"},
      {R"({"spec":{"source":{"http":{"url":"http://x"}},"refresh":{"every":"29s"}}})",
       ".spec.refresh: every must be 0s or at least 30s"},
      {R"({"spec":{"source":{"http":{"url":"http://x"}},"drill":{"latency":"31s"}}})",
       ".spec.drill: latency must be at most 30s"},
      {R"({"spec":{"source":{"http":{"url":"http://x"}},
           "chunking":{"maxTokens":5,"overlapTokens":5}}})",
       ".spec.chunking: overlapTokens must be below maxTokens"},
      {R"({"spec":{"source":{"http":{"url":"http://x"}},
           "serving":{"podTemplate":{"tolerations":[{}]}}}})",
       ".spec.serving.podTemplate.tolerations[0]: a toleration without a key needs operator "
       "Exists"},
      {R"({"spec":{"source":{"http":{"url":"http://x"}},
           "serving":{"podTemplate":{"tolerations":[{"operator":"Exists","value":"v"}]}}}})",
       ".spec.serving.podTemplate.tolerations[0]: a toleration with operator Exists takes no "
       "value"},
      {R"({"spec":{"source":{"http":{"url":"http://x"}},
           "serving":{"podTemplate":{"tolerations":[{"key":"k","tolerationSeconds":1}]}}}})",
       ".spec.serving.podTemplate.tolerations[0]: tolerationSeconds needs effect NoExecute"},
      {R"({"spec":{"source":{"http":{"url":"http://x"}},
           "artifacts":{"type":"PersistentVolumeClaim"}}})",
       ".spec.artifacts: persistentVolumeClaim must be set for type PersistentVolumeClaim, and "
       "only "
       "for that"},
      {R"({"spec":{"source":{"http":{"url":"http://x"}},
           "artifacts":{"persistentVolumeClaim":{"claimName":"c"}}}})",
       ".spec.artifacts: persistentVolumeClaim must be set for type PersistentVolumeClaim, and "
       "only "
       "for that"},
      {R"({"spec":{"source":{"http":{"url":"http://x"}},"artifacts":
           {"type":"PersistentVolumeClaim","persistentVolumeClaim":{"claimName":"../a"}}}})",
       ".spec.artifacts.persistentVolumeClaim.claimName: \"../a\" does not match "
       "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"},
      {R"({"spec":{"source":{"http":{"url":"http://x"}},"serving":{"podTemplate":
           {"topologySpreadConstraints":[{"maxSkew":0,"topologyKey":"zone"}]}}}})",
       ".spec.serving.podTemplate.topologySpreadConstraints[0].maxSkew: must be at least 1, not 0; "
       ".spec.serving.podTemplate.topologySpreadConstraints[0].whenUnsatisfiable: is required"},
  };
  for (const BadSpec& row : table) {
    const auto index = from_json<RagIndex>(row.json);
    ASSERT_FALSE(index) << row.json;
    EXPECT_EQ(index.error().message, row.error);
  }
}

TEST(RagIndex, RefreshTakesItsDefaultsWhereItSaysLess) {
  const auto index = from_json<RagIndex>(
      R"({"metadata":{"name":"a"},
          "spec":{"source":{"http":{"url":"http://x"}},"refresh":{"every":"30s"}}})");
  ASSERT_TRUE(index) << index.error().message;
  const Refresh expected{.every = std::chrono::seconds(30)};
  EXPECT_EQ(index->spec.refresh, expected);
  EXPECT_EQ(expected.policy, RefreshPolicy::kGate);
  EXPECT_EQ(expected.max_count_change, Share{2000});
}

TEST(RagIndex, OnlyWhatCanChangeAnAnswerIsConfig) {
  RagIndexSpec spec;
  spec.source.http = HttpSource{.url = "http://x"};
  RagIndexSpec same = spec;
  same.serving.replicas = 9;
  same.refresh = Refresh{.every = std::chrono::hours(1)};
  same.slo.availability = Share{9990};
  same.traffic.router.replicas = 3;
  same.serving.pod_template = PodTemplate{.priority_class_name = "high"};
  same.artifacts = ArtifactOptions{};
  EXPECT_EQ(config_of(spec, "i:1"), config_of(same, "i:1"));
  RagIndexSpec other = spec;
  other.retrieval.bm25.k1 = 1.2;
  EXPECT_NE(config_of(spec, "i:1"), config_of(other, "i:1"));
  other = spec;
  other.engine.image = "i:2";
  EXPECT_NE(config_of(spec, "i:1"), config_of(other, "i:1"));
  EXPECT_EQ(config_of(other, "i:1"), config_of(other, "i:9"));
}

TEST(RagIndex, ItsModelIsPartOfTheConfigByItsBytesAlone) {
  RagIndexSpec spec;
  spec.retrieval.analyzer = AnalyzerOptions{.model_version_ref = {.name = "words"}};
  RevisionConfig config = config_of(spec, "i:1");
  EXPECT_EQ(config, config_of(RagIndexSpec{}, "i:1")) << "its digest is for the caller to fill in";
  // Without a model the stored text is what it was before there were any: hashes of it stay.
  EXPECT_EQ(to_json(config).find("nalyzer"), std::string::npos) << to_json(config);
  config.analyzer_digest = "d";
  EXPECT_NE(config, config_of(spec, "i:1"));
  const RevisionRecord record{
      .config = config,
      .analyzer =
          AnalyzerRecord{.model_version = "words",
                         .words = AnalyzerWords{.stop_words = std::vector<std::string>{"a"}}}};
  EXPECT_EQ(from_json<RevisionRecord>(to_json(record)).value(), record);
}

TEST(ModelVersion, RoundTrips) {
  ModelVersion model{.metadata = {.name = "words"}};
  model.spec.source.words = AnalyzerWords{.synonyms = {{.from = {"k8s"}, .to = "kubernetes"}}};
  model.spec.gates = {{.min = 0.65, .index_ref = {.name = "packages"}}};
  model.status.phase = ModelPhase::kVerifying;
  model.status.gates = {{.rag_index = "packages", .ndcg_at_10 = 0.7}};
  EXPECT_EQ(from_json<ModelVersion>(to_json(model)).value(), model);
}

TEST(ModelVersion, RefusesNonsenseAndNamesTheField) {
  const BadSpec table[] = {
      {R"({"spec":{"source":{"inline":{}}}})", ".spec.type: is required"},
      {R"({"spec":{"type":"Prompt","source":{"inline":{}}}})",
       ".spec.type: must be one of Analyzer, not \"Prompt\""},
      {R"({"spec":{"type":"Analyzer","source":{}}})",
       ".spec.source: exactly one of inline and uri must be set"},
      {R"({"spec":{"type":"Analyzer","source":{"uri":"http://x"}}})",
       ".spec.source: uri needs sha256, and sha256 needs uri"},
      {R"({"spec":{"type":"Analyzer","source":{"uri":"http://x","sha256":"beef"}}})",
       ".spec.source.sha256: \"beef\" does not match ^[0-9a-f]{64}$"},
  };
  for (const BadSpec& row : table) {
    const auto model = from_json<ModelVersion>(row.json);
    ASSERT_FALSE(model) << row.json;
    EXPECT_EQ(model.error().message, row.error);
  }
}

TEST(RevisionRecord, FieldsUnknownToAStoredOneCountAsDefaults) {
  const auto stored =
      from_json<RevisionRecord>(R"({"config":{"image":"i"},"documentsDigest":"d"})");
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->config, config_of(RagIndexSpec{}, "i"));
}

TEST(CanaryRollout, RoundTripsAndKeepsZeros) {
  CanaryRollout rollout;
  rollout.spec.index_ref.name = "packages";
  rollout.spec.steps = {
      {.evaluate = EvaluateStep{}},
      {.split = SplitStep{.weight = Share{50}, .min_duration = Duration{0}}},
      {.split = SplitStep{.weight = Share{100}, .sticky_by = StickyBy{.header = "X-User-Id"}}}};
  rollout.spec.analysis.objectives = {{.name = "errors", .error_rate = ErrorRateObjective{}}};
  rollout.status.evidence = EvidenceSnapshot{.state = "AAAA"};
  EXPECT_EQ(from_json<CanaryRollout>(to_json(rollout)).value(), rollout);
}

TEST(CanaryRollout, ReadsWeightsDownToAHundredthOfAPercent) {
  for (const auto& [text, weight] : {std::pair{"0.01%", Share{1}},
                                     std::pair{"0.5%", Share{50}},
                                     std::pair{"0.10%", Share{10}}}) {
    const auto rollout = from_json<CanaryRollout>(
        R"({"spec":{"indexRef":{"name":"p"},"steps":[{"split":{"weight":")" + std::string(text) +
        R"("}}]}})");
    ASSERT_TRUE(rollout) << rollout.error().message;
    EXPECT_EQ(rollout->spec.steps.at(0).split->weight, weight) << text;
  }
}

// The name of a stored policy is a hash of its text.
TEST(CanaryRollout, WritesNothingOfStickyUsersWhereNobodyIs) {
  CanaryRollout rollout;
  rollout.spec.steps = {{.split = SplitStep{.weight = Share{50}}}};
  EXPECT_EQ(to_json(rollout).find("sticky"), std::string::npos);
}

TEST(CanaryRollout, RefusesNonsenseAndNamesTheField) {
  const BadSpec table[] = {
      {R"({"spec":{"indexRef":{"name":"p"},"steps":[]}})",
       ".spec.steps: must have at least 1 items, not 0"},
      {R"({"spec":{"indexRef":{"name":"p"},"steps":[{"evaluate":{},"split":{"weight":"5%"}}]}})",
       ".spec.steps[0]: exactly one of evaluate, shadow, split, pause must be set, not 2"},
      {R"({"spec":{"indexRef":{"name":"p"},"steps":[{"split":{"weight":"0%"}}]}})",
       ".spec.steps[0].split: weight must be above 0%"},
      {R"({"spec":{"indexRef":{"name":"p"},"steps":[{"split":{"weight":"0.001%"}}]}})",
       ".spec.steps[0].split.weight: \"0.001%\" is not a share like 5% or 0.5%"},
      {R"({"spec":{"indexRef":{"name":"p"},"steps":[{"split":{"weight":"5%","stickyBy":{}}}]}})",
       ".spec.steps[0].split.stickyBy.header: is required"},
      {R"({"spec":{"indexRef":{"name":"p"},
           "steps":[{"split":{"weight":"5%","stickyBy":{"header":"X User"}}}]}})",
       ".spec.steps[0].split.stickyBy.header: \"X User\" does not match ^[A-Za-z][-A-Za-z0-9]*$"},
      {R"({"spec":{"indexRef":{"name":"p"},"steps":[{"evaluate":{}}],
           "analysis":{"objectives":[{"name":"e","errorRate":{"max":"16%"}}]}}})",
       ".spec.analysis.objectives[0].errorRate: max must be at most 15%"},
      {R"({"spec":{"indexRef":{"name":"p"},"steps":[{"evaluate":{}}],
           "analysis":{"objectives":[{"name":"l","latency":{"max":"2m"}}]}}})",
       ".spec.analysis.objectives[0].latency: max must be between 1ms and 60s"},
      {R"({"spec":{"indexRef":{"name":"p"},"steps":[{"evaluate":{}}],
           "analysis":{"objectives":[{"name":"l","latency":{"worseThanStableBy":"0%"}}]}}})",
       ".spec.analysis.objectives[0].latency: worseThanStableBy must be above 0%"},
      {R"({"spec":{"indexRef":{"name":"p"},"steps":[{"evaluate":{}}],
           "analysis":{"objectives":[{"name":"l","latency":{},"errorRate":{}}]}}})",
       ".spec.analysis.objectives[0]: exactly one of errorRate, goldenSet, latency, rankingOverlap "
       "must be set"},
      {R"({"spec":{"indexRef":{"name":"P"},"steps":[{"evaluate":{}}]}})",
       ".spec.indexRef.name: \"P\" does not match ^[a-z]([-a-z0-9]*[a-z0-9])?$"},
      {R"({"spec":{"indexRef":{"name":"p"},"steps":[{"evaluate":{}}],"analysis":{"block":"1s"}}})",
       ".spec.analysis: block must be between 5s and 5m"},
  };
  for (const BadSpec& row : table) {
    const auto rollout = from_json<CanaryRollout>(row.json);
    ASSERT_FALSE(rollout) << row.json;
    EXPECT_EQ(rollout.error().message, row.error);
  }
}

TEST(AnalyzerWords, HaveOneTextWhateverTheirOrder) {
  const AnalyzerWords a{.stop_words = std::vector<std::string>{"b", "a", "b"},
                        .synonyms = {{.from = {"y", "x"}, .to = "z"}, {.from = {"c"}, .to = "d"}}};
  const AnalyzerWords b{.stop_words = std::vector<std::string>{"a", "b"},
                        .synonyms = {{.from = {"c"}, .to = "d"}, {.from = {"x", "y"}, .to = "z"}}};
  EXPECT_EQ(canonical_json(a), canonical_json(b));
  EXPECT_EQ(
      canonical_json(a),
      R"({"stopWords":["a","b"],"synonyms":[{"from":["c"],"to":"d"},{"from":["x","y"],"to":"z"}]})");
  EXPECT_NE(canonical_json({}), canonical_json({.stop_words = std::vector<std::string>{}}));
  EXPECT_EQ(parse_analyzer_words(canonical_json(b)).value(), b);
}

TEST(YamlText, ParsesBackToTheSameTree) {
  const char* json =
      R"({"a":[{"b":"x: y","c":[1,2.5,null,true]},{"d":{}},[],[["e"]]],"on":"no","f g":"5%"})";
  const auto document = JsonDocument::parse(json);
  const std::string yaml = yaml_text(document.value().root());
  const auto again = JsonDocument::parse_yaml(yaml);
  ASSERT_TRUE(again) << yaml;
  EXPECT_EQ(again->root().text(), json) << yaml;
}

}  // namespace
}  // namespace sluice::api
