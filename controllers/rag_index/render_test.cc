// The bytes that we apply. A worker's template that changes here restarts every worker of every
// index when the operator is upgraded: then it needs a reason, and a way to leave old ones alone.

#include "controllers/rag_index/render.h"

#include <gtest/gtest.h>

#include "base/json_view.h"
#include "controllers/rag_index/names.h"
#include "controllers/rag_index/testing/world.h"

namespace sluice::rag_index {
namespace {

api::RagIndex an_index() {
  World world;
  world.index.metadata.labels = {{"argocd.argoproj.io/instance", "shop"}};
  world.index.metadata.annotations = {{"kubectl.kubernetes.io/last-applied-configuration", "{}"}};
  return world.index;
}

WorkersWish some_workers() {
  return {.revision = "packages-abc",
          .config = {.drill = api::Drill{.error_rate = Share{2000}}, .image = "sluice:v1"},
          .facts = facts_of(digest_of('d'), 0.7),
          .replicas = 3};
}

std::string part(const std::string& body, const std::vector<std::string>& path) {
  const auto document = JsonDocument::parse(body);
  JsonView node = document->root();
  for (const std::string& step : path) {
    const auto next = node.find(step);
    if (!next) {
      return "(none)";
    }
    node = *next;
  }
  return node.text();
}

TEST(Render, WorkerTemplateIsTheSameForEver) {
  const Manifest manifest = render_workers(an_index(), some_workers());
  EXPECT_EQ(part(manifest.body, {"spec", "template"}),
            R"({"metadata":{"labels":{"sluice.dev/component":"worker","sluice.dev/index":"packages","sluice.dev/revision":"packages-abc"}},"spec":{"automountServiceAccountToken":false,"enableServiceLinks":false,"terminationGracePeriodSeconds":30,"securityContext":{"runAsNonRoot":true,"runAsUser":65532,"runAsGroup":65532,"fsGroup":65532,"seccompProfile":{"type":"RuntimeDefault"}},"initContainers":[{"name":"fetch","image":"sluice:v1","imagePullPolicy":"IfNotPresent","command":["/usr/local/bin/sluice-worker"],"args":["fetch","--data-dir","/data","--from","http://packages-abc:8080","--from","http://packages-abc-build:8080","--artifact",")" +
                digest_of('1') + R"(","--artifact",")" + digest_of('2') + R"(","--artifact",")" +
                digest_of('d') +
                R"("],"env":[{"name":"POD_NAME","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.name"}}},{"name":"POD_NAMESPACE","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.namespace"}}}],"terminationMessagePolicy":"FallbackToLogsOnError","securityContext":{"allowPrivilegeEscalation":false,"readOnlyRootFilesystem":true,"capabilities":{"drop":["ALL"]}},"volumeMounts":[{"name":"data","mountPath":"/data"},{"name":"tmp","mountPath":"/tmp"}],"resources":{"requests":{"cpu":"50m","memory":"64Mi"}}}],"containers":[{"name":"worker","image":"sluice:v1","imagePullPolicy":"IfNotPresent","command":["/usr/local/bin/sluice-worker"],"args":["serve","--data-dir","/data","--index-digest",")" +
                digest_of('1') + R"(","--revision","packages-abc","--evaluation-digest",")" + digest_of('2') + R"(","--drill-error-rate","20%","--drill-latency","0s"],"env":[{"name":"POD_NAME","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.name"}}},{"name":"POD_NAMESPACE","valueFrom":{"fieldRef":{"apiVersion":"v1","fieldPath":"metadata.namespace"}}}],"terminationMessagePolicy":"FallbackToLogsOnError","securityContext":{"allowPrivilegeEscalation":false,"readOnlyRootFilesystem":true,"capabilities":{"drop":["ALL"]}},"volumeMounts":[{"name":"data","mountPath":"/data"},{"name":"tmp","mountPath":"/tmp"}],"resources":{"requests":{"cpu":"50m","memory":"64Mi"}},"ports":[{"name":"http","containerPort":8080,"protocol":"TCP"}],"readinessProbe":{"httpGet":{"path":"/ready","port":"http","scheme":"HTTP"},"periodSeconds":2,"timeoutSeconds":2,"failureThreshold":2},"livenessProbe":{"httpGet":{"path":"/health","port":"http","scheme":"HTTP"},"periodSeconds":2,"timeoutSeconds":2,"failureThreshold":15}}],"volumes":[{"name":"data","emptyDir":{}},{"name":"tmp","emptyDir":{}}]}})");
  EXPECT_EQ(part(manifest.body, {"spec", "strategy"}),
            R"({"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":0,"maxSurge":1}})");
}

