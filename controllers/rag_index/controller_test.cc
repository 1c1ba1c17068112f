// The shell on an in-process API server: the production controller, informers, scraper and client;
// pods are played by ClusterActors, their HTTP by the transport below.

#include "controllers/rag_index/controller.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "apiclient/types/events.h"
#include "base/base64.h"
#include "base/describe.h"
#include "base/json_writer.h"
#include "controllers/rag_index/names.h"
#include "controllers/rag_index/testing/world.h"
#include "dataplane/wire/route_table.h"
#include "tests/fake_api/actors.h"
#include "tests/fake_api/fixture.h"

namespace sluice::rag_index {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

const kube::ObjectKey kKey{"default", "packages"};

// Requests with a path go to the API server; those to pods are answered as builder and router
// would; a router answers only to whoever knows the index's token.
class ClusterTransport final : public Transport {
 public:
  ClusterTransport(FakeCluster& cluster)  // NOLINT(google-explicit-constructor): a test's own.
      : cluster_(cluster), api_(cluster.server.connect("operator")) {}

  TransferId start(HttpRequest request, HttpHandler handler) override {
    if (request.url.starts_with('/')) {
      if (request.method == "GET" && request.url.find("/secrets") != std::string::npos) {
        secrets_read_.insert(request.url);
      }
      return api_->start(std::move(request), std::move(handler));
    }
    const TimerId timer =
        cluster_.loop.call_after(milliseconds(5), [this, request = std::move(request), handler] {
          const bool is_member = request.headers == HttpHeaders{{"Authorization", credentials()}};
          if (request.url.ends_with("/counters") && !is_member) {
            handler.on_done(HttpResponse{.status = 401});
          } else {
            handler.on_done(HttpResponse{.status = 200, .body = answer(request.url)});
          }
        });
    return {timer.value | kOwn};
  }

  void cancel(TransferId transfer) override {
    if ((transfer.value & kOwn) != 0) {
      cluster_.loop.cancel(TimerId{transfer.value & ~kOwn});
    } else {
      api_->cancel(transfer);
    }
  }

  // What was asked for of Secrets.
  [[nodiscard]] const std::set<std::string>& secrets_read() const { return secrets_read_; }

 private:
  static constexpr std::uint64_t kOwn = std::uint64_t{1} << 63U;

  std::string credentials() {
    const auto secret =
        cluster_.server.get<kube::Secret>(kube::kSecretKind, {"default", token_name("packages")});
    return secret ? "Bearer " + base64_decode(secret->data.at("token")).value() : "";
  }

  // What the holder with this address is asked for, which it has; nothing of any other pod.
  std::vector<std::string> held_at(const std::string& url) {
    constexpr std::string_view kFlag = R"("--artifact",")";
    std::vector<std::string> held;
    for (const std::string& pod : cluster_.server.list_text(kube::kPodKind, "default")) {
      const auto known = from_json<kube::Pod>(pod);
      const std::string address = known ? known->status.pod_ip : std::string();
      if (address.empty() || !url.starts_with("http://" + address + ":") ||
          known->metadata.label(api::kComponentLabel) != api::kComponentHolder) {
        continue;
      }
      for (std::size_t at = pod.find(kFlag); at != std::string::npos;
           at = pod.find(kFlag, at + 1)) {
        held.push_back(pod.substr(at + kFlag.size(), 64));
      }
    }
    return held;
  }

  std::string answer(const std::string& url) {
    if (std::vector<std::string> held = held_at(url); !held.empty()) {
      return to_json(wire::BuildReport{.phase = wire::BuildPhase::kReady, .held = std::move(held)});
    }
    if (url.ends_with("/report")) {
      api::RevisionFacts facts = facts_of(digest_of('d'), 0.7);
      if (cluster_.server.get<api::ModelVersion>(api::kModelVersionKind, {"default", "words"})) {
        facts.analyzer_digest = digest_of('a');
      }
      return to_json(wire::BuildReport{.phase = wire::BuildPhase::kReady,
                                       .documents_digest = facts.documents_digest,
                                       .facts = facts});
    }
    wire::Counters counters{.process_start_id = "s"};
    const auto map = cluster_.server.get<kube::ConfigMap>(kube::kConfigMapKind,
                                                          {"default", route_name("packages")});
    if (const auto table =
            map ? from_json<wire::RouteTable>(map->data.at(std::string(api::kRouteTableKey)))
                : Result<wire::RouteTable>(fail(ErrorCode::kNotFound, ""))) {
      counters.table = {.uid = table->uid, .epoch = table->epoch, .generation = table->generation};
    }
    return to_json(counters);
  }

