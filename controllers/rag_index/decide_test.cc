// Stories of an index on its way, played against decide() in a small world. Each ends settled, and
// a settled world is quiet: nothing would be written.

#include "controllers/rag_index/decide.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "controllers/rag_index/names.h"
#include "controllers/rag_index/testing/world.h"

namespace sluice::rag_index {
namespace {

constexpr Share kTenPercent{1000};
constexpr Share kHalf{5000};

struct Story : testing::Test {
  World world;

  // Every story ends so.
  void TearDown() override {
    EXPECT_TRUE(world.settle());
    EXPECT_TRUE(world.is_quiet());
  }

  void serve_first() {
    ASSERT_TRUE(world.settle());
    ASSERT_FALSE(world.status().stable_revision.empty());
    ASSERT_EQ(world.ready_reason(), "Serving");
  }

  static void use_bm25(api::RagIndexSpec& spec) { spec.retrieval.mode = api::RetrievalMode::kBm25; }

  // A candidate that its rollout knows of, with workers.
  api::CanaryRollout& try_bm25() {
    if (world.rollouts.empty()) {
      world.add_rollout("packages");
    }
    world.edit(use_bm25);
    EXPECT_TRUE(world.settle());
    EXPECT_TRUE(world.status().candidate.has_value());
    world.take_up(world.rollouts.front());
    return world.rollouts.front();
  }

  void split(api::CanaryRollout& rollout, Share weight) {
    rollout.status.phase = api::RolloutPhase::kProgressing;
    world.desire(rollout, api::TrafficMode::kSplit, weight);
    EXPECT_TRUE(world.settle());
  }
};

TEST_F(Story, FirstRevisionIsBuiltFetchedAndServed) {
  serve_first();
  const std::string stable = world.status().stable_revision;
  EXPECT_TRUE(stable.starts_with("packages-")) << stable;
  EXPECT_EQ(world.status().documents, 33'000);
  EXPECT_EQ(world.status().evaluation->ndcg_at_10, 0.7);
  EXPECT_EQ(world.status().ready_replicas, 2);
  EXPECT_EQ(world.status().url, "http://packages.default.svc/query");
  EXPECT_FALSE(world.status().candidate.has_value());
  EXPECT_EQ(world.builder(), nullptr) << "two workers hold the artefacts";
  EXPECT_EQ(world.table().stable->revision, stable);
  EXPECT_FALSE(world.table().candidate.has_value());
  EXPECT_TRUE(world.status().route->confirmed);
  EXPECT_EQ(world.names(kube::kPodDisruptionBudgetKind), std::vector{stable});
  EXPECT_EQ(world.names(kube::kNetworkPolicyKind),
            (std::vector<std::string>{"packages-router", "packages-workers"}));
  EXPECT_EQ(world.revisions.at(stable).metadata.label(api::kRoleLabel), kRoleStable);
  EXPECT_EQ(world.condition("Ready").status, kube::ConditionStatus::kTrue);
  EXPECT_EQ(world.condition("Available").status, kube::ConditionStatus::kTrue);
  EXPECT_EQ(world.condition("ArtifactDurable").reason, "Ephemeral");
  EXPECT_EQ(world.condition("Ready").observed_generation, 1);
}

TEST_F(Story, IntentStandsInStatusBeforeAnythingIsMade) {
  world.writes_max = 1;
  world.reconcile();
  EXPECT_TRUE(world.status().candidate.has_value());
  EXPECT_EQ(world.status().candidate->phase, api::CandidatePhase::kResolving);
  EXPECT_TRUE(world.pods.empty());
  EXPECT_EQ(world.status().route->generation, 1);
  EXPECT_FALSE(world.route.has_value());
}

TEST_F(Story, CandidateIsBuiltFromStablesDocuments) {
  serve_first();
  world.do_builders_run = false;
  world.add_rollout("packages");
  world.edit(use_bm25);
  world.reconcile();
  const Decision decision = decide(world.observe(), world.now);
  ASSERT_NE(world.builder(), nullptr);
  EXPECT_EQ(world.builder()->metadata.label(api::kRevisionLabel),
            world.status().candidate->revision);
  EXPECT_EQ(world.status().candidate->phase, api::CandidatePhase::kBuilding);
  EXPECT_EQ(decision.plan.builders_kept.size(), 1U);
  world.do_builders_run = true;
}

TEST_F(Story, CandidateWalksToPromotionSizeBeforeWeight) {
  world.edit([](api::RagIndexSpec& spec) { spec.serving.replicas = 4; });
  serve_first();
  const std::string old = world.status().stable_revision;
  api::CanaryRollout& rollout = try_bm25();
  const std::string candidate = world.status().candidate->revision;
  EXPECT_EQ(world.replicas(candidate), 2);
  EXPECT_FALSE(world.table().candidate.has_value()) << "nothing is asked for yet";
  split(rollout, kTenPercent);
  EXPECT_EQ(world.table().candidate->weight, kTenPercent);
  EXPECT_EQ(world.status().route->desired_seq, rollout.status.desired.seq);
  EXPECT_TRUE(world.status().route->confirmed);
  // Half of the traffic takes ceil(1.25 * 4 / 2) = 3 workers; until they are ready it stays at 10
  // %.
  world.can_start = [candidate](const std::string& revision) { return revision != candidate; };
  world.desire(rollout, api::TrafficMode::kSplit, kHalf);
  for (auto& [name, pod] : world.pods) {
    EXPECT_TRUE(kube::is_ready(pod)) << name;
  }
  world.reconcile();
  EXPECT_EQ(world.replicas(candidate), 3);
  EXPECT_EQ(world.table().candidate->weight, kTenPercent);
  EXPECT_LT(world.status().route->desired_seq, rollout.status.desired.seq);
  world.can_start = [](const std::string&) { return true; };
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.table().candidate->weight, kHalf);
  EXPECT_EQ(world.replicas(old), 4) << "stable stays at full size";

  rollout.status.phase = api::RolloutPhase::kPromoting;
  world.desire(rollout, api::TrafficMode::kPromote, kWhole);
  world.do_routers_confirm = false;
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.table().candidate->weight, kWhole);
  EXPECT_EQ(world.status().stable_revision, old) << "not before all routers confirm";
  world.do_routers_confirm = true;
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.status().stable_revision, candidate);
  EXPECT_FALSE(world.status().candidate.has_value());
  EXPECT_EQ(world.table().stable->revision, candidate);
  EXPECT_FALSE(world.table().candidate.has_value());
  EXPECT_EQ(world.revisions.at(candidate).metadata.label(api::kRoleLabel), kRoleStable);
  EXPECT_EQ(world.revisions.at(old).metadata.label(api::kRoleLabel), kRoleRetired);
  EXPECT_EQ(world.ready_reason(), "Serving");
  EXPECT_EQ(world.replicas(candidate), 4);