TEST(Render, SpreadsRoutersOverNodesWhereTheUserSaysNothing) {
  api::RagIndex index = an_index();
  const std::string soft =
      R"("topologySpreadConstraints":[{"maxSkew":1,"topologyKey":"kubernetes.io/hostname",)"
      R"("whenUnsatisfiable":"ScheduleAnyway","labelSelector":{"matchLabels":{)"
      R"("sluice.dev/component":"router","sluice.dev/index":"packages"}}}])";
  EXPECT_NE(render_router(index, "i", 2).body.find(soft), std::string::npos);
  index.spec.serving.pod_template = api::PodTemplate{.priority_class_name = "high"};
  EXPECT_NE(render_router(index, "i", 2).body.find(soft + R"(,"priorityClassName":"high")"),
            std::string::npos);
  // Neither the number of routers nor anything else that is no template restarts them.
  EXPECT_EQ(part(render_router(index, "i", 1).body, {"spec", "template"}),
            part(render_router(index, "i", 3).body, {"spec", "template"}));
}

TEST(Render, PodTemplateStandsInWorkersBuildersAndRouters) {
  api::RagIndex index = an_index();
  index.spec.serving.pod_template = api::PodTemplate{
      .image_pull_secrets = {{.name = "registry"}},
      .node_selector = {{"pool", "search"}},
      .tolerations = {{.key = "gpu", .match = api::TolerationOperator::kExists}},
      .topology_spread_constraints = {{.topology_key = "zone",
                                       .when_unsatisfiable =
                                           api::WhenUnsatisfiable::kScheduleAnyway}},
      .priority_class_name = "high"};
  WorkersWish wish = some_workers();
  wish.pod_template = index.spec.serving.pod_template;
  const std::string shared =
      R"("imagePullSecrets":[{"name":"registry"}],"nodeSelector":{"pool":"search"},)"
      R"("tolerations":[{"key":"gpu","operator":"Exists","value":""}],)"
      R"("topologySpreadConstraints":[{"maxSkew":1,"topologyKey":"zone",)"
      R"("whenUnsatisfiable":"ScheduleAnyway","labelSelector":{"matchLabels":{)";
  const Manifest workers = render_workers(index, wish);
  EXPECT_NE(workers.body.find(
                shared + R"("sluice.dev/component":"worker","sluice.dev/index":"packages",)"
                         R"("sluice.dev/revision":"packages-abc"}}}],"priorityClassName":"high")"),
            std::string::npos)
      << workers.body;
  EXPECT_NE(render_router(index, "i", 1)
                .body.find(shared +
                           R"("sluice.dev/component":"router","sluice.dev/index":"packages"}}}])"),
            std::string::npos);
  EXPECT_NE(render_builder(index, {.name = "b"}).body.find(shared), std::string::npos);
}

