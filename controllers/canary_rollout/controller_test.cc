// The shell on an API server: what is written, in which order, and what a failure does.

#include "controllers/canary_rollout/controller.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "apiclient/types/events.h"
#include "base/describe.h"
#include "crds/names.h"
#include "tests/fake_api/fixture.h"

namespace sluice::canary_rollout {
namespace {

using api::RolloutPhase;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr auto kRolloutYaml = R"(
apiVersion: sluice.dev/v1alpha1
kind: CanaryRollout
metadata: {name: packages, namespace: default}
spec:
  indexRef: {name: packages}
  steps:
  - split: {weight: 10%, minDuration: 20s}
  analysis: {block: 5s}
)";

constexpr auto kIndexYaml = R"(
apiVersion: sluice.dev/v1alpha1
kind: RagIndex
metadata: {name: packages, namespace: default}
spec:
  source: {http: {url: "http://corpus/packages.jsonl"}}
)";

InformerOptions everything(const kube::ResourceKind& kind) {
  return {.selection = {.kind = kind}, .indexed_labels = {std::string(api::kIndexLabel)}};
}

// The controller with caches of its own; a second one is what a restart makes.
struct Process {
  explicit Process(FakeCluster& cluster)
      : events({cluster.loop, cluster.client, cluster.metrics}, "sluice.dev/operator", "test"),
        rollouts({cluster.loop, cluster.client, cluster.metrics},
                 Rng(1),
                 everything(api::kCanaryRolloutKind)),
        indexes({cluster.loop, cluster.client, cluster.metrics},
                Rng(2),
                everything(api::kRagIndexKind)),
        revisions({cluster.loop, cluster.client, cluster.metrics},
                  Rng(3),
                  everything(kube::kControllerRevisionKind)),
        pods({cluster.loop, cluster.client, cluster.metrics}, Rng(4), everything(kube::kPodKind)),
        rollout({.loop = cluster.loop,
                 .client = cluster.client,
                 .metrics = cluster.metrics,
                 .events = events,
                 .rollouts = rollouts,
                 .indexes = indexes,
                 .revisions = revisions,
                 .pods = pods,
                 .stores = stores},
                Rng(5)) {
    rollouts.start();
    indexes.start();
    revisions.start();
    pods.start();
    cluster.loop.run_for(seconds(2));
    rollout.controller().start();
  }

  scrape::Stores stores;
  EventRecorder events;
  Informer<api::CanaryRollout> rollouts;
  Informer<api::RagIndex> indexes;
  Informer<kube::ControllerRevision> revisions;
  Informer<kube::Pod> pods;
  CanaryRolloutController rollout;
};

class RolloutController : public testing::Test {
 protected:
  const kube::ObjectKey key_{"default", "packages"};
  FakeCluster cluster_;

  void SetUp() override {
    ASSERT_TRUE(cluster_.server.apply_yaml(kIndexYaml));
    ASSERT_TRUE(cluster_.server.apply_yaml(kRolloutYaml));
  }

  api::CanaryRollout rollout() {
    auto rollout = cluster_.server.get<api::CanaryRollout>(api::kCanaryRolloutKind, key_);
    EXPECT_TRUE(rollout.has_value());
    return rollout.value_or(api::CanaryRollout{});
  }

  // As the index controller would: a stable revision, this policy attached, a candidate.
  void offer_candidate(api::CandidatePhase phase) {
    const auto index = cluster_.server.get<api::RagIndex>(api::kRagIndexKind, key_);
    ASSERT_TRUE(index.has_value());
    api::RagIndexStatus status = index->status;
    status.stable_revision = "packages-stable";
    status.policy_uid = rollout().metadata.uid;
    status.policy_name = "packages";
    status.candidate = api::CandidateStatus{.revision = "packages-next",
                                            .config_hash = "abc",
                                            .phase = phase,
                                            .since = cluster_.loop.wall_now(),
                                            .generation = index->metadata.generation};
    if (phase != api::CandidatePhase::kBuilding) {
      status.candidate->facts.emplace();
    }
    ASSERT_TRUE(
        cluster_.server.send(replace_status(api::kRagIndexKind, index->metadata, to_json(status))));
  }

  bool run_until_phase(RolloutPhase phase) {
    return cluster_.loop.run_until([&] { return rollout().status.phase == phase; }, minutes(1));
  }
};