  EXPECT_EQ(world.replicas(old), 4) << "the old one drains for 30 s";
  world.advance(std::chrono::seconds(31));
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.replicas(old), std::nullopt);
  EXPECT_EQ(world.names(kube::kPodDisruptionBudgetKind), std::vector{candidate});
  EXPECT_TRUE(world.revisions.contains(old)) << "remembered";
}

TEST_F(Story, SameConfigIsNoCandidate) {
  serve_first();
  const auto before = world.status();
  world.edit([](api::RagIndexSpec& spec) {
    spec.slo.availability = Share{9990};
    spec.traffic.router.replicas = 2;
  });
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.status().stable_revision, before.stable_revision);
  EXPECT_FALSE(world.status().candidate.has_value());
  EXPECT_EQ(world.revisions.size(), 1U);
  EXPECT_EQ(world.condition("Ready").observed_generation, 2);
}

TEST_F(Story, UpgradeOfTheOperatorMovesNoRevisionAndRestartsNoWorker) {
  serve_first();
  const std::string stable = world.status().stable_revision;
  const std::string workers(world.deployments.at(stable).metadata.annotation(kAppliedAnnotation));
  world.settings.image = "sluice:v2";
  ASSERT_TRUE(world.settle());
  EXPECT_FALSE(world.status().candidate.has_value());
  EXPECT_EQ(world.deployments.at(stable).metadata.annotation(kAppliedAnnotation), workers);
  EXPECT_EQ(world.deployments.at("packages-router").spec.pod_template.spec.containers.front().image,
            "sluice:v2");
  EXPECT_EQ(world.revisions.size(), 1U);
}

TEST_F(Story, AnotherSecretForTheSameSourceIsNoOtherSource) {
  serve_first();
  const auto set_secret = [&](const char* name) {
    world.edit([name](api::RagIndexSpec& spec) {
      spec.source.http->secret_ref = api::SecretReference{.name = name};
    });
    ASSERT_TRUE(world.settle());
  };
  set_secret("first");
  EXPECT_EQ(world.condition("DocumentsCurrent").status, kube::ConditionStatus::kTrue);
  EXPECT_FALSE(world.status().candidate.has_value());
  set_secret("second");
  EXPECT_EQ(world.condition("DocumentsCurrent").status, kube::ConditionStatus::kTrue);
}