TEST(Render, MetadataIsOursAloneAndOwnedByTheIndex) {
  const Manifest manifest = render_workers(an_index(), some_workers());
  EXPECT_EQ(part(manifest.body, {"metadata", "ownerReferences"}),
            R"([{"apiVersion":"sluice.dev/v1alpha1","kind":"RagIndex","name":"packages",)"
            R"("uid":"index-uid","controller":true,"blockOwnerDeletion":false}])");
  EXPECT_EQ(part(manifest.body, {"metadata", "labels"}),
            R"({"app.kubernetes.io/managed-by":"sluice","sluice.dev/component":"worker",)"
            R"("sluice.dev/index":"packages","sluice.dev/revision":"packages-abc"})");
  EXPECT_EQ(manifest.body.find("argocd"), std::string::npos);
  EXPECT_EQ(part(manifest.body, {"metadata", "annotations", "sluice.dev/applied"}),
            "\"" + manifest.hash + "\"");
}

TEST(Render, HashFollowsEveryChangeAndNothingElse) {
  const api::RagIndex index = an_index();
  WorkersWish wish = some_workers();
  const std::string hash = render_workers(index, wish).hash;
  EXPECT_EQ(render_workers(index, wish).hash, hash);
  wish.replicas = 4;
  EXPECT_NE(render_workers(index, wish).hash, hash);
}

TEST(Render, BuilderGetsConfigSourceAndGoldenSetAndHolders) {
  const Manifest manifest =
      render_builder(an_index(),
                     {.name = "packages-build-x",
                      .revision = "packages-abc",
                      .config = {.image = "sluice:v1"},
                      .source = {.http = api::HttpSource{.url = "http://corpus/a.jsonl"}},
                      .documents_digest = digest_of('d'),
                      .documents_from = {"http://packages-old:8080"},
                      .known_documents = {digest_of('a'), digest_of('b')}});
  for (const char* piece : {R"("builder","--data-dir","/data","--spec-json")",
                            R"(\"url\":\"http://corpus/a.jsonl\")",
                            R"(\"goldenSet\":{\"http\":{\"url\":\"http://corpus/golden.jsonl\"}})",
                            R"("--documents-from","http://packages-old:8080")",
                            R"("restartPolicy":"Never")"}) {
    EXPECT_NE(manifest.body.find(piece), std::string::npos) << piece << "\n" << manifest.body;
  }
  EXPECT_NE(manifest.body.find("\"--documents-digest\",\"" + digest_of('d')), std::string::npos);
  for (const char letter : {'a', 'b'}) {
    EXPECT_NE(manifest.body.find("\"--unless-digest\",\"" + digest_of(letter)), std::string::npos);
  }
}

