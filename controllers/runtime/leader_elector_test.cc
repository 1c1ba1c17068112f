#include "controllers/runtime/leader_elector.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "apiclient/types/core.h"
#include "controllers/runtime/manager.h"
#include "tests/fake_api/fixture.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

const kube::ObjectKey kLease{"sluice-system", "sluice-operator"};

// One operator process as far as leadership goes.
struct Candidate {
  Candidate(FakeCluster& cluster, const std::string& name)
      : transport(cluster.server.connect(name)),
        client(cluster.loop, *transport, metrics),
        elector({cluster.loop, client, metrics},
                Rng(static_cast<std::uint64_t>(name.size()) * 31 +
                    static_cast<unsigned char>(name.back())),
                {.lease = kLease, .identity = name}) {
    client.set_fence([this] { return elector.is_leader(); });
    elector.start([this] { ++won; }, [this] { ++lost; });
  }

  std::unique_ptr<Transport> transport;
  MetricsRegistry metrics;
  Client client;
  LeaderElector elector;
  int won = 0;
  int lost = 0;
};

struct LeaderElectorTest : testing::Test {
  FakeCluster cluster;

  kube::Lease lease() { return *cluster.server.get<kube::Lease>(kube::kLeaseKind, kLease); }
};

TEST_F(LeaderElectorTest, OneOfTwoLeadsAndRenews) {
  Candidate a(cluster, "a");
  Candidate b(cluster, "b");
  for (int i = 0; i < 600; ++i) {
    cluster.loop.run_for(seconds{1});
    EXPECT_FALSE(a.elector.is_leader() && b.elector.is_leader());
  }
  EXPECT_EQ(a.won + b.won, 1);
  EXPECT_EQ(a.lost + b.lost, 0);
  EXPECT_TRUE(a.elector.is_leader() || b.elector.is_leader());
  EXPECT_EQ(lease().spec.lease_transitions, 0);
}

TEST_F(LeaderElectorTest, ReleasesOnACleanExit) {
  auto a = std::make_unique<Candidate>(cluster, "a");
  cluster.loop.run_for(seconds{3});
  ASSERT_TRUE(a->elector.is_leader());
  Candidate b(cluster, "b");
  cluster.loop.run_for(seconds{3});
  bool is_released = false;
  a->elector.stop([&] { is_released = true; });
  EXPECT_FALSE(a->elector.is_leader());
  cluster.loop.run_for(seconds{3});
  EXPECT_TRUE(is_released);
  EXPECT_TRUE(b.elector.is_leader());
  EXPECT_EQ(b.elector.transitions(), 1);
  EXPECT_EQ(a->lost, 0);
}

TEST_F(LeaderElectorTest, TakesOverWhenTheLeaderDiesAfterItsWholeLease) {
  auto a = std::make_unique<Candidate>(cluster, "a");
  cluster.loop.run_for(seconds{3});
  Candidate b(cluster, "b");
  cluster.loop.run_for(seconds{3});
  a.reset();
  cluster.loop.run_for(seconds{10});
  EXPECT_FALSE(b.elector.is_leader());
  cluster.loop.run_for(seconds{10});
  EXPECT_TRUE(b.elector.is_leader());
}

// The server is away: the leader stops writing at its deadline, before anybody else may begin.
TEST_F(LeaderElectorTest, FencesItselfWhenItCannotRenew) {
  Candidate a(cluster, "a");
  cluster.loop.run_for(seconds{5});
  ASSERT_TRUE(a.elector.is_leader());
  cluster.server.set_reachable(false);
  cluster.loop.run_for(seconds{7});
  EXPECT_TRUE(a.elector.is_leader());
  cluster.loop.run_for(seconds{4});
  EXPECT_FALSE(a.elector.is_leader());
  EXPECT_EQ(a.lost, 1);
  cluster.server.set_reachable(true);
  cluster.loop.run_for(minutes{2});
  EXPECT_FALSE(a.elector.is_leader());  // Lost is lost: the process is to end.
}

// The server may have given the lease when the request came in, long before its reply.
TEST_F(LeaderElectorTest, CountsItsLeaseFromBeforeTheRequest) {
  cluster.server.set_latency(seconds{2});
  Candidate a(cluster, "a");
  ASSERT_TRUE(cluster.loop.run_until([&] { return a.elector.is_leader(); }, minutes{1}));
  cluster.server.set_reachable(false);
  cluster.loop.run_for(milliseconds{5900});
  EXPECT_TRUE(a.elector.is_leader());
  cluster.loop.run_for(milliseconds{200});  // 10 s less the 4 s of the round trip have passed.
  EXPECT_FALSE(a.elector.is_leader());
}

