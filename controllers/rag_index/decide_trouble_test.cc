// What goes wrong: builds, pods, edits by others, lost status, crashes, stale caches.

#include <gtest/gtest.h>

#include "base/describe.h"
#include "base/rng.h"
#include "controllers/rag_index/names.h"
#include "controllers/rag_index/testing/world.h"

namespace sluice::rag_index {
namespace {

constexpr Share kTenPercent{1000};

void use_bm25(api::RagIndexSpec& spec) {
  spec.retrieval.mode = api::RetrievalMode::kBm25;
}

struct Trouble : testing::Test {
  World world;

  void TearDown() override {
    EXPECT_TRUE(world.settle());
    EXPECT_TRUE(world.is_quiet());
  }

  void fail_builds(const std::string& message) {
    world.build = [message](const kube::Pod&) { return BuildOutcome{.failure = message}; };
  }

  void heal_builds() {
    world.build = [](const kube::Pod&) {
      return BuildOutcome{.facts = facts_of(digest_of('d'), 0.7)};
    };
  }

  api::CanaryRollout& split_bm25() {
    EXPECT_TRUE(world.settle());
    api::CanaryRollout& rollout = world.add_rollout("packages");
    world.edit(use_bm25);
    EXPECT_TRUE(world.settle());
    world.take_up(rollout);
    rollout.status.phase = api::RolloutPhase::kProgressing;
    world.desire(rollout, api::TrafficMode::kSplit, kTenPercent);
    EXPECT_TRUE(world.settle());
    return rollout;
  }
};

TEST_F(Trouble, FailedFirstBuildSaysWhyAndIsTriedAgainLaterAndLater) {
  fail_builds("http://corpus/packages.jsonl.gz: 404 Not Found");
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "BuildFailed");
  EXPECT_EQ(world.condition("Stalled").status, kube::ConditionStatus::kTrue);
  EXPECT_NE(world.condition("Ready").message.find("404"), std::string::npos);
  EXPECT_EQ(world.status().candidate->attempt, 0);
  world.advance(std::chrono::seconds(31));
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.status().candidate->attempt, 1);
  world.advance(std::chrono::seconds(31));
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.status().candidate->attempt, 1) << "twice as long each time";
  heal_builds();
  world.advance(std::chrono::seconds(31));
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "Serving");
}

TEST_F(Trouble, CorrectedSourceOfAFirstBuildStartsAtOnce) {
  fail_builds("no such host");
  ASSERT_TRUE(world.settle());
  heal_builds();
  world.edit([](api::RagIndexSpec& spec) { spec.source.http->url = "http://corpus/right.jsonl"; });
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "Serving");
}

TEST_F(Trouble, FirstRevisionBelowTheFloorIsNotServed) {
  world.build = [](const kube::Pod&) {
    return BuildOutcome{.facts = facts_of(digest_of('d'), 0.1)};
  };
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "BelowFloor");
  EXPECT_TRUE(world.status().stable_revision.empty());
  world.advance(std::chrono::hours(1));
  ASSERT_TRUE(world.settle());
  EXPECT_TRUE(world.status().stable_revision.empty());
}

TEST_F(Trouble, FailedBuildUnderARolloutIsRejectedUnbuilt) {
  ASSERT_TRUE(world.settle());
  api::CanaryRollout& rollout = world.add_rollout("packages");
  fail_builds("too many bad lines");
  world.edit(use_bm25);
  ASSERT_TRUE(world.settle());
  const std::string candidate = world.status().candidate->revision;
  EXPECT_EQ(world.status().candidate->phase, api::CandidatePhase::kFailed);
  EXPECT_FALSE(world.revisions.contains(candidate));
  world.take_up(rollout);
  rollout.status.phase = api::RolloutPhase::kRolledBack;
  rollout.status.verdict = "BuildFailed: too many bad lines";
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "Rejected");
  EXPECT_FALSE(world.status().candidate.has_value());
  EXPECT_EQ(world.revisions.at(candidate).metadata.label(api::kVerdictLabel), kVerdictRejected);
  EXPECT_EQ(world.builder(), nullptr);
}