  FakeCluster& cluster_;
  std::unique_ptr<Transport> api_;
  std::set<std::string> secrets_read_;
};

// One process of the operator, as far as this controller goes.
struct Process {
  explicit Process(FakeCluster& cluster)
      : loop(cluster.loop), transport(cluster), client(loop, transport, metrics) {
    token_key.start();
    indexes = make<api::RagIndex>(api::kRagIndexKind);
    rollouts = make<api::CanaryRollout>(api::kCanaryRolloutKind);
    rollouts_of_index = std::make_unique<Referrers<api::CanaryRollout>>(*rollouts, index_named_by);
    revisions = make<kube::ControllerRevision>(kube::kControllerRevisionKind);
    deployments = make<kube::Deployment>(kube::kDeploymentKind);
    pods = make<kube::Pod>(kube::kPodKind);
    config_maps = make<kube::ConfigMap>(kube::kConfigMapKind);
    models = make<api::ModelVersion>(api::kModelVersionKind);
    Listers listers{.indexes = indexes->lister(),
                    .rollouts = *rollouts_of_index,
                    .revisions = revisions->lister(),
                    .deployments = deployments->lister(),
                    .pods = pods->lister(),
                    .config_maps = config_maps->lister(),
                    .models = models->lister(),
                    .are_models_known = [this] { return models->has_synced(); }};
    for (const kube::ResourceKind& kind : kOtherKinds) {
      others.push_back(make<kube::MetadataOnly>(kind));
      listers.others.emplace_back(kind, others.back()->lister());
    }
    controller = std::make_unique<RagIndexController>(
        Connections{loop, client, events, scraper, stores, token_key},
        listers,
        Settings{.image = "sluice:1"});
    runner = std::make_unique<Controller>(
        loop,
        metrics,
        Rng(7),
        ControllerOptions{.name = "ragindex",
                          .reconcile = [this](const kube::ObjectKey& key, ReconcileDone done) {
                            controller->reconcile(key, std::move(done));
                          }});
    watch();
  }

  ~Process() { runner->stop(); }

  template <class T>
  std::unique_ptr<Informer<T>> make(const kube::ResourceKind& kind) {
    return std::make_unique<Informer<T>>(
        ApiContext{loop, client, metrics},
        Rng(++seed),
        InformerOptions{.selection = {.kind = kind},
                        .indexed_labels = {std::string(api::kIndexLabel)}});
  }

  template <class T>
  void start_child(Informer<T>& informer) {
    runner->watch<T>(informer, index_of_child<T>);
    informer.start();
  }

  void watch() {
    runner->watch(*indexes);
    indexes->start();
    runner->watch<api::CanaryRollout>(*rollouts, index_of_rollout);
    rollouts->start();
    runner->watch<api::ModelVersion>(*models, [this](const Change<api::ModelVersion>& change) {
      return controller->indexes_of_model(change);
    });
    models->start();
    start_child(*revisions);
    start_child(*deployments);
    start_child(*pods);
    start_child(*config_maps);
    for (auto& each : others) {
      start_child(*each);
    }
    const auto enqueue = [this](const kube::ObjectKey& key) { runner->queue().add(key); };
    stores.samples.on_change(enqueue);
    stores.reports.on_change(enqueue);
    loop.call_after(seconds(1), [this] { runner->start(); });  // Caches have synced by then.
  }

  SimLoop& loop;
  std::uint64_t seed = 0;
  MetricsRegistry metrics;
  ClusterTransport transport;
  Client client;
  EventRecorder events{ApiContext{loop, client, metrics}, "sluice.dev/operator", "test"};
  TokenKey token_key{{loop, client, metrics}, "sluice-system"};
  scrape::Stores stores;
  scrape::Scraper scraper{loop, transport, metrics, stores};
  std::unique_ptr<Informer<api::RagIndex>> indexes;
  std::unique_ptr<Informer<api::CanaryRollout>> rollouts;
  std::unique_ptr<Referrers<api::CanaryRollout>> rollouts_of_index;
  std::unique_ptr<Informer<kube::ControllerRevision>> revisions;
  std::unique_ptr<Informer<kube::Deployment>> deployments;
  std::unique_ptr<Informer<kube::Pod>> pods;
  std::unique_ptr<Informer<kube::ConfigMap>> config_maps;
  std::unique_ptr<Informer<api::ModelVersion>> models;
  std::vector<std::unique_ptr<Informer<kube::MetadataOnly>>> others;
  std::unique_ptr<RagIndexController> controller;
  std::unique_ptr<Controller> runner;
};

