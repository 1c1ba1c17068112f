#include "dataplane/router/route_watch.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/describe.h"
#include "base/json_writer.h"
#include "tests/fake_api/fixture.h"

namespace sluice::router {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kNamespace = "default";

wire::RouteTable a_table(std::int64_t generation) {
  return {.index = "packages",
          .uid = "u",
          .epoch = 1,
          .generation = generation,
          .stable = wire::RouteTarget{.revision = "packages-a"}};
}

// Terminating pods are not ready.
struct Worker {
  std::string pod;
  std::string address;
  bool is_ready = true;
  bool is_terminating = false;
};

std::string slice_json(const std::string& name,
                       const std::string& service,
                       const std::vector<Worker>& workers) {
  std::string endpoints;
  for (const Worker& worker : workers) {
    endpoints += endpoints.empty() ? "" : ",";
    endpoints += R"({"addresses":[")" + worker.address + R"("],"conditions":{"ready":)" +
                 (worker.is_ready ? "true" : "false") + R"(,"serving":true,"terminating":)" +
                 (worker.is_terminating ? "true" : "false") +
                 R"(},"targetRef":{"kind":"Pod","name":")" + worker.pod + R"("}})";
  }
  return R"({"apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice","metadata":{"name":")" +
         name + R"(","labels":{"sluice.dev/index":"packages","kubernetes.io/service-name":")" +
         service +
         R"("}},"addressType":"IPv4","ports":[{"name":"http","port":8080}],"endpoints":[)" +
         endpoints + "]}";
}

struct RouteWatchTest : testing::Test {
  FakeCluster cluster;
  Router router{{.name = "r", .process_start_id = "1"}};
  PlanKeeper keeper{router, ""};
  RouteWatch watch{{{cluster.loop, cluster.client, cluster.metrics}, keeper},
                   {.namespace_name = kNamespace, .name = "packages"},
                   Rng(1)};

  ~RouteWatchTest() override { watch.stop(); }

  // An edit by hand, as `kubectl patch` makes it.
  void edit_route(const wire::RouteTable& table, const std::string& until) {
    const std::string json = R"({"metadata":{"annotations":{"sluice.dev/manual":)" +
                             json_quote(until) + R"(}},"data":{"table.json":)" +
                             json_quote(to_json(table)) + "}}";
    ASSERT_TRUE(cluster.server.send(
        merge_patch(kube::kConfigMapKind, {kNamespace, "packages-route"}, json)));
    cluster.loop.run_for(seconds{1});
  }

  [[nodiscard]] std::string running() const { return keeper.table()->stable->revision; }

  void put_route(const std::string& table, const std::string& name = "packages-route") {
    const std::string json = R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")" +
                             name + R"("},"data":{"table.json":)" + json_quote(table) + "}}";
    ApiRequest request = apply_object(kube::kConfigMapKind, {kNamespace, name}, json);
    request.force = true;  // As the operator's are: what a person changed is its own again.
    const auto done = cluster.server.send(request);
    ASSERT_TRUE(done) << done.error().describe();
  }

  void put_slice(const std::string& name,
                 const std::string& service,
                 const std::vector<Worker>& workers) {
    const auto done = cluster.server.send(apply_object(
        kube::kEndpointSliceKind, {kNamespace, name}, slice_json(name, service, workers)));
    ASSERT_TRUE(done) << done.error().describe();
  }

  std::int64_t generation() { return router.counters().table.generation; }

  bool is_ready() { return router.readiness().is_ready; }
};

TEST_F(RouteWatchTest, IsReadyOnceItHasATableAndAStableWorker) {
  watch.start();
  cluster.loop.run_for(seconds{1});
  EXPECT_FALSE(is_ready());
  put_route(to_json(a_table(1)));
  cluster.loop.run_for(seconds{1});
  EXPECT_EQ(generation(), 1);
  EXPECT_FALSE(is_ready());
  put_slice("s1", "packages-a", {{.pod = "p0", .address = "10.0.0.1"}});
  cluster.loop.run_for(seconds{1});
  EXPECT_TRUE(is_ready());
}

TEST_F(RouteWatchTest, FollowsTheTableAndRefusesWhatIsOlderOrUnreadable) {
  put_route(to_json(a_table(5)));
  put_route(to_json(a_table(99)), "other-route");
  watch.start();
  cluster.loop.run_for(seconds{1});
  EXPECT_EQ(generation(), 5);
  put_route(to_json(a_table(6)));
  cluster.loop.run_for(seconds{1});
  EXPECT_EQ(generation(), 6);
  wire::RouteTable future = a_table(7);
  future.version = 2;
  for (const std::string& refused :
       {to_json(a_table(4)), std::string("{"), to_json(future), std::string()}) {
    put_route(refused);
    cluster.loop.run_for(seconds{1});
    EXPECT_EQ(generation(), 6) << refused;
  }
}