TEST_F(Story, RevertAtTenPercentEndsAtOnceAndRejectsNothing) {
  serve_first();
  api::CanaryRollout& rollout = try_bm25();
  const std::string candidate = world.status().candidate->revision;
  split(rollout, kTenPercent);
  const std::size_t tables = world.tables.size();
  world.edit([](api::RagIndexSpec& spec) { spec.retrieval.mode = api::RetrievalMode::kTfidf; });
  world.reconcile();
  EXPECT_EQ(world.tables.size(), tables + 1);
  EXPECT_FALSE(world.table().candidate.has_value()) << "weight 0 in the very first step";
  EXPECT_FALSE(world.status().candidate.has_value());
  EXPECT_NE(world.ready_reason(), "Serving") << "not before the routers confirm";
  EXPECT_EQ(world.replicas(candidate), 2) << "workers stay until zero is confirmed";
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "Serving");
  EXPECT_EQ(world.replicas(candidate), std::nullopt);
  EXPECT_FALSE(
      world.revisions.at(candidate).metadata.labels.contains(std::string(api::kVerdictLabel)));
}

TEST_F(Story, NewerSpecSupersedesOnlyAfterTheOldCandidatesTrafficIsGone) {
  serve_first();
  api::CanaryRollout& rollout = try_bm25();
  const std::string first = world.status().candidate->revision;
  split(rollout, kTenPercent);
  world.do_routers_confirm = false;
  world.edit([](api::RagIndexSpec& spec) { spec.retrieval.bm25.k1 = 1.5; });
  ASSERT_TRUE(world.settle());
  EXPECT_FALSE(world.status().candidate.has_value());
  EXPECT_EQ(world.ready_reason(), "Superseding");
  world.do_routers_confirm = true;
  ASSERT_TRUE(world.settle());
  ASSERT_TRUE(world.status().candidate.has_value());
  EXPECT_NE(world.status().candidate->revision, first);
  EXPECT_EQ(world.replicas(first), std::nullopt);
}

TEST_F(Story, RejectionIsRememberedAndARetryBeginsAnew) {
  serve_first();
  api::CanaryRollout& rollout = try_bm25();
  const std::string candidate = world.status().candidate->revision;
  split(rollout, kTenPercent);
  world.roll_back(rollout, "errors 19.8% vs 0.0%");
  ASSERT_TRUE(world.settle());
  EXPECT_FALSE(world.table().candidate.has_value());
  EXPECT_EQ(world.status().route->desired_seq, rollout.status.desired.seq);
  EXPECT_TRUE(world.status().candidate.has_value()) << "until the rollout has seen the zero";
  EXPECT_EQ(world.ready_reason(), "RollingBack");
  rollout.status.phase = api::RolloutPhase::kRolledBack;
  ASSERT_TRUE(world.settle());
  EXPECT_FALSE(world.status().candidate.has_value());
  EXPECT_EQ(world.ready_reason(), "Rejected");
  EXPECT_EQ(world.condition("Stalled").status, kube::ConditionStatus::kTrue);
  EXPECT_NE(world.condition("Ready").message.find("19.8%"), std::string::npos);
  EXPECT_EQ(world.replicas(candidate), 2) << "kept for a look at it";
  world.advance(std::chrono::minutes(11));
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.replicas(candidate), std::nullopt);
  EXPECT_EQ(world.ready_reason(), "Rejected");

  rollout.status.last_command = api::CommandRecord{.id = "c1",
                                                   .verb = "retry",
                                                   .revision = candidate,
                                                   .result = "accepted: it begins anew",
                                                   .at = world.now};
  ASSERT_TRUE(world.settle());
  ASSERT_TRUE(world.status().candidate.has_value());
  EXPECT_EQ(world.status().candidate->revision, candidate);
  EXPECT_EQ(world.status().candidate->attempt, 1);
  EXPECT_EQ(world.status().candidate->phase, api::CandidatePhase::kReady);
  // The rollout has not looked yet: its old verdict is not about this attempt.
  EXPECT_NE(world.ready_reason(), "RollingBack");
  world.take_up(rollout);
  world.roll_back(rollout, "again");
  rollout.status.phase = api::RolloutPhase::kRolledBack;
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "Rejected") << "the same command is not taken twice";
}

TEST_F(Story, RefusedRetryDoesNothing) {
  serve_first();
  api::CanaryRollout& rollout = try_bm25();
  const std::string candidate = world.status().candidate->revision;
  world.roll_back(rollout, "bad");
  rollout.status.phase = api::RolloutPhase::kRolledBack;
  rollout.status.last_command = api::CommandRecord{
      .id = "c1", .verb = "retry", .revision = candidate, .result = "refused: no", .at = world.now};
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "Rejected");
}