struct Shell : testing::Test {
  FakeCluster cluster;
  ClusterActors actors{cluster.loop, cluster.server};

  void SetUp() override {
    ASSERT_TRUE(cluster.server.apply_yaml(R"(
apiVersion: sluice.dev/v1alpha1
kind: RagIndex
metadata: {name: packages, labels: {argocd.argoproj.io/instance: shop}}
spec:
  source: {http: {url: 'http://corpus/packages.jsonl.gz'}}
  evaluation: {goldenSet: {http: {url: 'http://corpus/golden.jsonl'}}}
  slo: {ndcgAt10: 0.6}
)"));
  }

  Result<kube::Secret> token_secret() {
    return cluster.server.get<kube::Secret>(kube::kSecretKind, {"default", token_name("packages")});
  }

  api::RagIndex index() { return *cluster.server.get<api::RagIndex>(api::kRagIndexKind, kKey); }

  bool is_serving() {
    const api::RagIndex seen = index();
    const kube::Condition* ready = kube::find_condition(seen.status.conditions, "Ready");
    return ready != nullptr && ready->status == kube::ConditionStatus::kTrue;
  }

  bool wait_until_serving() {
    return cluster.loop.run_until([this] { return is_serving(); }, minutes(10));
  }

  std::size_t writes_of_operator() {
    return static_cast<std::size_t>(
        std::ranges::count(cluster.server.writes(), "operator", &WriteRecord::user));
  }
};

TEST_F(Shell, BringsAFirstRevisionToServingAndThenWritesNothing) {
  Process process(cluster);
  ASSERT_TRUE(wait_until_serving()) << to_json(index().status);
  EXPECT_EQ(index().status.ready_replicas, 2);
  EXPECT_TRUE(index().status.route->confirmed);
  cluster.loop.run_for(seconds(30));  // Events and the builder's end are still on their way.
  const std::size_t before = writes_of_operator();
  cluster.loop.run_for(minutes(10));
  EXPECT_EQ(writes_of_operator(), before);
  for (const auto& pod : cluster.server.list<kube::Pod>(kube::kPodKind, "default")) {
    EXPECT_NE(pod.metadata.label(api::kComponentLabel), api::kComponentBuilder);
    EXPECT_FALSE(pod.metadata.labels.contains("argocd.argoproj.io/instance"));
  }
}

TEST_F(Shell, KeepsTheTokensSecretWithoutReadingIt) {
  Process process(cluster);
  ASSERT_TRUE(wait_until_serving());
  const auto secret = token_secret();
  ASSERT_TRUE(secret.has_value());
  EXPECT_EQ(base64_decode(secret->data.at("token")).value(),
            process.token_key.token_of(index().metadata.uid));
  // Nobody says that it is gone: it is written again when its time has come.
  ASSERT_TRUE(cluster.server.send(
      delete_object(kube::kSecretKind, secret->metadata.key(), {.uid = secret->metadata.uid})));
  cluster.loop.run_for(minutes(31));
  const auto again = token_secret();
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->data, secret->data);
  EXPECT_EQ(process.transport.secrets_read(),
            std::set<std::string>{"/api/v1/namespaces/sluice-system/secrets/sluice-token-key"});
}