struct PodTrouble {
  const char* name;
  std::string reason;  // The container waits for this.
  std::string phase;   // Of the pod.
  std::string pod_reason;
  Duration age;
  bool has_failed;
};

TEST_F(Trouble, BuilderPodsThatCannotRun) {
  const std::vector<PodTrouble> rows{
      {"pull error, young", "ErrImagePull", "Pending", "", std::chrono::seconds(30), false},
      {"pull error, old", "ImagePullBackOff", "Pending", "", std::chrono::seconds(61), true},
      {"bad name, old", "InvalidImageName", "Pending", "", std::chrono::seconds(61), true},
      {"still creating", "ContainerCreating", "Pending", "", std::chrono::minutes(5), false},
      {"silent for long", "", "Running", "", std::chrono::minutes(31), true},
      {"out of memory", "", "Failed", "", std::chrono::seconds(9), true},
      {"ended without failing", "", "Succeeded", "", std::chrono::seconds(9), true},
      {"evicted", "", "Failed", "Evicted", std::chrono::seconds(9), false}};
  for (const PodTrouble& row : rows) {
    World fresh;
    fresh.do_builders_run = false;
    ASSERT_TRUE(fresh.settle());
    ASSERT_NE(fresh.builder(), nullptr);
    kube::Pod& pod = fresh.pods.at(fresh.builder()->metadata.name);
    const std::string uid = pod.metadata.uid;
    pod.status.phase = row.phase;
    pod.status.reason = row.pod_reason;
    kube::ContainerStatus container{.name = "builder"};
    if (!row.reason.empty()) {
      container.state.waiting = kube::ContainerWaiting{.reason = row.reason, .message = "why"};
    } else if (row.phase != "Running") {
      container.state.terminated =
          kube::ContainerTerminated{.exit_code = 137, .reason = "OOMKilled"};
    }
    pod.status.container_statuses = {container};
    fresh.advance(row.age);
    ASSERT_TRUE(fresh.settle());
    const api::CandidateStatus& candidate = *fresh.status().candidate;
    EXPECT_EQ(candidate.phase == api::CandidatePhase::kFailed, row.has_failed)
        << row.name << ": " << candidate.message;
    if (row.pod_reason == "Evicted") {
      EXPECT_NE(fresh.builder()->metadata.uid, uid) << "another pod takes its place";
    }
    if (row.has_failed && !row.reason.empty()) {
      EXPECT_NE(candidate.message.find(row.reason), std::string::npos) << candidate.message;
    }
  }
}

TEST_F(Trouble, CandidateWhoseWorkersNeverStartFails) {
  ASSERT_TRUE(world.settle());
  const std::string stable = world.status().stable_revision;
  world.add_rollout("packages");
  world.can_start = [stable](const std::string& revision) { return revision == stable; };
  world.edit(use_bm25);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.status().candidate->phase, api::CandidatePhase::kFetching);
  EXPECT_NE(world.builder(), nullptr) << "still the only holder";
  world.deployments.at(world.status().candidate->revision).status.conditions = {
      {.type = "Progressing",
       .status = kube::ConditionStatus::kFalse,
       .reason = "ProgressDeadlineExceeded"}};
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.status().candidate->phase, api::CandidatePhase::kFailed);
}

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