TEST_F(RolloutController, StoresThePolicyThenTheIntentThenTells) {
  Process process(cluster_);
  offer_candidate(api::CandidatePhase::kFetching);
  ASSERT_TRUE(run_until_phase(RolloutPhase::kProgressing));
  const api::CanaryRolloutStatus status = rollout().status;
  EXPECT_EQ(status.desired.mode, api::TrafficMode::kSplit);
  EXPECT_EQ(status.desired.weight, Share{1000});
  EXPECT_EQ(status.desired.candidate, "packages-next");

  const auto policy = cluster_.server.get<kube::ControllerRevision>(
      kube::kControllerRevisionKind, {"default", status.policy_revision});
  ASSERT_TRUE(policy.has_value()) << policy.error().message;
  EXPECT_EQ(policy->metadata.owner_references.at(0).uid, rollout().metadata.uid);
  EXPECT_TRUE(from_json<api::ResolvedPolicy>(policy->data.text).has_value());

  cluster_.loop.run_for(seconds(5));
  const auto events = cluster_.server.list<kube::Event>(kube::kEventKind, "default");
  EXPECT_TRUE(std::ranges::any_of(
      events, [](const kube::Event& event) { return event.reason == "RolloutStarted"; }));
  const auto& writes = cluster_.server.writes();
  const auto of_kind = [&](std::string_view kind) {
    return std::ranges::find_if(writes, [&](const WriteRecord& w) {
      return w.kind == kind && w.user == "operator" &&
             (kind != "CanaryRollout" || w.body.find("packages-next") != std::string::npos);
    });
  };
  EXPECT_LT(of_kind("ControllerRevision"), of_kind("CanaryRollout"));
  EXPECT_LT(of_kind("CanaryRollout"), of_kind("Event"));
}

TEST_F(RolloutController, IsQuietWhileNothingHappens) {
  Process process(cluster_);
  offer_candidate(api::CandidatePhase::kBuilding);
  ASSERT_TRUE(run_until_phase(RolloutPhase::kPending));
  cluster_.loop.run_for(seconds(30));
  const auto writes = cluster_.server.writes().size();
  cluster_.loop.run_for(minutes(10));
  EXPECT_EQ(cluster_.server.writes().size(), writes);
}

TEST_F(RolloutController, ACrashAfterAnyWriteAndALostReplyEndAlike) {
  for (const Fault fault : {Fault::kLoseReply, Fault::kLoseRequest, Fault::kUnavailable}) {
    for (int nth = 1; nth <= 4; ++nth) {
      FakeCluster cluster;
      ASSERT_TRUE(cluster.server.apply_yaml(kIndexYaml));
      ASSERT_TRUE(cluster.server.apply_yaml(kRolloutYaml));
      int count = 0;
      cluster.server.set_write_fault(
          [&](const WriteRecord&) { return ++count == nth ? fault : Fault::kNone; });
      auto process = std::make_unique<Process>(cluster);
      const auto get = [&] {
        return *cluster.server.get<api::CanaryRollout>(api::kCanaryRolloutKind, key_);
      };
      const auto index = *cluster.server.get<api::RagIndex>(api::kRagIndexKind, key_);
      api::RagIndexStatus status;
      status.stable_revision = "packages-stable";
      status.policy_uid = get().metadata.uid;
      status.candidate = api::CandidateStatus{.revision = "packages-next",
                                              .config_hash = "abc",
                                              .phase = api::CandidatePhase::kReady,
                                              .since = cluster.loop.wall_now(),
                                              .generation = index.metadata.generation,
                                              .facts = api::RevisionFacts{}};
      ASSERT_TRUE(
          cluster.server.send(replace_status(api::kRagIndexKind, index.metadata, to_json(status))));
      cluster.loop.run_until([&] { return count >= nth; }, minutes(1));
      process = std::make_unique<Process>(cluster);
      EXPECT_TRUE(cluster.loop.run_until(
          [&] { return get().status.phase == RolloutPhase::kProgressing; }, minutes(2)));
      EXPECT_EQ(get().status.desired.seq, 2);
    }
  }
}

TEST_F(RolloutController, AnswersEachCommandWithinASecondByItsStatusAndAnEvent) {
  Process process(cluster_);
  offer_candidate(api::CandidatePhase::kFetching);
  ASSERT_TRUE(run_until_phase(RolloutPhase::kProgressing));
  int number = 0;
  for (const std::string verb : {"pause", "approve", "resume", "promote", "retry", "dance"}) {
    const std::string id = std::to_string(++number);
    ASSERT_TRUE(
        cluster_.server.send(merge_patch(api::kCanaryRolloutKind,
                                         key_,
                                         R"({"metadata":{"annotations":{"sluice.dev/command":")" +
                                             verb + " packages-next " + id + R"("}}})")));
    cluster_.loop.run_for(seconds(1));
    ASSERT_TRUE(rollout().status.last_command.has_value()) << verb;
    EXPECT_EQ(rollout().status.last_command->id, id) << verb;
    cluster_.loop.run_for(seconds(1));
    const auto events = cluster_.server.list<kube::Event>(kube::kEventKind, "default");
    EXPECT_TRUE(std::ranges::any_of(events, [&](const kube::Event& event) {
      return event.note.starts_with(verb + " packages-next: ");
    })) << verb;
  }
}