TEST(Render, AuthorizationIsMountedWhereItIsNeededAndNowhereElse) {
  api::RagIndex index = an_index();
  const api::HttpSource documents{.url = "http://corpus/a.jsonl",
                                  .secret_ref = api::SecretReference{.name = "for-documents"}};
  const api::HttpSource golden{.url = "http://corpus/golden.jsonl",
                               .secret_ref = api::SecretReference{.name = "for-golden-set"}};
  const std::string volume =
      R"("optional":true,"items":[{"key":"authorization","path":"authorization"}])";
  const std::string source_flag =
      R"("--source-authorization-file","/etc/sluice-source/authorization")";
  const std::string golden_flag =
      R"("--golden-set-authorization-file","/etc/sluice-golden-set/authorization")";
  const auto has = [](const Manifest& manifest, const std::string& piece) {
    return manifest.body.find(piece) != std::string::npos;
  };
  index.spec.evaluation->golden_set.http = golden;
  const Manifest builder = render_builder(index, {.name = "b", .source = {.http = documents}});
  for (const std::string& piece : {R"("secretName":"for-documents","defaultMode":288,)" + volume,
                                   R"("secretName":"for-golden-set","defaultMode":288,)" + volume,
                                   source_flag,
                                   golden_flag}) {
    EXPECT_TRUE(has(builder, piece)) << piece << "\n" << builder.body;
  }
  WorkersWish wish = some_workers();
  EXPECT_FALSE(has(render_workers(index, wish), "authorization"));
  wish.golden_set = golden;
  const Manifest workers = render_workers(index, wish);
  EXPECT_TRUE(has(workers, golden_flag + R"(,"--golden-set-url","http://corpus/golden.jsonl")"));
  EXPECT_TRUE(has(workers, "for-golden-set"));
  EXPECT_FALSE(has(workers, "for-documents"));
  EXPECT_EQ(part(workers.body, {"spec", "template", "spec", "initContainers"}).find("golden"),
            std::string::npos);
}

TEST(Render, HolderKeepsItsArtifactsOnAVolumeOrHandsThemToItsSuccessor) {
  HolderWish wish{.name = "packages-holder",
                  .image = "sluice:v2",
                  .revisions = {"packages-abc", "packages-old"},
                  .artifacts = {digest_of('1'), digest_of('d')}};
  const Manifest on_disk = render_holder(an_index(), wish);
  EXPECT_EQ(part(on_disk.body, {"metadata", "annotations", "sluice.dev/holds"}),
            R"("packages-abc packages-old")");
  EXPECT_EQ(part(on_disk.body, {"spec", "strategy"}),
            R"({"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":0,"maxSurge":1}})");
  EXPECT_NE(on_disk.body.find(R"({"name":"data","emptyDir":{}})"), std::string::npos);
  EXPECT_NE(
      on_disk.body.find(R"("args":["holder","--data-dir","/data","--from",)"
                        R"("http://packages-abc:8080","--from","http://packages-abc-build:8080",)"),
      std::string::npos)
      << on_disk.body;
  wish.claim = api::VolumeClaim{.claim_name = "kept"};
  const Manifest on_volume = render_holder(an_index(), wish);
  EXPECT_EQ(part(on_volume.body, {"spec", "strategy"}), R"({"type":"Recreate"})");
  EXPECT_NE(on_volume.body.find(R"({"name":"data","persistentVolumeClaim":{"claimName":"kept"}})"),
            std::string::npos);
  EXPECT_NE(on_volume.body.find(R"("--data-dir","/data/packages")"), std::string::npos);
  // Another Deployment's pods are not its own, and the Service leads to both.
  wish.name = holder_name("packages", "kept");
  EXPECT_NE(part(render_holder(an_index(), wish).body, {"spec", "selector"}),
            part(on_disk.body, {"spec", "selector"}));
  EXPECT_EQ(part(render_holder_service(an_index()).body, {"spec", "selector"}),
            R"({"sluice.dev/component":"holder","sluice.dev/index":"packages"})");
  EXPECT_EQ(
      part(render_builder_service(an_index(), "packages-abc", true).body, {"spec", "selector"}),
      part(render_holder_service(an_index()).body, {"spec", "selector"}));
}

TEST(Render, HolderIsAsRestrictedAsAWorker) {
  const HolderWish wish{.name = "packages-holder",
                        .image = "sluice:v2",
                        .claim = api::VolumeClaim{.claim_name = "kept"},
                        .artifacts = {digest_of('1')}};
  const std::string holder = render_holder(an_index(), wish).body;
  const std::string worker = render_workers(an_index(), some_workers()).body;
  const std::vector<std::string> pod{"spec", "template", "spec"};
  for (const char* field : {"securityContext", "automountServiceAccountToken"}) {
    std::vector<std::string> path = pod;
    path.emplace_back(field);
    EXPECT_EQ(part(holder, path), part(worker, path)) << field;
  }
  EXPECT_NE(holder.find(R"("securityContext":{"allowPrivilegeEscalation":false,)"
                        R"("readOnlyRootFilesystem":true,"capabilities":{"drop":["ALL"]}})"),
            std::string::npos);
}

TEST(Render, LimitsWithoutRequestsGetNoDefaultAboveThem) {
  WorkersWish wish = some_workers();
  wish.resources.limits["memory"] = Quantity{"32Mi"};
  const std::string body = render_workers(an_index(), wish).body;
  EXPECT_NE(body.find(R"("resources":{"requests":{"cpu":"50m"},"limits":{"memory":"32Mi"}})"),
            std::string::npos)
      << body;
}

TEST(Render, RouterBudgetKeepsOneOfTheRoutersPods) {
  const Manifest budget = render_router_budget(an_index());
  EXPECT_EQ(budget.name, "packages-router");
  EXPECT_EQ(part(budget.body, {"spec", "minAvailable"}), "1");
  EXPECT_EQ(part(budget.body, {"spec", "selector"}),
            part(render_router(an_index(), "i", 2).body, {"spec", "selector"}));
}

TEST(Render, RouterMayReadItsRouteAndEndpointsAndNothingElse) {
  const auto access = render_router_access(an_index());
  ASSERT_EQ(access.size(), 3U);
  EXPECT_EQ(part(access[1].body, {"rules"}),
            R"([{"apiGroups":[""],"resources":["configmaps"],"resourceNames":["packages-route"],)"
            R"("verbs":["get","list","watch"]},{"apiGroups":["discovery.k8s.io"],)"
            R"("resources":["endpointslices"],"verbs":["get","list","watch"]}])");
}

TEST(Render, WorkersAndBuildersAcceptTheirIndexAndTheOperatorAlone) {
  const Manifest manifest = render_worker_network(an_index(), "sluice-system");
  EXPECT_EQ(manifest.name, "packages-workers");
  EXPECT_EQ(
      part(manifest.body, {"spec"}),
      R"({"podSelector":{"matchLabels":{"sluice.dev/index":"packages"},"matchExpressions":)"
      R"([{"key":"sluice.dev/component","operator":"In","values":["builder","holder","worker"]}]},)"
      R"("policyTypes":["Ingress"],"ingress":[{"from":[)"
      R"({"podSelector":{"matchLabels":{"sluice.dev/index":"packages"}}},)"
      R"({"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"sluice-system"}},)"
      R"("podSelector":{"matchLabels":{"app.kubernetes.io/name":"sluice-operator"}}}],)"
      R"("ports":[{"protocol":"TCP","port":8080}]}]})");
  EXPECT_EQ(part(manifest.body, {"metadata", "ownerReferences"}),
            part(render_router_network(an_index()).body, {"metadata", "ownerReferences"}));
  const std::string outside = render_worker_network(an_index(), "").body;
  EXPECT_EQ(outside.find("namespaceSelector"), std::string::npos) << "not every namespace";
}

