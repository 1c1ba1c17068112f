// The fake against the semantics of the real API server: the cases of the conformance list that our
// controllers lean on.

#include "tests/fake_api/fake_api_server.h"

#include <gtest/gtest.h>

#include <string>

#include "apiclient/types/apps.h"
#include "apiclient/types/coordination.h"
#include "apiclient/types/core.h"
#include "apiclient/types/discovery.h"
#include "tests/fake_api/actors.h"
#include "tests/fake_api/fixture.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr kube::ResourceKind kIndexKind{"sluice.dev", "v1alpha1", "RagIndex", "ragindexes"};
constexpr kube::ResourceKind kRolloutKind{
    "sluice.dev", "v1alpha1", "CanaryRollout", "canaryrollouts"};

struct Any {
  kube::ObjectMeta metadata;
};

template <class Io>
void describe(Io& io, Any& value) {
  io.required("metadata", value.metadata);
}

std::string index_yaml(
    const std::string& spec = "  source: {http: {url: 'http://corpus/x.jsonl'}}\n",
    const std::string& name = "packages") {
  return "apiVersion: sluice.dev/v1alpha1\nkind: RagIndex\nmetadata: {name: " + name +
         "}\nspec:\n" + spec;
}

std::string rollout_yaml(const std::string& spec) {
  return "apiVersion: sluice.dev/v1alpha1\nkind: CanaryRollout\nmetadata: {name: packages}\nspec:\n"
         "  indexRef: {name: packages}\n" +
         spec;
}

struct FakeApi : testing::Test {
  FakeCluster cluster;
  FakeApiServer& server = cluster.server;

  Any index() { return *server.get<Any>(kIndexKind, {"default", "packages"}); }

  std::string index_text() {
    return server.send(get_object(kIndexKind, {"default", "packages"})).value_or("");
  }

  Result<std::string> apply_map(const std::string& manager_is_user, const std::string& data) {
    ApiRequest request = apply_object(
        kube::kConfigMapKind,
        {"default", "m"},
        R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"},"data":)" + data + "}");
    if (manager_is_user.empty()) {
      return server.send(request);
    }
    return server.apply_yaml("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: " + data);
  }

  kube::ConfigMap map() {
    return *server.get<kube::ConfigMap>(kube::kConfigMapKind, {"default", "m"});
  }
};

TEST_F(FakeApi, KnowsAllOurCelRules) {
  EXPECT_TRUE(server.rules_not_evaluated().empty())
      << "no predicate in cel_rules.cc for: " << server.rules_not_evaluated().front();
}

TEST_F(FakeApi, GivesIdentityOnCreateAndDropsStatus) {
  ASSERT_TRUE(server.apply_yaml(index_yaml() + "status: {documents: 7}\n"));
  EXPECT_FALSE(index().metadata.uid.empty());
  EXPECT_EQ(index().metadata.generation, 1);
  EXPECT_TRUE(index().metadata.creation_timestamp);
  EXPECT_EQ(index_text().find("\"documents\":7"), std::string::npos);
}

TEST_F(FakeApi, BumpsGenerationOnlyWhenSpecChanges) {
  ASSERT_TRUE(server.apply_yaml(index_yaml()));
  const auto first = index();
  ASSERT_TRUE(server.send(
      merge_patch(kIndexKind, first.metadata.key(), R"({"metadata":{"annotations":{"a":"b"}}})")));
  EXPECT_EQ(index().metadata.generation, 1);
  EXPECT_NE(index().metadata.resource_version, first.metadata.resource_version);
  ASSERT_TRUE(server.send(replace_status(kIndexKind, index().metadata, R"({"documents":5})")));
  EXPECT_EQ(index().metadata.generation, 1);
  EXPECT_NE(index_text().find("\"documents\":5"), std::string::npos);
  ASSERT_TRUE(server.send(
      merge_patch(kIndexKind, first.metadata.key(), R"({"spec":{"serving":{"replicas":3}}})")));
  EXPECT_EQ(index().metadata.generation, 2);
}

TEST_F(FakeApi, KeepsTheVersionWhenNothingChanges) {
  ASSERT_TRUE(server.apply_yaml(index_yaml()));
  const auto version = index().metadata.resource_version;
  ASSERT_TRUE(server.apply_yaml(index_yaml()));
  EXPECT_EQ(index().metadata.resource_version, version);
}