TEST_F(Shell, WritesTheSecretAgainSoonWhileAPodWaits) {
  Process process(cluster);
  ASSERT_TRUE(wait_until_serving());
  const auto secret = token_secret();
  ASSERT_TRUE(secret.has_value());
  ASSERT_TRUE(cluster.server.send(
      delete_object(kube::kSecretKind, secret->metadata.key(), {.uid = secret->metadata.uid})));
  actors.set_pod_plan([](const kube::Pod&) {
    return PodPlan{.waiting = kube::ContainerWaiting{.reason = "ContainerCreating"}};
  });
  ASSERT_TRUE(cluster.server.apply_yaml(R"(
apiVersion: v1
kind: Pod
metadata: {name: waiting, namespace: default, labels: {sluice.dev/index: packages}}
spec: {}
)"));
  EXPECT_TRUE(cluster.loop.run_until([this] { return token_secret().has_value(); }, seconds(40)));
}

TEST_F(Shell, WritesNoSecretWhileTheIndexIsSuspended) {
  Process process(cluster);
  ASSERT_TRUE(wait_until_serving());
  ASSERT_TRUE(cluster.server.send(
      merge_patch(api::kRagIndexKind, kKey, R"({"spec":{"serving":{"replicas":0}}})")));
  cluster.loop.run_for(seconds(30));
  const auto of_secrets = [this] {
    return std::ranges::count(cluster.server.writes(), "Secret", &WriteRecord::kind);
  };
  const auto before = of_secrets();
  cluster.loop.run_for(minutes(60));
  EXPECT_EQ(of_secrets(), before);
}

TEST_F(Shell, LeavesASecretOfSomebodyElseAloneAndGoesOnWithTheRest) {
  ASSERT_TRUE(cluster.server.apply_yaml(R"(
apiVersion: v1
kind: Secret
metadata: {name: packages-token, namespace: default}
data: {token: c29tZWJvZHkncw==}
)"));
  const auto before = token_secret();
  Process process(cluster);
  ASSERT_TRUE(
      cluster.loop.run_until([this] { return index().status.ready_replicas == 2; }, minutes(10)));
  const auto after = token_secret();
  ASSERT_TRUE(before.has_value() && after.has_value());
  EXPECT_EQ(*after, *before);
  const auto events = cluster.server.list<kube::Event>(kube::kEventKind);
  const auto told = std::ranges::find(events, "TokenNotApplied", &kube::Event::reason);
  ASSERT_NE(told, events.end());
  EXPECT_NE(told->note.find("immutable"), std::string::npos) << told->note;
}

TEST_F(Shell, WritesTheIntentBeforeTheFirstObject) {
  Process process(cluster);
  ASSERT_TRUE(wait_until_serving());
  std::vector<std::string> kinds;
  for (const WriteRecord& write : cluster.server.writes()) {
    // The operator's own key is of no index.
    if (write.user == "operator" && write.key.namespace_name == "default" && kinds.size() < 2) {
      kinds.push_back(write.kind + (write.is_status ? " status" : ""));
    }
  }
  EXPECT_EQ(kinds.front(), "RagIndex status");
  EXPECT_NE(kinds.back(), "RagIndex status");
}

TEST_F(Shell, ComesToTheSameEndWhenEveryThirdReplyIsLost) {
  int number = 0;
  cluster.server.set_write_fault([&](const WriteRecord& write) {
    return write.user == "operator" && ++number % 3 == 0 ? Fault::kLoseReply : Fault::kNone;
  });
  Process process(cluster);
  ASSERT_TRUE(wait_until_serving()) << to_json(index().status);
  EXPECT_EQ(cluster.server.list<kube::ControllerRevision>(kube::kControllerRevisionKind).size(),
            1U);
}

TEST_F(Shell, GoesOnWhereADeadProcessStood) {
  int writes = 0;
  auto process = std::make_unique<Process>(cluster);
  for (int lives = 0; lives < 40 && !is_serving(); ++lives) {
    cluster.server.on_written([&](const WriteRecord& write) {
      writes += write.user == "operator" && write.is_changed ? 1 : 0;
    });
    const int until = writes + 2;
    cluster.loop.run_until([&] { return writes >= until || is_serving(); }, minutes(2));
    process.reset();
    process = std::make_unique<Process>(cluster);
  }
  ASSERT_TRUE(wait_until_serving()) << to_json(index().status);
}

TEST_F(Shell, SaysThatItsModelIsGoneAndGoesOnServing) {
  Process process(cluster);
  const auto model_missing = [this] {
    const api::RagIndex seen = index();
    const kube::Condition* missing = kube::find_condition(seen.status.conditions, "ModelMissing");
    return missing != nullptr && missing->status == kube::ConditionStatus::kTrue;
  };
  ASSERT_TRUE(wait_until_serving()) << to_json(index().status);
  ASSERT_TRUE(cluster.server.apply_yaml(R"(
apiVersion: sluice.dev/v1alpha1
kind: RagIndex
metadata: {name: packages}
spec:
  changeover: Direct
  source: {http: {url: 'http://corpus/packages.jsonl.gz'}}
  evaluation: {goldenSet: {http: {url: 'http://corpus/golden.jsonl'}}}
  slo: {ndcgAt10: 0.6}
  retrieval: {analyzer: {modelVersionRef: {name: words}}}
)"));
  const std::string stable = index().status.stable_revision;
  ASSERT_TRUE(cluster.loop.run_until(model_missing, minutes(1)));
  EXPECT_FALSE(is_serving());
  EXPECT_FALSE(index().status.candidate);
  // Somebody resolves it (model_version's part, played here).
  ASSERT_TRUE(cluster.server.apply_yaml(R"(
apiVersion: sluice.dev/v1alpha1
kind: ModelVersion
metadata: {name: words}
spec: {type: Analyzer, source: {inline: {stopWords: [the]}}}
)"));
  const auto model =
      *cluster.server.get<api::ModelVersion>(api::kModelVersionKind, {"default", "words"});
  ASSERT_TRUE(cluster.server.send(replace_status(
      api::kModelVersionKind,
      model.metadata,
      to_json(api::ModelVersionStatus{.observed_generation = model.metadata.generation,
                                      .phase = api::ModelPhase::kReady,
                                      .digest = digest_of('a')}))));
  ASSERT_TRUE(cluster.loop.run_until(
      [&] { return is_serving() && index().status.stable_revision != stable; }, minutes(10)))
      << to_json(index().status);
  EXPECT_EQ(index().status.stable->analyzer_digest, digest_of('a'));
  ASSERT_TRUE(cluster.server.send(
      delete_object(api::kModelVersionKind, {"default", "words"}, {.uid = model.metadata.uid})));
  ASSERT_TRUE(cluster.loop.run_until(model_missing, minutes(1)));
  EXPECT_TRUE(is_serving());
}

TEST_F(Shell, LeavesADeletedIndexToTheGarbageCollector) {
  Process process(cluster);
  ASSERT_TRUE(wait_until_serving());
  ASSERT_TRUE(
      cluster.server.send(delete_object(api::kRagIndexKind, kKey, {.uid = index().metadata.uid})));
  cluster.loop.run_for(minutes(2));
  EXPECT_TRUE(cluster.server.list<kube::Deployment>(kube::kDeploymentKind).empty());
  EXPECT_TRUE(cluster.server.list<kube::ConfigMap>(kube::kConfigMapKind, "default").empty());
  EXPECT_EQ(process.scraper.targets(), 0U);
}

TEST_F(Shell, PutsAnIndexOnAVolumeWithoutABuildAndThenWritesNothing) {
  Process process(cluster);
  ASSERT_TRUE(wait_until_serving());
  cluster.loop.run_for(seconds(30));
  const auto pods_made = [this] {
    return std::ranges::count_if(cluster.server.writes(), [](const WriteRecord& write) {
      return write.user == "operator" && write.kind == kube::kPodKind.kind &&
             write.method != "DELETE";
    });
  };
  const auto before = pods_made();
  ASSERT_TRUE(cluster.server.send(
      merge_patch(api::kRagIndexKind,
                  kKey,
                  R"({"spec":{"artifacts":{"type":"PersistentVolumeClaim",)"
                  R"("persistentVolumeClaim":{"claimName":"packages-artifacts"}}}})")));
  const auto is_kept = [this] {
    const api::RagIndex seen = index();
    const auto* durable = kube::find_condition(seen.status.conditions, "ArtifactDurable");
    return durable != nullptr && durable->reason == "Kept";
  };
  ASSERT_TRUE(cluster.loop.run_until(is_kept, minutes(2))) << to_json(index().status);
  EXPECT_TRUE(is_serving());
  EXPECT_EQ(pods_made(), before);
  cluster.loop.run_for(seconds(30));
  const std::size_t settled = writes_of_operator();
  cluster.loop.run_for(minutes(20));
  EXPECT_EQ(writes_of_operator(), settled);
}

TEST_F(Shell, ANewProcessTakesNothingOfAVolumeBack) {
  ASSERT_TRUE(cluster.server.send(
      merge_patch(api::kRagIndexKind,
                  kKey,
                  R"({"spec":{"artifacts":{"type":"PersistentVolumeClaim",)"
                  R"("persistentVolumeClaim":{"claimName":"packages-artifacts"}}}})")));
  auto process = std::make_unique<Process>(cluster);
  ASSERT_TRUE(wait_until_serving());
  cluster.loop.run_for(minutes(2));
  process.reset();
  std::vector<std::string> written;
  cluster.server.on_written([&](const WriteRecord& write) {
    if (write.user == "operator" && write.is_changed && write.kind != kube::kEventKind.kind) {
      written.push_back(write.method + " " + write.kind + " " + write.key.name);
    }
  });
  process = std::make_unique<Process>(cluster);
  cluster.loop.run_for(minutes(2));
  EXPECT_EQ(written, std::vector<std::string>{});
}

// The namespace controller deletes in an order of its own: pods may go long before the index.
TEST_F(Shell, MakesNothingMoreInANamespaceThatIsBeingDeleted) {
  Process process(cluster);
  ASSERT_TRUE(wait_until_serving());
  cluster.loop.run_for(seconds(30));
  const auto attempts = [this] {
    return std::ranges::count(cluster.server.writes(), "operator", &WriteRecord::user);
  };
  cluster.server.begin_deleting_namespace("default");
  for (const auto& workers : cluster.server.list<kube::Deployment>(kube::kDeploymentKind)) {
    ASSERT_TRUE(cluster.server.send(delete_object(
        kube::kDeploymentKind, workers.metadata.key(), {.uid = workers.metadata.uid})));
  }
  cluster.loop.run_for(seconds(10));
  const auto before = attempts();
  // Whatever else goes: services, pods, one by one.
  for (const auto& service : cluster.server.list<kube::Service>(kube::kServiceKind, "default")) {
    ASSERT_TRUE(cluster.server.send(
        delete_object(kube::kServiceKind, service.metadata.key(), {.uid = service.metadata.uid})));
    cluster.loop.run_for(seconds(2));
  }
  EXPECT_EQ(attempts(), before) << "left alone";
  cluster.loop.run_for(minutes(10));
  EXPECT_LE(attempts() - before, 30) << "a look a minute";
  cluster.server.delete_namespace("default");
  cluster.loop.run_for(minutes(5));
  EXPECT_EQ(process.scraper.targets(), 0U);
}

TEST_F(Shell, HonoursARouteEditedByHandAcrossARestartAndPutsItBackInTime) {
  auto process = std::make_unique<Process>(cluster);
  ASSERT_TRUE(wait_until_serving()) << to_json(index().status);
  const kube::ObjectKey key{"default", route_name("packages")};
  const auto text = [&] {
    const auto map = cluster.server.get<kube::ConfigMap>(kube::kConfigMapKind, key);
    return map->data.at(std::string(api::kRouteTableKey));
  };
  const std::string before = text();
  auto edited = *from_json<wire::RouteTable>(before);
  edited.stable->revision = "packages-by-hand";
  const std::string until = format_time(cluster.loop.wall_now() + minutes(10));
  JsonWriter patch;
  patch.begin_object().key("metadata").begin_object().key("annotations").begin_object();
  patch.member(api::kManualAnnotation, std::string_view(until)).end_object().end_object();
  patch.key("data").begin_object();
  patch.member(api::kRouteTableKey, std::string_view(to_json(edited))).end_object().end_object();
  ASSERT_TRUE(cluster.server.send(merge_patch(kube::kConfigMapKind, key, patch.take())));
  cluster.loop.run_for(minutes(5));
  process.reset();
  process = std::make_unique<Process>(cluster);
  cluster.loop.run_for(minutes(4));
  EXPECT_EQ(text(), to_json(edited));
  EXPECT_FALSE(is_serving());
  cluster.loop.run_for(minutes(2));
  EXPECT_EQ(from_json<wire::RouteTable>(text())->stable,
            from_json<wire::RouteTable>(before)->stable);
  EXPECT_TRUE(wait_until_serving()) << to_json(index().status);
}

TEST_F(Shell, StopsAtTheFirstFailureAndComesBack) {
  cluster.server.set_forbidden("services", true);
  Process process(cluster);
  cluster.loop.run_for(minutes(2));
  EXPECT_FALSE(is_serving());
  cluster.server.set_forbidden("services", false);
  EXPECT_TRUE(wait_until_serving()) << to_json(index().status);
}

}  // namespace
}  // namespace sluice::rag_index