TEST_F(RolloutController, AnswersACommandWithinASecond) {
  Process process(cluster_);
  offer_candidate(api::CandidatePhase::kFetching);
  ASSERT_TRUE(run_until_phase(RolloutPhase::kProgressing));
  ASSERT_TRUE(cluster_.server.send(merge_patch(
      api::kCanaryRolloutKind,
      key_,
      R"({"metadata":{"annotations":{"sluice.dev/command":"abort packages-next a1"}}})")));
  cluster_.loop.run_for(seconds(1));
  ASSERT_TRUE(rollout().status.last_command.has_value());
  EXPECT_EQ(rollout().status.last_command->id, "a1");
  // There is no route yet, so there is no traffic to be taken away.
  EXPECT_EQ(rollout().status.phase, RolloutPhase::kRolledBack);
}

TEST_F(RolloutController, ObservesRoutersWorkersAndRejections) {
  Process process(cluster_);
  offer_candidate(api::CandidatePhase::kReady);
  const auto pod = [&](const std::string& name, const std::string& labels) {
    ASSERT_TRUE(cluster_.server.send(
        create_object(kube::kPodKind,
                      {"default", name},
                      R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")" + name +
                          R"(","labels":{"sluice.dev/index":"packages",)" + labels +
                          R"(}},"spec":{"containers":[{"name":"c","image":"i"}]}})")));
  };
  pod("router-0", R"("sluice.dev/component":"router")");
  pod("worker-0", R"("sluice.dev/component":"worker","sluice.dev/revision":"packages-next")");
  process.stores.samples.put(key_, {.name = "router-gone"}, {}, {.wall = cluster_.loop.wall_now()});
  cluster_.loop.run_for(seconds(2));
  const Observation seen = process.rollout.observe(rollout());
  ASSERT_EQ(seen.routers.size(), 1U) << "a router that is not ready is not expected";
  EXPECT_EQ(seen.routers[0].name, "router-gone");
  EXPECT_FALSE(seen.routers[0].is_expected);
  EXPECT_EQ(seen.candidate_pods.ready, 0);
  EXPECT_TRUE(seen.candidate_pods.none_ready_since.has_value());
  ASSERT_TRUE(seen.index.has_value());
}

TEST_F(RolloutController, KnowsSinceWhenItLooksAtARollout) {
  Process process(cluster_);
  const WallTime first = process.rollout.observe(rollout()).looking_since;
  cluster_.loop.run_for(seconds(2));
  EXPECT_EQ(process.rollout.observe(rollout()).looking_since, first);
  Process restarted(cluster_);
  EXPECT_GT(restarted.rollout.observe(rollout()).looking_since, first);
}

TEST_F(RolloutController, ObservesWhatWorkersMadeOfThePresentGoldenSet) {
  Process process(cluster_);
  const auto observe = [&] {
    cluster_.loop.run_for(seconds(2));
    api::CanaryRollout evaluating = rollout();
    evaluating.status.phase = RolloutPhase::kEvaluating;
    return process.rollout.observe(evaluating).evaluations;
  };
  offer_candidate(api::CandidatePhase::kReady);
  EXPECT_FALSE(observe().can_be_asked);
  ASSERT_TRUE(cluster_.server.send(merge_patch(
      api::kRagIndexKind,
      key_,
      R"({"spec":{"evaluation":{"goldenSet":{"http":{"url":"http://corpus/golden.jsonl"}}}}})")));
  api::HttpSource golden_set{.url = "http://corpus/golden.jsonl"};
  const auto stable = scrape::key_of_reevaluation("default", "packages-stable", golden_set);
  process.stores.evaluations.put_error(key_, stable, "HTTP status 503");
  EXPECT_TRUE(observe().can_be_asked);
  EXPECT_EQ(observe().again_problem, "HTTP status 503");
  const std::string digest(64, 'a');
  process.stores.evaluations.put(key_, stable, {.golden_digest = digest});
  EXPECT_EQ(observe().stable_again->golden_digest, digest);
  EXPECT_EQ(observe().again_problem, "");
  golden_set.sha256 = digest;
  const auto candidate = scrape::key_of_reevaluation("default", "packages-next", golden_set);
  process.stores.evaluations.put_error(key_, candidate, "too old");
  EXPECT_EQ(observe().again_problem, "too old");
  process.stores.evaluations.put(key_, candidate, {.golden_digest = digest});
  EXPECT_EQ(observe().candidate_again->golden_digest, digest);
}

}  // namespace
}  // namespace sluice::canary_rollout