TEST_F(FakeApi, RefusesAStatusWriteOnAnOldVersion) {
  ASSERT_TRUE(server.apply_yaml(index_yaml()));
  const auto old = index().metadata;
  ASSERT_TRUE(server.send(replace_status(kIndexKind, old, R"({"documents":5})")));
  const auto again = server.send(replace_status(kIndexKind, old, R"({"documents":6})"));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kConflict);
  auto other = index().metadata;
  other.uid = "another";
  EXPECT_EQ(server.send(replace_status(kIndexKind, other, "{}")).error().code,
            ErrorCode::kConflict);
}

TEST_F(FakeApi, FillsDefaultsAndPrunes) {
  ASSERT_TRUE(server.apply_yaml(
      index_yaml("  source: {http: {url: 'http://corpus/x.jsonl'}}\n  nonsense: 1\n")));
  EXPECT_NE(index_text().find("\"changeover\":\"Rollout\""), std::string::npos);
  EXPECT_EQ(index_text().find("nonsense"), std::string::npos);
}

TEST_F(FakeApi, RefusesBadSpecsWithThePath) {
  struct Case {
    std::string yaml;
    std::string says;
  };

  const std::string source = "  source: {http: {url: 'http://corpus/x.jsonl'}}\n";
  const std::vector<Case> cases{
      {index_yaml("  changeover: Direct\n"), "spec.source: Required value"},
      {index_yaml(source + "  changeover: Sideways\n"), "spec.changeover: Unsupported value"},
      {index_yaml(source + "  serving: {replicas: -1}\n"), "spec.serving.replicas"},
      {index_yaml(source + "  serving: {replicas: two}\n"), "must be of type integer"},
      {index_yaml("  source: {}\n"), "spec.source"},
      {index_yaml(source, "Packages"), "metadata.name"},
      {index_yaml(source, std::string(41, 'a')), "metadata.name"},
      {rollout_yaml("  steps: [{split: {weight: '0%'}}]\n"), "weight must be above 0%"},
      {rollout_yaml("  steps: [{split: {weight: '101%'}}]\n"), "spec.steps[0].split.weight"},
      {rollout_yaml("  steps: [{split: {weight: '5%', minDuration: 1h, maxDuration: 5m}}]\n"),
       "minDuration must not be above maxDuration"},
      {rollout_yaml("  steps: [{evaluate: {}}]\n  analysis: {block: 1s}\n"),
       "block must be between"},
  };
  for (const Case& wrong : cases) {
    const auto answer = server.apply_yaml(wrong.yaml);
    ASSERT_FALSE(answer) << wrong.yaml;
    EXPECT_EQ(answer.error().http_status, 422) << wrong.yaml;
    EXPECT_NE(answer.error().message.find(wrong.says), std::string::npos)
        << wrong.yaml << answer.error().message;
  }
}

TEST_F(FakeApi, RefusesAChangedIndexRef) {
  ASSERT_TRUE(server.apply_yaml(rollout_yaml("  steps: [{evaluate: {}}]\n")));
  const auto changed = server.send(merge_patch(
      kRolloutKind, {"default", "packages"}, R"({"spec":{"indexRef":{"name":"other"}}})"));
  ASSERT_FALSE(changed);
  EXPECT_NE(changed.error().message.find("immutable"), std::string::npos);
}

TEST_F(FakeApi, RemovesWhatOnlyOneManagerAppliedAndDroppedAgain) {
  ASSERT_TRUE(apply_map("", R"({"a": "1", "b": "2"})"));
  ASSERT_TRUE(apply_map("kubectl", R"({"b": "2", "c": "3"})"));
  ASSERT_TRUE(apply_map("", "{}"));
  EXPECT_EQ(map().data, (kube::StringMap{{"b", "2"}, {"c", "3"}}));
}

TEST_F(FakeApi, NamesTheOtherManagerInAConflictUnlessForced) {
  ASSERT_TRUE(apply_map("kubectl", R"({"a": "1"})"));
  const auto refused = apply_map("", R"({"a": "2"})");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_NE(refused.error().message.find("kubectl"), std::string::npos);
  ApiRequest force = apply_object(
      kube::kConfigMapKind,
      {"default", "m"},
      R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"},"data":{"a":"2"}})");
  force.force = true;
  ASSERT_TRUE(server.send(force));
  EXPECT_EQ(map().data.at("a"), "2");
  EXPECT_FALSE(apply_map("kubectl", R"({"a": "1"})"));
}

TEST_F(FakeApi, NeverCreatesByAnApplyWithAUid) {
  const auto answer =
      server.send(apply_object(kube::kConfigMapKind,
                               {"default", "m"},
                               R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"}})",
                               {.uid = "gone"}));
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kConflict);
}