// Coordinated leader election says who is to have it next.
TEST_F(LeaderElectorTest, LeavesALeaseToTheOneItIsMeantFor) {
  const auto made = cluster.server.send(create_object(
      kube::kLeaseKind,
      kLease,
      R"({"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"sluice-operator"},)"
      R"("spec":{"leaseDurationSeconds":1,"preferredHolder":"b"}})"));
  ASSERT_TRUE(made) << made.error().describe();
  Candidate a(cluster, "a");
  cluster.loop.run_for(minutes{1});
  EXPECT_FALSE(a.elector.is_leader());
  Candidate b(cluster, "b");
  cluster.loop.run_for(seconds{5});
  EXPECT_TRUE(b.elector.is_leader());
}

// A process that was stopped (SIGSTOP, suspend) writes nothing when it wakes up.
TEST_F(LeaderElectorTest, RefusesWritesAfterItWasStopped) {
  Candidate a(cluster, "a");
  cluster.loop.run_for(seconds{5});
  ASSERT_TRUE(a.elector.is_leader());
  cluster.loop.jump(seconds{20});
  std::optional<Result<std::string>> answer;
  a.client.send(create_object(kube::kConfigMapKind, {"default", "m"}, config_map_json("m", "1")),
                [&](Result<std::string> result) { answer = std::move(result); });
  cluster.loop.run_for(seconds{1});
  ASSERT_TRUE(answer && !*answer);
  EXPECT_EQ(answer->error().code, ErrorCode::kCancelled);
  EXPECT_TRUE(cluster.server.list<kube::ConfigMap>(kube::kConfigMapKind).empty());
  EXPECT_EQ(a.lost, 1);
}

TEST_F(LeaderElectorTest, SurvivesLostRepliesOfItsRenewals) {
  Rng rng(4);
  cluster.server.set_write_fault([&](const WriteRecord& write) {
    return write.kind == "Lease" && rng.below(3) == 0 ? Fault::kLoseReply : Fault::kNone;
  });
  Candidate a(cluster, "a");
  cluster.loop.run_for(minutes{10});
  EXPECT_TRUE(a.elector.is_leader());
  EXPECT_EQ(a.lost, 0);
}

TEST_F(LeaderElectorTest, ManagerStartsControllersAfterCachesAndLease) {
  auto transport = cluster.server.connect("op");
  Client client(cluster.loop, *transport, cluster.metrics);
  LeaderElector elector(
      {cluster.loop, client, cluster.metrics}, Rng(1), {.lease = kLease, .identity = "op"});
  client.set_fence([&] { return elector.is_leader(); });
  Informer<kube::ConfigMap> maps({cluster.loop, client, cluster.metrics},
                                 Rng(1),
                                 {.selection = {.kind = kube::kConfigMapKind}});
  Informer<kube::Pod> pods(
      {cluster.loop, client, cluster.metrics}, Rng(1), {.selection = {.kind = kube::kPodKind}});
  int map_runs = 0;
  int pod_runs = 0;
  Controller map_controller(
      cluster.loop,
      cluster.metrics,
      Rng(1),
      {.name = "maps", .reconcile = [&](const kube::ObjectKey&, const ReconcileDone& done) {
         EXPECT_TRUE(maps.has_synced() && elector.is_leader());
         ++map_runs;
         done(ReconcileResult::done());
       }});
  Controller pod_controller(
      cluster.loop,
      cluster.metrics,
      Rng(1),
      {.name = "pods", .reconcile = [&](const kube::ObjectKey&, const ReconcileDone& done) {
         ++pod_runs;
         done(ReconcileResult::done());
       }});
  map_controller.watch(maps);
  pod_controller.watch(pods);
  ASSERT_TRUE(cluster.server.send(
      create_object(kube::kConfigMapKind, {"default", "m"}, config_map_json("m", "1"))));
  ASSERT_TRUE(cluster.server.apply_yaml(
      "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: main}]}\n"));
  cluster.server.set_forbidden("pods", true);
  Manager manager(cluster.loop, &elector);
  manager.add(managed(maps));
  manager.add(managed(pods));
  manager.add(map_controller, {"ConfigMap"});
  manager.add(pod_controller, {"Pod"});
  manager.start([] {});
  cluster.loop.run_for(seconds{30});
  EXPECT_EQ(map_runs, 1);
  EXPECT_EQ(pod_runs, 0);
  EXPECT_FALSE(manager.is_ready());
  ASSERT_EQ(manager.problems().size(), 1U);
  EXPECT_NE(manager.problems()[0].find("Pod: forbidden"), std::string::npos);
  cluster.server.set_forbidden("pods", false);
  cluster.loop.run_for(minutes{2});
  EXPECT_EQ(pod_runs, 1);
  EXPECT_TRUE(manager.is_ready());
  bool is_stopped = false;
  manager.stop([&] { is_stopped = true; });
  cluster.loop.run_for(seconds{5});
  EXPECT_TRUE(is_stopped);
  EXPECT_TRUE(lease().spec.holder_identity.empty());
  EXPECT_EQ(cluster.server.open_watches(), 0U);
}

}  // namespace
}  // namespace sluice
