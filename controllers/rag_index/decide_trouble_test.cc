// What goes wrong around a rollout: edits by others, lost status, crashes, stale caches.

#include "base/describe.h"
#include "base/rng.h"
#include "controllers/rag_index/testing/trouble_for_test.h"

namespace sluice::rag_index {
namespace {

TEST_F(Trouble, WeightFallsAtOnceEvenWithoutAReadyWorker) {
  api::CanaryRollout& rollout = split_bm25();
  const std::string candidate = world.status().candidate->revision;
  world.can_start = [candidate](const std::string& revision) { return revision != candidate; };
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.table().candidate->weight, kTenPercent) << "the operator is not the judge";
  world.desire(rollout, api::TrafficMode::kSplit, Share{500});
  world.reconcile();
  EXPECT_EQ(world.table().candidate->weight, Share{500});
  world.roll_back(rollout, "no ready worker");
  world.reconcile();
  EXPECT_FALSE(world.table().candidate.has_value());
}

TEST_F(Trouble, EditedRouteIsPutBackAboveTheEdit) {
  api::CanaryRollout& rollout = split_bm25();
  wire::RouteTable edited = world.table();
  const std::int64_t before = edited.generation;
  edited.candidate->weight = kWhole;
  for (const std::int64_t generation : {before, before + 50}) {
    edited.generation = generation;
    world.route->data[std::string(api::kRouteTableKey)] = to_json(edited);
    world.events.clear();
    ASSERT_TRUE(world.settle());
    EXPECT_EQ(world.table().candidate->weight, kTenPercent);
    EXPECT_GT(world.table().generation, generation);
    EXPECT_TRUE(world.status().route->confirmed);
    ASSERT_FALSE(world.events.empty());
    EXPECT_EQ(world.events.front().reason, "RouteEdited");
    edited.generation = world.table().generation;
    edited.epoch = world.table().epoch;
  }
  EXPECT_EQ(world.status().route->desired_seq, rollout.status.desired.seq);
}

TEST_F(Trouble, RouteEditedIntoNonsenseIsPutBackOnce) {
  split_bm25();
  const wire::RouteTable before = world.table();
  for (const char* text : {"{}", "not json", ""}) {
    const std::int64_t generation = world.status().route->generation;
    world.route->data[std::string(api::kRouteTableKey)] = text;
    const Observation seen = world.observe();
    world.reconcile();
    EXPECT_EQ(world.status().route->generation, generation + 1) << text;
    // A cache that shows the edit for longer does not raise it again.
    Observation later = world.observe();
    later.route = seen.route;
    world.reconcile_on(later);
    EXPECT_EQ(world.status().route->generation, generation + 1) << text;
    ASSERT_TRUE(world.settle());
    EXPECT_EQ(world.table().candidate, before.candidate);
    EXPECT_TRUE(world.status().route->confirmed);
  }
}

TEST_F(Trouble, DeletedRouteComesBack) {
  split_bm25();
  const wire::RouteTable before = world.table();
  world.route.reset();
  ASSERT_TRUE(world.settle());
  EXPECT_GE(world.table().generation, before.generation);
  EXPECT_EQ(world.table().candidate, before.candidate);
}

TEST_F(Trouble, EmptiedStatusFindsStableAgainAndNeverRegressesTheRoute) {
  split_bm25();
  const std::string stable = world.status().stable_revision;
  const wire::RouteTable before = world.table();
  world.index.status = {};
  world.index.metadata.resource_version = "emptied";
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.status().stable_revision, stable);
  EXPECT_EQ(world.status().documents, 33'000);
  EXPECT_EQ(world.table().stable->revision, stable);
  EXPECT_GT(world.table().generation, before.generation);
  EXPECT_FALSE(world.table().candidate.has_value()) << "the candidate begins anew";
  EXPECT_TRUE(world.status().candidate.has_value());
  EXPECT_TRUE(world.status().route->confirmed);
}

TEST_F(Trouble, EmptiedStatusAndLostRouteBeginANewEpoch) {
  split_bm25();
  const wire::RouteTable before = world.table();
  world.index.status = {};
  world.index.metadata.resource_version = "emptied";
  world.route.reset();
  ASSERT_TRUE(world.settle());
  EXPECT_GT(world.table().epoch, before.epoch);
}

TEST_F(Trouble, RestoredRevisionsWithoutOwnersAreAdopted) {
  ASSERT_TRUE(world.settle());
  const std::string stable = world.status().stable_revision;
  world.index.status = {};
  world.index.metadata.uid = "restored-uid";
  world.index.metadata.resource_version = "restored";
  for (auto& [name, revision] : world.revisions) {
    revision.metadata.owner_references.clear();
  }
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.status().stable_revision, stable);
  EXPECT_EQ(world.revisions.at(stable).metadata.owner_references.front().uid, "restored-uid");
}