TEST_F(Story, DirectTakesOverWhenReadyAndPastTheFloor) {
  serve_first();
  const std::string old = world.status().stable_revision;
  world.edit([](api::RagIndexSpec& spec) {
    use_bm25(spec);
    spec.changeover = api::Changeover::kDirect;
  });
  ASSERT_TRUE(world.settle());
  EXPECT_NE(world.status().stable_revision, old);
  EXPECT_EQ(world.ready_reason(), "Serving");
  bool had_whole = false;
  for (const wire::RouteTable& table : world.tables) {
    had_whole |= table.candidate && table.candidate->weight == kWhole;
  }
  EXPECT_TRUE(had_whole) << "all traffic first, then the role";
}

TEST_F(Story, DirectBelowTheFloorNeverServes) {
  serve_first();
  const std::string old = world.status().stable_revision;
  world.build = [](const kube::Pod&) {
    return BuildOutcome{.facts = facts_of(digest_of('d'), 0.41)};
  };
  world.edit([](api::RagIndexSpec& spec) {
    use_bm25(spec);
    spec.changeover = api::Changeover::kDirect;
  });
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.status().stable_revision, old);
  EXPECT_EQ(world.ready_reason(), "BelowFloor");
  EXPECT_EQ(world.condition("Stalled").status, kube::ConditionStatus::kTrue);
  EXPECT_EQ(world.condition("Available").status, kube::ConditionStatus::kTrue);
  EXPECT_EQ(world.replicas(world.status().candidate->revision), std::nullopt);
  // Another floor, and it passes.
  world.edit([](api::RagIndexSpec& spec) { spec.slo.ndcg_at_10 = 0.4; });
  ASSERT_TRUE(world.settle());
  EXPECT_NE(world.status().stable_revision, old);
}

TEST_F(Story, WithoutAPolicyTheCandidateWaitsUnbuilt) {
  serve_first();
  world.edit(use_bm25);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "AwaitingRollout");
  EXPECT_EQ(world.builder(), nullptr);
  EXPECT_FALSE(world.status().candidate.has_value());
  world.add_rollout("packages");
  ASSERT_TRUE(world.settle());
  EXPECT_TRUE(world.status().candidate.has_value());
  EXPECT_EQ(world.status().policy_name, "packages");
}

TEST_F(Story, RemovedPolicyRejectsTheCandidate) {
  serve_first();
  api::CanaryRollout& rollout = try_bm25();
  const std::string candidate = world.status().candidate->revision;
  split(rollout, kTenPercent);
  world.rollouts.clear();
  world.reconcile();
  EXPECT_FALSE(world.table().candidate.has_value());
  ASSERT_TRUE(world.settle());
  EXPECT_FALSE(world.status().candidate.has_value());
  EXPECT_TRUE(world.status().policy_uid.empty());
  EXPECT_EQ(world.ready_reason(), "Rejected");
  EXPECT_NE(world.condition("Ready").message.find("PolicyRemoved"), std::string::npos);
  world.add_rollout("another");
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "Rejected") << "a new policy does not forget";
  EXPECT_EQ(world.status().policy_name, "another");
  EXPECT_EQ(world.revisions.at(candidate).metadata.label(api::kVerdictLabel), kVerdictRejected);
}

TEST_F(Story, OldestPolicyIsAttachedAndStaysSo) {
  world.add_rollout("b");
  world.advance(std::chrono::seconds(5));
  serve_first();
  EXPECT_EQ(world.status().policy_name, "b");
  // Older by its timestamp, but late: the attached one holds until it is deleted.
  world.add_rollout("a").metadata.creation_timestamp = WallTime{};
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.status().policy_name, "b");
  std::erase_if(world.rollouts, [](const auto& each) { return each.metadata.name == "b"; });
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.status().policy_name, "a");
}