TEST_F(FakeApi, MergesContainersByName) {
  const auto deployment = [](const std::string& containers) {
    return apply_object(
        kube::kDeploymentKind,
        {"default", "d"},
        R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":{)"
        R"("selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},)"
        R"("spec":{"containers":)" +
            containers + "}}}}");
  };
  ASSERT_TRUE(server.send(deployment(R"([{"name":"main","image":"x:1"}])")));
  ASSERT_TRUE(server.send(
      merge_patch(kube::kDeploymentKind, {"default", "d"}, R"({"spec":{"replicas":7}})")));
  const auto seven = server.get<kube::Deployment>(kube::kDeploymentKind, {"default", "d"});
  ASSERT_TRUE(server.send(deployment(R"([{"name":"main","image":"x:2"},{"name":"side"}])")));
  const auto now = server.get<kube::Deployment>(kube::kDeploymentKind, {"default", "d"});
  EXPECT_EQ(now->spec.replicas, 7);  // Not ours: an autoscaler's.
  ASSERT_EQ(now->spec.pod_template.spec.containers.size(), 2U);
  EXPECT_EQ(now->spec.pod_template.spec.containers[0].image, "x:2");
  EXPECT_EQ(now->metadata.generation, seven->metadata.generation + 1);
  const auto moved = server.send(merge_patch(kube::kDeploymentKind,
                                             {"default", "d"},
                                             R"({"spec":{"selector":{"matchLabels":{"a":"c"}}}})"));
  EXPECT_EQ(moved.error().code, ErrorCode::kInvalid);
}

TEST_F(FakeApi, DeletesByUidAndCollectsChildren) {
  ASSERT_TRUE(apply_map("", "{}"));
  const std::string uid = map().metadata.uid;
  ASSERT_TRUE(server.send(apply_object(
      kube::kConfigMapKind,
      {"default", "child"},
      R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"child","ownerReferences":[)"
      R"({"apiVersion":"v1","kind":"ConfigMap","name":"m","uid":")" +
          uid + R"("}]}})")));
  EXPECT_EQ(
      server.send(delete_object(kube::kConfigMapKind, {"default", "m"}, {.uid = "x"})).error().code,
      ErrorCode::kConflict);
  ASSERT_TRUE(server.send(delete_object(kube::kConfigMapKind, {"default", "m"}, {.uid = uid})));
  cluster.loop.run_for(seconds{1});
  EXPECT_TRUE(server.list<kube::ConfigMap>(kube::kConfigMapKind).empty());
}

TEST_F(FakeApi, WaitsForFinalizers) {
  ASSERT_TRUE(server.apply_yaml(
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m, finalizers: [x.dev/y]}\n"));
  ASSERT_TRUE(server.send(delete_object(kube::kConfigMapKind, {"default", "m"}, {})));
  EXPECT_TRUE(map().metadata.deletion_timestamp);
  ASSERT_TRUE(server.send(
      merge_patch(kube::kConfigMapKind, {"default", "m"}, R"({"metadata":{"finalizers":null}})")));
  EXPECT_TRUE(server.list<kube::ConfigMap>(kube::kConfigMapKind).empty());
}

TEST_F(FakeApi, RefusesCreatesInATerminatingNamespace) {
  ASSERT_TRUE(apply_map("", "{}"));
  server.delete_namespace("default");
  EXPECT_TRUE(server.list<kube::ConfigMap>(kube::kConfigMapKind).empty());
  const Error refused = apply_map("", "{}").error();
  EXPECT_EQ(refused.code, ErrorCode::kForbidden);
  EXPECT_TRUE(refused.is_namespace_ending);
}

TEST_F(FakeApi, LosesRequestsAndRepliesAsTold) {
  struct Case {
    Fault fault;
    ErrorCode code;
    bool is_applied;
  };

  for (const Case& given : {Case{Fault::kLoseRequest, ErrorCode::kUnavailable, false},
                            Case{Fault::kLoseReply, ErrorCode::kUnavailable, true},
                            Case{Fault::kHang, ErrorCode::kTimeout, true},
                            Case{Fault::kUnavailable, ErrorCode::kUnavailable, false},
                            Case{Fault::kConflict, ErrorCode::kConflict, false},
                            Case{Fault::kThrottle, ErrorCode::kThrottled, false}}) {
    FakeCluster fresh;
    fresh.server.set_write_fault([&](const WriteRecord&) { return given.fault; });
    const auto answer = fresh.call(
        create_object(kube::kConfigMapKind, {"default", "m"}, config_map_json("m", "x")));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, given.code);
    EXPECT_EQ(answer.error().retry_after.has_value(), given.code == ErrorCode::kThrottled);
    EXPECT_EQ(fresh.server.get<kube::ConfigMap>(kube::kConfigMapKind, {"default", "m"}).has_value(),
              given.is_applied);
  }
}