TEST_F(Trouble, AnotherIndexsRevisionsAreNotOurs) {
  ASSERT_TRUE(world.settle());
  Observation seen = world.observe();
  seen.index.metadata.uid = "made-again";
  seen.revisions.clear();
  for (const auto& [name, revision] : world.revisions) {
    add_revision(seen, revision);
  }
  EXPECT_TRUE(seen.revisions.empty());
}

TEST_F(Trouble, DeletedRecordOfStableIsWrittenAgain) {
  ASSERT_TRUE(world.settle());
  const std::string stable = world.status().stable_revision;
  world.revisions.clear();
  ASSERT_TRUE(world.settle());
  EXPECT_TRUE(world.revisions.contains(stable));
  EXPECT_EQ(world.ready_reason(), "Serving");
  EXPECT_FALSE(world.status().candidate.has_value());
}

TEST_F(Trouble, ScaledByHandIsScaledBack) {
  ASSERT_TRUE(world.settle());
  const std::string stable = world.status().stable_revision;
  world.deployments.at(stable).spec.replicas = 7;
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.replicas(stable), 2);
}

TEST_F(Trouble, ResourcesChangeOnlyWhenNoCandidateHasTraffic) {
  api::CanaryRollout& rollout = split_bm25();
  const std::string stable = world.status().stable_revision;
  const auto applied = [&] {
    return std::string(world.deployments.at(stable).metadata.annotation(kAppliedAnnotation));
  };
  const std::string before = applied();
  world.edit(
      [](api::RagIndexSpec& spec) { spec.serving.resources.requests["cpu"] = Quantity{"2"}; });
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(applied(), before);
  EXPECT_EQ(world.table().candidate->weight, kTenPercent) << "not a new revision";
  world.desire(rollout, api::TrafficMode::kNone, {});
  ASSERT_TRUE(world.settle());
  EXPECT_NE(applied(), before);
}

TEST_F(Trouble, PodTemplateChangesOnlyWhenNoCandidateHasTraffic) {
  api::CanaryRollout& rollout = split_bm25();
  const std::vector<std::string> names{
      world.status().stable_revision, world.status().candidate->revision, router_name("packages")};
  const auto templates = [&] {
    std::vector<std::string> found;
    for (const std::string& name : names) {
      found.emplace_back(world.deployments.at(name).metadata.annotation(kAppliedAnnotation));
    }
    return found;
  };
  const auto before = templates();
  const auto set_node_selector = [&](const kube::StringMap& labels) {
    world.edit([&](api::RagIndexSpec& spec) {
      spec.serving.pod_template = api::PodTemplate{.node_selector = labels};
    });
    ASSERT_TRUE(world.settle());
  };
  set_node_selector({{"pool", "search"}});
  EXPECT_EQ(templates(), before);
  EXPECT_EQ(world.table().candidate->weight, kTenPercent) << "not a new revision";
  world.desire(rollout, api::TrafficMode::kNone, {});
  ASSERT_TRUE(world.settle());
  const auto after = templates();
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_NE(after[i], before[i]) << names[i];
  }
  world.desire(rollout, api::TrafficMode::kSplit, kTenPercent);
  ASSERT_TRUE(world.settle());
  set_node_selector({});
  EXPECT_EQ(templates(), after) << "what was applied stays, here as well";
}

TEST_F(Trouble, GoldenSetsSecretReachesWorkersOnlyWhenNoCandidateHasTraffic) {
  api::CanaryRollout& rollout = split_bm25();
  const std::string workers = world.status().stable_revision;
  const auto mounted = [&] {
    return std::string(world.deployments.at(workers).metadata.annotation(kGoldenSetAnnotation));
  };
  world.edit([](api::RagIndexSpec& spec) {
    spec.evaluation->golden_set.http->secret_ref = api::SecretReference{.name = "judges"};
  });
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(mounted(), "");
  world.desire(rollout, api::TrafficMode::kNone, {});
  ASSERT_TRUE(world.settle());
  EXPECT_NE(mounted().find("judges"), std::string::npos);
}