TEST_F(Story, DesiredTrafficThatIsNotForThisCandidateIsWeightZero) {
  serve_first();
  api::CanaryRollout& rollout = try_bm25();
  split(rollout, kTenPercent);
  const api::CanaryRolloutStatus good = rollout.status;
  const std::vector<std::function<void(api::CanaryRolloutStatus&)>> wrongs{
      [](auto& status) { status.desired.index_uid = "another"; },
      [](auto& status) { status.index_uid = "another"; },
      [](auto& status) { status.desired.index_generation += 1; },
      [](auto& status) { status.desired.candidate = "packages-other"; },
      [](auto& status) { status.candidate_config = "other"; },
      [](auto& status) { status.candidate_since = WallTime{}; }};
  for (std::size_t i = 0; i < wrongs.size(); ++i) {
    rollout.status = good;
    ASSERT_TRUE(world.settle());
    ASSERT_EQ(world.table().candidate->weight, kTenPercent);
    wrongs[i](rollout.status);
    ASSERT_TRUE(world.settle());
    EXPECT_FALSE(world.table().candidate.has_value()) << i;
  }
}

TEST_F(Story, DrillIsRefusedAsFirstAndRunsUnderARollout) {
  world.edit([](api::RagIndexSpec& spec) { spec.drill = api::Drill{.error_rate = Share{2000}}; });
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "DrillRefused");
  EXPECT_EQ(world.condition("DrillActive").reason, "DrillRefused");
  EXPECT_EQ(world.builder(), nullptr);
  world.edit([](api::RagIndexSpec& spec) { spec.drill.reset(); });
  serve_first();
  const std::string stable = world.status().stable_revision;
  world.edit([](api::RagIndexSpec& spec) { spec.drill = api::Drill{.error_rate = Share{2000}}; });
  api::CanaryRollout& rollout = world.add_rollout("packages");
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.condition("DrillActive").status, kube::ConditionStatus::kTrue);
  world.take_up(rollout);
  // A rollout that asks to promote a drill is wrong, and is not followed.
  world.desire(rollout, api::TrafficMode::kPromote, kWhole);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.status().stable_revision, stable);
  world.edit([](api::RagIndexSpec& spec) {
    spec.drill.reset();
    spec.changeover = api::Changeover::kDirect;
  });
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.condition("DrillActive").status, kube::ConditionStatus::kFalse);
}

TEST_F(Story, TheTableSaysWhatTheCandidateIsJudgedBy) {
  world.edit([](api::RagIndexSpec& spec) {
    spec.slo.availability = Share{9990};
    spec.slo.latency_p95 = std::chrono::milliseconds(250);
  });
  serve_first();
  api::CanaryRollout& rollout = try_bm25();
  split(rollout, kTenPercent);
  EXPECT_EQ(world.table().candidate->error_rate_max, Share{10});
  EXPECT_EQ(world.table().candidate->latency_max_ms, 250);
  rollout.spec.analysis.objectives = {
      {.name = "speed", .latency = api::LatencyObjective{.max = std::chrono::milliseconds(100)}}};
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.table().candidate->latency_max_ms, 100);
}

TEST_F(Story, SeveralRoutersAreNeverAllEvictedAtOnce) {
  serve_first();
  const std::string stable = world.status().stable_revision;
  world.edit([](api::RagIndexSpec& spec) { spec.traffic.router.replicas = 2; });
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.replicas("packages-router"), 2);
  const auto budgets = world.names(kube::kPodDisruptionBudgetKind);
  EXPECT_EQ(std::set(budgets.begin(), budgets.end()),
            (std::set{stable, std::string("packages-router")}));
  world.edit([](api::RagIndexSpec& spec) { spec.traffic.router.replicas = 1; });
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.names(kube::kPodDisruptionBudgetKind), std::vector{stable});
}

TEST_F(Story, ZeroReplicasSuspendAndWakeUpAgain) {
  serve_first();
  const std::string stable = world.status().stable_revision;
  world.edit([](api::RagIndexSpec& spec) { spec.serving.replicas = 0; });
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "Suspended");
  EXPECT_EQ(world.replicas(stable), 0);
  EXPECT_EQ(world.replicas("packages-router"), 0);
  ASSERT_EQ(world.pods.size(), 1U);
  EXPECT_EQ(world.pods.begin()->second.metadata.label(api::kComponentLabel), "holder");
  EXPECT_EQ(world.condition("Available").status, kube::ConditionStatus::kFalse);
  world.edit([](api::RagIndexSpec& spec) { spec.serving.replicas = 2; });
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "Serving") << "from what was held";
  EXPECT_EQ(world.status().stable_revision, stable);
  EXPECT_EQ(world.builder(), nullptr);
}

TEST_F(Story, DeletedIndexIsLeftAlone) {
  serve_first();
  world.index.metadata.deletion_timestamp = world.now;
  world.edit(use_bm25);
  const Decision decision = decide(world.observe(), world.now);
  EXPECT_TRUE(decision.actions.empty());
  EXPECT_EQ(decision.status, world.status());
}

}  // namespace
}  // namespace sluice::rag_index