TEST_F(FakeApi, LosesWhatIsReadAsTold) {
  struct Case {
    Fault fault;
    ErrorCode code;
  };

  ASSERT_TRUE(apply_map("", "{}"));
  for (const Case& given : {Case{Fault::kLoseRequest, ErrorCode::kUnavailable},
                            Case{Fault::kLoseReply, ErrorCode::kUnavailable},
                            Case{Fault::kHang, ErrorCode::kTimeout},
                            Case{Fault::kUnavailable, ErrorCode::kUnavailable},
                            Case{Fault::kThrottle, ErrorCode::kThrottled}}) {
    server.set_read_fault([&](const HttpRequest&) { return given.fault; });
    const auto answer = cluster.call(get_object(kube::kConfigMapKind, {"default", "m"}));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, given.code);
  }
}

TEST_F(FakeApi, SaysNothingOnAStalledWatchUntilItsClientGivesItUp) {
  std::string heard;
  std::optional<Status> end;
  cluster.client.watch(
      {.kind = kube::kConfigMapKind,
       .resource_version = std::to_string(server.revision()),
       .idle_timeout = seconds{150}},
      [&heard](std::string_view bytes) { heard += bytes; },
      [&end](const Status& outcome) { end = outcome; });
  ASSERT_TRUE(apply_map("", "{}"));
  cluster.loop.run_for(seconds{1});
  EXPECT_NE(heard.find("ADDED"), std::string::npos);
  heard.clear();
  server.stall_watches();
  ASSERT_TRUE(apply_map("", R"({"a":"b"})"));
  cluster.loop.run_for(seconds{148});
  EXPECT_EQ(heard, "");
  EXPECT_FALSE(end.has_value());
  cluster.loop.run_for(seconds{3});
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->error().code, ErrorCode::kTimeout);
}

TEST_F(FakeApi, LeavesOtherHostsToTheTest) {
  std::vector<std::string> seen;
  const auto ask = [&] {
    cluster.transport->start({.url = "http://10.244.0.2:8080/counters"},
                             {.on_done = [&](const Result<HttpResponse>& outcome) {
                               seen.push_back(outcome ? outcome->body : outcome.error().message);
                             }});
    cluster.loop.run_for(seconds{1});
  };
  ask();
  server.set_foreign([](const HttpRequest& request) {
    return HttpResponse{.status = 200, .body = "answer of " + request.url};
  });
  ask();
  EXPECT_EQ(seen,
            (std::vector<std::string>{"connection refused",
                                      "answer of http://10.244.0.2:8080/counters"}));
}

TEST_F(FakeApi, ActorsRunDeploymentsPodsAndEndpoints) {
  ClusterActors actors(cluster.loop, server);
  ASSERT_TRUE(
      server.apply_yaml("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n"
                        "spec: {replicas: 2, selector: {matchLabels: {app: web}},\n"
                        "  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: "
                        "main, image: a}]}}}"));
  ASSERT_TRUE(
      server.apply_yaml("apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"
                        "spec: {selector: {app: web}, ports: [{port: 8080}]}\n"));
  const auto is_done = [&] {
    const auto d = server.get<kube::Deployment>(kube::kDeploymentKind, {"default", "web"});
    return d && is_rolled_out(*d);
  };
  EXPECT_TRUE(cluster.loop.run_until(is_done, minutes{1}));
  cluster.loop.run_for(seconds{1});
  auto slices = server.list<kube::EndpointSlice>(kube::kEndpointSliceKind);
  ASSERT_EQ(slices.size(), 1U);
  ASSERT_EQ(slices[0].endpoints.size(), 2U);
  EXPECT_TRUE(slices[0].endpoints[0].conditions.ready);
  actors.set_ready(server.list<kube::Pod>(kube::kPodKind)[0].metadata.key(), false);
  cluster.loop.run_for(seconds{1});
  EXPECT_FALSE(is_done());
  const auto quiet_from = server.writes().size();
  cluster.loop.run_for(minutes{10});
  for (std::size_t i = quiet_from; i < server.writes().size(); ++i) {
    EXPECT_FALSE(server.writes()[i].is_changed);
  }
}

}  // namespace
}  // namespace sluice