TEST_F(Trouble, RouterThatDoesNotConfirmIsNamed) {
  api::CanaryRollout& rollout = split_bm25();
  world.do_routers_confirm = false;
  world.desire(rollout, api::TrafficMode::kNone, {});
  world.reconcile();
  EXPECT_EQ(world.condition("TrafficUnconfirmed").status, kube::ConditionStatus::kUnknown);
  EXPECT_EQ(world.plan.router_interval, std::chrono::milliseconds(250));
  world.advance(std::chrono::seconds(6));
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.condition("TrafficUnconfirmed").status, kube::ConditionStatus::kTrue);
  EXPECT_EQ(world.status().route->unconfirmed_routers.size(), 1U);
  world.do_routers_confirm = true;
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.condition("TrafficUnconfirmed").status, kube::ConditionStatus::kFalse);
  EXPECT_EQ(world.plan.router_interval, std::chrono::seconds(5)) << "stable is learned from";
  rollout.status.phase = api::RolloutPhase::kRolledBack;
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.plan.router_interval, std::chrono::seconds(30));
}

TEST_F(Trouble, CandidateKeepsItsStoryOverARestart) {
  split_bm25();
  const api::CandidateStatus before = *world.status().candidate;
  world.advance(std::chrono::minutes(10));
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(*world.status().candidate, before);
}

TEST_F(Trouble, HistoryIsKeptShort) {
  world.edit([](api::RagIndexSpec& spec) { spec.changeover = api::Changeover::kDirect; });
  for (int i = 0; i < 14; ++i) {
    world.edit([i](api::RagIndexSpec& spec) { spec.retrieval.top_k = 10 + i; });
    ASSERT_TRUE(world.settle());
    world.advance(std::chrono::minutes(1));
  }
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.revisions.size(), 11U);
}

// A whole story; the end is the same however the operator dies and whatever it believes.
void play(World& world, const std::function<bool()>& settle) {
  ASSERT_TRUE(settle());
  world.add_rollout("packages");
  world.edit(use_bm25);
  ASSERT_TRUE(settle());
  ASSERT_TRUE(world.status().candidate.has_value());
  world.take_up(world.rollouts.front());
  for (const Share weight : {kTenPercent, Share{5000}}) {
    world.desire(world.rollouts.front(), api::TrafficMode::kSplit, weight);
    ASSERT_TRUE(settle());
    ASSERT_EQ(world.table().candidate->weight, weight);
  }
  world.desire(world.rollouts.front(), api::TrafficMode::kPromote, kWhole);
  ASSERT_TRUE(settle());
  world.advance(std::chrono::minutes(1));
  ASSERT_TRUE(settle());
  EXPECT_EQ(world.ready_reason(), "Serving");
  EXPECT_EQ(world.revisions.size(), 2U);
  EXPECT_EQ(world.deployments.size(), 3U) << "stable, the router, and the holder of the old one";
  // Generations only grow, and a weight is only ever on a candidate beside a stable.
  for (std::size_t i = 1; i < world.tables.size(); ++i) {
    EXPECT_GE(world.tables[i].generation, world.tables[i - 1].generation);
    EXPECT_TRUE(!world.tables[i].candidate || world.tables[i].stable);
  }
}

TEST_F(Trouble, DyingAfterEveryWriteEndsTheSame) {
  for (const int writes : {1, 2, 3}) {
    World fresh;
    fresh.writes_max = writes;
    play(fresh, [&] { return fresh.settle(); });
    EXPECT_TRUE(fresh.is_quiet());
  }
}

TEST_F(Trouble, OldObservationsDoNoHarm) {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    World fresh;
    Rng rng(seed);
    std::vector<Observation> past;
    play(fresh, [&] {
      for (int i = 0; i < 60; ++i) {
        past.push_back(fresh.observe());
        if (past.size() > 12) {
          past.erase(past.begin());
        }
        fresh.reconcile_on(past[rng.below(past.size())]);
        fresh.run_cluster();
        fresh.advance(std::chrono::milliseconds(100));
      }
      return fresh.settle();
    });
    EXPECT_TRUE(fresh.is_quiet()) << seed;
  }
}

}  // namespace
}  // namespace sluice::rag_index