TEST_F(Trouble, LostArtefactsAreBuiltAgainFromTheSameDocumentsOrSaidToBeLost) {
  ASSERT_TRUE(world.settle());
  const std::string stable = world.status().stable_revision;
  const auto lose_all = [&] {
    std::erase_if(world.pods, [](const auto& entry) {
      return entry.second.metadata.label(api::kComponentLabel) == api::kComponentWorker;
    });
  };
  lose_all();
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "Serving");
  EXPECT_EQ(world.builder(), nullptr);
  fail_builds("the source's bytes have another sha256 now");
  lose_all();
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "Lost");
  EXPECT_EQ(world.condition("Lost").status, kube::ConditionStatus::kTrue);
  heal_builds();
  world.advance(std::chrono::minutes(6));
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "Serving");
  EXPECT_EQ(world.status().stable_revision, stable);
  EXPECT_EQ(world.condition("Lost").status, kube::ConditionStatus::kFalse);
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

// A candidate that was built with another golden set than stable, and its rollout compares them.
struct GoldenSetChange : Trouble {
  api::CanaryRollout* rollout = nullptr;

  void SetUp() override {
    ASSERT_TRUE(world.settle());
    rollout = &world.add_rollout("packages");
    world.build = [](const kube::Pod&) {
      api::RevisionFacts facts = facts_of(digest_of('d'), 0.7);
      facts.evaluation->golden_digest = digest_of('4');
      facts.index_digest = digest_of('9');
      return BuildOutcome{.facts = facts};
    };
    world.edit(use_bm25);
    ASSERT_TRUE(world.settle());
    world.take_up(*rollout);
    rollout->status.phase = api::RolloutPhase::kEvaluating;
    ASSERT_TRUE(world.settle());
  }
};

TEST_F(GoldenSetChange, HasStablesWorkersEvaluateAgain) {
  ASSERT_EQ(world.plan.reevaluations.size(), 1U);
  const scrape::ReevaluationTarget& target = world.plan.reevaluations[0];
  EXPECT_EQ(target.revision, world.status().stable_revision);
  EXPECT_EQ(target.golden_set.url, "http://corpus/golden.jsonl");
  EXPECT_FALSE(target.golden_set.sha256.has_value());
  EXPECT_EQ(target.index_digest, digest_of('1'));
  EXPECT_EQ(target.addresses.size(), 2U);
  world.stable_golden_again = digest_of('4');
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.plan.reevaluations.size(), 1U) << "the candidate was built with that one";
}

TEST_F(GoldenSetChange, HasTheCandidateFollowWhenItsOwnIsOldAsWell) {
  world.stable_golden_again = digest_of('5');
  world.reconcile();
  ASSERT_EQ(world.plan.reevaluations.size(), 2U);
  const scrape::ReevaluationTarget& target = world.plan.reevaluations[1];
  EXPECT_EQ(target.revision, world.status().candidate->revision);
  EXPECT_EQ(target.golden_set.url, "http://corpus/golden.jsonl");
  EXPECT_EQ(target.golden_set.sha256, digest_of('5')) << "the very same bytes";
  EXPECT_EQ(target.index_digest, digest_of('9'));
  EXPECT_FALSE(target.addresses.empty());
}

TEST_F(GoldenSetChange, AsksNobodyWhenNobodyWaitsOrThereIsNothingToAskFor) {
  rollout->status.phase = api::RolloutPhase::kProgressing;
  world.reconcile();
  EXPECT_TRUE(world.plan.reevaluations.empty()) << "nothing is compared any more";
  rollout->status.phase = api::RolloutPhase::kEvaluating;
  world.reconcile();
  EXPECT_FALSE(world.plan.reevaluations.empty());
  world.edit([](api::RagIndexSpec& spec) { spec.evaluation.reset(); });
  world.reconcile();
  EXPECT_TRUE(world.plan.reevaluations.empty()) << "the index names no golden set";
}

TEST_F(Trouble, TheSameGoldenSetAsksNobody) {
  api::CanaryRollout& rollout = split_bm25();
  rollout.status.phase = api::RolloutPhase::kEvaluating;
  world.reconcile();
  EXPECT_EQ(world.plan.evaluations.size(), 2U);
  EXPECT_TRUE(world.plan.reevaluations.empty());
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
  EXPECT_EQ(world.deployments.size(), 2U);
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