TEST_F(RouteWatchTest, HonoursAPersonsEditUntilItsTimeIsOver) {
  put_route(to_json(a_table(5)));
  watch.start();
  cluster.loop.run_for(seconds{1});
  const auto in = [this](Duration time) { return format_time(cluster.loop.wall_now() + time); };
  wire::RouteTable edited = a_table(5);
  for (const std::string& until : {in(-minutes{1}), std::string("tomorrow"), std::string("")}) {
    edited.stable->revision = "packages-too-late";
    edit_route(edited, until);
    EXPECT_EQ(running(), "packages-a") << until;
  }
  for (const char* revision : {"packages-b", "packages-c"}) {
    edited.stable->revision = revision;
    edit_route(edited, in(minutes{10}));
    EXPECT_EQ(running(), revision);
  }
  edited.generation = 4;
  edited.stable->revision = "packages-older";
  edit_route(edited, in(minutes{10}));
  EXPECT_EQ(running(), "packages-c");
  put_route(to_json(a_table(6)));
  cluster.loop.run_for(seconds{1});
  EXPECT_EQ(running(), "packages-a") << "the operator's next table, also before the time is over";
}

TEST_F(RouteWatchTest, KeepsWhatItHasWhileTheServerIsAwayOrTheRouteIsGone) {
  put_route(to_json(a_table(5)));
  put_slice("s1", "packages-a", {{.pod = "p0", .address = "10.0.0.1"}});
  watch.start();
  cluster.loop.run_for(seconds{1});
  cluster.server.set_reachable(false);
  cluster.loop.run_for(minutes{10});
  EXPECT_EQ(generation(), 5);
  EXPECT_TRUE(is_ready());
  cluster.server.set_reachable(true);
  put_route(to_json(a_table(6)));
  cluster.loop.run_for(minutes{2});
  EXPECT_EQ(generation(), 6);
  (void)cluster.server.send(
      delete_object(kube::kConfigMapKind, {kNamespace, "packages-route"}, {}));
  cluster.loop.run_for(minutes{2});
  EXPECT_EQ(generation(), 6);
  EXPECT_TRUE(is_ready());
}

TEST_F(RouteWatchTest, KeepsStableWorkersWhenTheirSlicesEmpty) {
  put_route(to_json(a_table(5)));
  put_slice("s1", "packages-a", {{.pod = "p0", .address = "10.0.0.1"}});
  watch.start();
  cluster.loop.run_for(seconds{1});
  put_slice("s1", "packages-a", {});
  cluster.loop.run_for(seconds{1});
  EXPECT_TRUE(is_ready());
}

TEST(EndpointsOf, TakesReadyWorkersAndElseThoseThatStillServe) {
  const auto slices = [](const std::vector<std::string>& texts) {
    std::vector<std::shared_ptr<const kube::EndpointSlice>> all;
    for (const std::string& text : texts) {
      auto slice = from_json<kube::EndpointSlice>(text);
      EXPECT_TRUE(slice);
      all.push_back(std::make_shared<kube::EndpointSlice>(std::move(*slice)));
    }
    return all;
  };
  const Worker ready{.pod = "p0", .address = "10.0.0.1"};
  const Worker starting{.pod = "p1", .address = "10.0.0.2", .is_ready = false};
  const Worker leaving{
      .pod = "p2", .address = "10.0.0.3", .is_ready = false, .is_terminating = true};
  auto found = endpoints_of(slices({slice_json("1", "a", {ready, starting, leaving}),
                                    slice_json("2", "a", {ready}),
                                    slice_json("3", "b", {starting, leaving})}));
  ASSERT_EQ(found["a"].size(), 1U);
  EXPECT_EQ(found["a"][0], (EndpointAddress{.pod = "p0", .host = "10.0.0.1", .port = 8080}));
  ASSERT_EQ(found["b"].size(), 1U);
  EXPECT_EQ(found["b"][0].pod, "p2");
}

TEST(PlanKeeper, ServesWhatItServedLastAfterARestart) {
  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / ("plan_keeper_" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  {
    Router router{{.process_start_id = "1"}};
    PlanKeeper keeper(router, folder.string());
    keeper.restore();
    EXPECT_FALSE(keeper.table());
    keeper.take_endpoints({{"packages-a", {{.pod = "p0", .host = "10.0.0.1", .port = 8080}}}});
    EXPECT_TRUE(keeper.take_table(to_json(a_table(3))));
  }
  Router router{{.process_start_id = "2"}};
  PlanKeeper keeper(router, folder.string());
  keeper.restore();
  ASSERT_TRUE(keeper.table());
  EXPECT_EQ(router.counters().table.generation, 3);
  EXPECT_TRUE(router.readiness().is_ready);
  EXPECT_EQ(keeper.take_table(to_json(a_table(2))).error().code, ErrorCode::kConflict);
  std::ofstream(folder / "plan.json") << "nonsense";
  PlanKeeper other(router, folder.string());
  other.restore();
  EXPECT_FALSE(other.table());
  std::filesystem::remove_all(folder);
}

TEST(ParseEndpoints, ReadsListsAndSaysWhatIsWrong) {
  const auto good = parse_endpoints({"a=127.0.0.1:1,a=127.0.0.2:2", "b=[::1]:3"});
  ASSERT_TRUE(good);
  EXPECT_EQ(good->at("a").size(), 2U);
  EXPECT_EQ(good->at("b")[0].host, "::1");
  for (const char* bad :
       {"a", "a=", "a=1.2.3.4", "a=1.2.3.4:0", "a=1.2.3.4:99999", "a=name:80", "a=1.2.3.4:x"}) {
    EXPECT_FALSE(parse_endpoints({bad})) << bad;
  }
}

}  // namespace
}  // namespace sluice::router