TEST(Render, RoutersAcceptAnybodyOnTheirPort) {
  const Manifest manifest = render_router_network(an_index());
  EXPECT_EQ(manifest.name, "packages-router");
  EXPECT_EQ(
      part(manifest.body, {"spec"}),
      R"({"podSelector":{"matchLabels":{"sluice.dev/component":"router","sluice.dev/index":"packages"}},)"
      R"("policyTypes":["Ingress"],"ingress":[{"ports":[{"protocol":"TCP","port":8080}]}]})");
}

TEST(Names, AreValidAndStable) {
  const std::string longest(40, 'a');
  EXPECT_LE(rebuilder_name(revision_name(longest, {}, "d")).size(), 63U);
  EXPECT_LE(builder_service(revision_name(longest, {}, "d")).size(), 63U);
  EXPECT_LE(builder_name(longest, short_hash("x"), 99).size(), 63U);
  EXPECT_LE(holder_name(longest, "claim").size(), 63U);
  EXPECT_NE(holder_name(longest, "claim"), holder_name(longest, "other"));
  // A revision keeps its name for ever: a change here renames what is being built at an upgrade.
  EXPECT_EQ(short_hash("sluice"), short_hash("sluice"));
  EXPECT_EQ(short_hash("").size(), 10U);
  EXPECT_NE(short_hash("a"), short_hash("b"));
  api::RevisionConfig config;
  const std::string before = config_hash(config);
  config.image = "other";
  EXPECT_NE(config_hash(config), before);
}

}  // namespace
}  // namespace sluice::rag_index
