// Guards, commands and single decisions; whole rollouts stand in story_test.cc.

#include "controllers/canary_rollout/decide.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>

#include "base/check.h"
#include "base/describe.h"
#include "controllers/canary_rollout/commands.h"
#include "controllers/canary_rollout/render.h"
#include "controllers/canary_rollout/story_world.h"

namespace sluice::canary_rollout {
namespace {

using api::RolloutPhase;
using std::chrono::minutes;
using std::chrono::seconds;

std::string reason_of(const StoryWorld& world, std::string_view type) {
  const auto* condition = kube::find_condition(world.status().conditions, type);
  return condition == nullptr ? "" : condition->reason;
}

std::string message_of(const StoryWorld& world, std::string_view type) {
  const auto* condition = kube::find_condition(world.status().conditions, type);
  return condition == nullptr ? "" : condition->message;
}

// A rollout that has reached its first split step and some evidence.
StoryWorld in_split(StoryOptions options = {}) {
  StoryWorld world(options);
  world.rollout.spec.steps[1].split->min_duration = minutes(5);
  world.offer_candidate("packages-next");
  world.run(20);
  CHECK(world.status().phase == RolloutPhase::kProgressing);
  CHECK(world.status().step_started_at.has_value());
  return world;
}

TEST(RolloutDecide, IdleWithoutACandidate) {
  StoryWorld world;
  const Decision decision = world.decide_once();
  EXPECT_EQ(world.status().phase, RolloutPhase::kIdle);
  EXPECT_EQ(reason_of(world, "Ready"), "Attached");
  EXPECT_TRUE(decision.actions.empty());
  EXPECT_FALSE(decision.look_again.has_value());
  EXPECT_EQ(world.decide_once().status, decision.status);
}

TEST(RolloutDecide, SaysThatTheIndexIsMissing) {
  StoryWorld world;
  world.index.reset();
  world.decide_once();
  EXPECT_EQ(reason_of(world, "Ready"), "IndexNotFound");
  EXPECT_EQ(message_of(world, "Ready"), "there is no RagIndex packages");
  const auto writes = world.status_writes;
  world.run(5);
  EXPECT_EQ(world.status_writes, writes);
}

TEST(RolloutDecide, NamesEveryProblemOfAnInvalidPolicy) {
  StoryWorld world;
  world.rollout.spec.steps[1].split->weight = Share{0};
  world.offer_candidate("packages-next");
  world.run(3);
  EXPECT_EQ(world.status().phase, RolloutPhase::kInvalid);
  EXPECT_EQ(reason_of(world, "Ready"), "InvalidPolicy");
  EXPECT_NE(world.status().message.find(".spec.steps[1].split.weight"), std::string::npos);
  EXPECT_EQ(world.status().desired.mode, api::TrafficMode::kNone);
  world.rollout.spec.steps[1].split->weight = Share{1000};
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 900));
}

TEST(RolloutDecide, ASecondPolicyWaitsAndSaysForWhom) {
  StoryWorld world;
  world.index->status.policy_uid = "other-uid";
  world.index->status.policy_name = "older";
  world.offer_candidate("packages-next");
  world.run(5);
  EXPECT_EQ(world.status().phase, RolloutPhase::kIdle);
  EXPECT_EQ(reason_of(world, "Ready"), "AnotherPolicyAttached");
  EXPECT_NE(message_of(world, "Ready").find("older"), std::string::npos);
  EXPECT_TRUE(world.weights.empty());
  // The other one is deleted.
  world.index->status.policy_uid = world.rollout.metadata.uid;
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 900));
}

TEST(RolloutDecide, LetsGoWhenAnotherPolicyTakesOver) {
  StoryWorld world = in_split();
  world.index->status.policy_uid = "other-uid";
  world.run(3);
  EXPECT_EQ(world.status().phase, RolloutPhase::kSuperseded);
  EXPECT_EQ(world.weights.back(), Share{0});
}

TEST(RolloutDecide, AFirstRevisionAndDirectChangeoverAreNotItsBusiness) {
  for (const bool is_first : {true, false}) {
    StoryWorld world;
    if (is_first) {
      world.index->status.stable_revision.clear();
    } else {
      world.index->spec.changeover = api::Changeover::kDirect;
    }
    world.offer_candidate("packages-next");
    world.run(5);
    EXPECT_EQ(world.status().phase, RolloutPhase::kIdle);
  }
}

TEST(RolloutDecide, ANewIndexUnderTheSameNameResetsEverything) {
  StoryWorld world = in_split();
  world.index->metadata.uid = "index-uid-2";
  world.index->metadata.generation = 1;
  world.index->status.candidate.reset();
  const auto seq = world.status().desired.seq;
  world.decide_once();
  EXPECT_EQ(world.status().phase, RolloutPhase::kIdle);
  EXPECT_EQ(world.status().index_uid, "index-uid-2");
  EXPECT_TRUE(world.status().candidate_revision.empty());
  EXPECT_TRUE(world.status().decisions.empty());
  EXPECT_FALSE(world.status().evidence.has_value());
  EXPECT_EQ(world.status().desired.seq, seq);
}

TEST(RolloutDecide, AnIndexOlderThanTheStatusIsLeftAlone) {
  StoryWorld world = in_split();
  const auto before = world.status();
  const auto index = world.index;
  world.index->metadata.generation = 1;
  world.index->status.candidate.reset();
  const Decision decision = world.decide_once();
  EXPECT_EQ(decision.status, before);
  EXPECT_TRUE(decision.actions.empty());
  world.index = index;
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 1200));
}

TEST(RolloutDecide, WhatIsBeingDeletedIsLeftAlone) {
  for (const bool is_index : {true, false}) {
    StoryWorld world = in_split();
    const auto before = world.status();
    (is_index ? world.index->metadata : world.rollout.metadata).deletion_timestamp = world.now;
    world.run(10);
    EXPECT_EQ(world.status(), before);
  }
}

TEST(RolloutDecide, AFailedBuildIsAFailedCandidate) {
  StoryWorld world;
  world.offer_candidate("");
  world.index->status.candidate->phase = api::CandidatePhase::kBuilding;
  world.index->status.candidate->facts.reset();
  world.run(3);
  EXPECT_EQ(world.status().phase, RolloutPhase::kPending);
  world.index->status.candidate->phase = api::CandidatePhase::kFailed;
  world.index->status.candidate->message = "line 7: not JSON";
  world.run(1);
  EXPECT_EQ(world.status().phase, RolloutPhase::kRolledBack);
  EXPECT_EQ(world.newest().reason, "BuildFailed");
  EXPECT_NE(world.newest().message.find("line 7: not JSON"), std::string::npos);
  EXPECT_TRUE(world.weights.empty());
}

TEST(RolloutDecide, ACandidateThatFailsLaterIsRolledBack) {
  StoryWorld world = in_split();
  world.index->status.candidate->phase = api::CandidatePhase::kFailed;
  world.index->status.candidate->message = "its artefact is held nowhere";
  world.run(1);
  EXPECT_EQ(world.newest().reason, "CandidateFailed");
  EXPECT_TRUE(world.run_until(RolloutPhase::kRolledBack, 5));
}

TEST(RolloutDecide, TakesUpTheCandidatesNameWhenItIsKnown) {
  StoryWorld world;
  world.offer_candidate("packages-next");
  const auto built = *world.index->status.candidate;
  world.index->status.candidate->revision.clear();
  world.index->status.candidate->phase = api::CandidatePhase::kResolving;
  world.index->status.candidate->facts.reset();
  world.run(3);
  EXPECT_EQ(world.status().phase, RolloutPhase::kPending);
  const auto started_at = world.status().started_at;
  world.index->status.candidate = built;
  world.run(1);
  EXPECT_EQ(world.status().candidate_revision, "packages-next");
  EXPECT_EQ(world.status().desired.candidate, "packages-next");
  EXPECT_EQ(world.status().started_at, started_at);
}

struct HardFact {
  std::string reason;
  std::function<void(StoryWorld&)> happen;
  int seconds;
};

TEST(RolloutDecide, LivenessRulesNeedNoStatistics) {
  const HardFact facts[] = {
      {"CrashLoop", [](StoryWorld& w) { w.seen.candidate_pods.is_crash_looping = true; }, 2},
      {"NoReadyWorker",
       [](StoryWorld& w) {
         w.seen.candidate_pods.ready = 0;
         w.seen.candidate_pods.none_ready_since = w.now;
       },
       62}};
  for (const HardFact& fact : facts) {
    StoryWorld world = in_split();
    fact.happen(world);
    world.run(fact.seconds);
    ASSERT_FALSE(world.status().decisions.empty());
    EXPECT_EQ(world.newest().reason, fact.reason);
    EXPECT_TRUE(world.run_until(RolloutPhase::kRolledBack, 5));
  }
}

TEST(RolloutDecide, WaitsForReadinessBeforeTrafficButNotForEver) {
  StoryWorld world;
  world.offer_candidate("packages-next");
  world.index_obeys = false;
  world.seen.candidate_pods = {
      .ready = 0, .none_ready_since = world.now, .detail = "Unschedulable"};
  world.run(120);
  EXPECT_EQ(world.status().phase, RolloutPhase::kProgressing);
  EXPECT_NE(world.status().message.find("Unschedulable"), std::string::npos);
  world.run(600);
  EXPECT_EQ(world.newest().reason, "NoReadyWorker");
  world.index_obeys = true;
  EXPECT_TRUE(world.run_until(RolloutPhase::kRolledBack, 5));
  EXPECT_TRUE(world.weights.empty());
}

struct NoDataCase {
  api::NoDataPolicy policy;
  RolloutPhase phase;
  std::string reason;
};

TEST(RolloutDecide, MissingEvaluationFollowsItsPolicy) {
  const NoDataCase cases[] = {
      {api::NoDataPolicy::kHold, RolloutPhase::kEvaluating, ""},
      {api::NoDataPolicy::kRollback, RolloutPhase::kRolledBack, "NoData"},
      {api::NoDataPolicy::kIgnore, RolloutPhase::kProgressing, "NoDataIgnored"}};
  for (const NoDataCase& one : cases) {
    StoryWorld world;
    world.rollout.spec.analysis.no_data_timeout = minutes(1);
    world.rollout.spec.analysis.objectives = {
        {.name = "quality", .golden_set = api::GoldenSetObjective{}, .on_no_data = one.policy}};
    world.offer_candidate("packages-next");
    world.seen.evaluations.stable.reset();
    world.seen.evaluations.stable_problem = "10.0.0.7: 404";
    world.run(40);
    EXPECT_EQ(world.status().phase, RolloutPhase::kEvaluating);
    EXPECT_NE(world.status().message.find("10.0.0.7: 404"), std::string::npos);
    world.run(25);
    EXPECT_EQ(world.status().phase, one.phase);
    EXPECT_EQ(world.status().decisions.empty() ? "" : world.newest().reason, one.reason);
  }
}

TEST(RolloutDecide, NotANumberIsNoPass) {
  StoryWorld world;
  world.offer_candidate("packages-next");
  world.seen.evaluations.candidate->ndcg_at_10[3] = std::numeric_limits<double>::quiet_NaN();
  world.run(30);
  EXPECT_EQ(world.status().phase, RolloutPhase::kEvaluating);
  EXPECT_EQ(reason_of(world, "Progressing"), "InvalidResults");
  const auto again = from_json<api::CanaryRolloutStatus>(to_json(world.status()));
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(*again, world.status());
  world.seen.evaluations.candidate->ids.pop_back();
  world.run(2);
  EXPECT_EQ(reason_of(world, "Progressing"), "InvalidResults");
}

TEST(RolloutDecide, ImpossibleCountersAreInvalidBlocksNotVerdicts) {
  StoryWorld world = in_split();
  world.routers_answer = false;
  for (int i = 0; i < 60; ++i) {
    for (RouterSeen& router : world.seen.routers) {
      router.arrived_at = world.now;
      router.counters->revisions[0].ended = -5;
    }
    world.tick();
  }
  EXPECT_EQ(world.status().phase, RolloutPhase::kProgressing);
  EXPECT_GE(world.status().evidence->invalid_blocks, 5);
  EXPECT_EQ(reason_of(world, "DataStale"), "NoFreshCounters");
  EXPECT_NE(message_of(world, "DataStale").find("negative"), std::string::npos);
}

TEST(RolloutDecide, UnreadableEvidenceBeginsAnewAndSaysSo) {
  StoryWorld world = in_split();
  world.rollout.status.evidence->state = "bm9uc2Vuc2U=";
  world.run(6);
  EXPECT_EQ(world.status().phase, RolloutPhase::kProgressing);
  EXPECT_TRUE(std::ranges::any_of(
      world.events, [](const Announce& event) { return event.reason == "EvidenceLost"; }));
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 1200));
}

TEST(RolloutDecide, AClockSetBackOnlyEndsTheBlockLate) {
  StoryWorld world = in_split();
  world.now = world.now + (-std::chrono::hours(1));
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 3000)) << to_json(world.status());
}

TEST(RolloutDecide, EditsOfThePolicyCountForTheNextRollout) {
  StoryWorld world = in_split();
  world.rollout.spec.steps.resize(1);
  world.rollout.spec.steps[0] = {.split = api::SplitStep{.weight = Share{2000}}};
  ++world.rollout.metadata.generation;
  world.run(3);
  EXPECT_EQ(world.status().step_count, 3);
  EXPECT_EQ(world.status().observed_generation, world.rollout.metadata.generation);
  ASSERT_TRUE(world.run_until(RolloutPhase::kPromoted, 1200));
  world.offer_candidate("packages-third");
  world.run(5);
  EXPECT_EQ(world.status().step_count, 1);
  EXPECT_EQ(world.weights.back(), Share{2000});
}

TEST(RolloutDecide, AnInvalidEditDoesNotDisturbTheRolloutInProgress) {
  StoryWorld world = in_split();
  world.rollout.spec.steps.clear();
  world.run(3);
  EXPECT_EQ(reason_of(world, "Ready"), "InvalidPolicy");
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 1200));
}

TEST(RolloutDecide, ALostPolicyIsStoredAgainOrEndsTheRollout) {
  StoryWorld world = in_split();
  world.seen.policies.clear();
  world.run(1);
  EXPECT_EQ(world.seen.policies.size(), 1U);
  world.rollout.spec.steps[1].split->weight = Share{1500};
  world.seen.policies.clear();
  world.run(1);
  EXPECT_EQ(world.status().phase, RolloutPhase::kProgressing);
  world.run(30);
  EXPECT_EQ(world.newest().reason, "PolicyLost");
}

TEST(RolloutDecide, OldPoliciesAreDropped) {
  StoryWorld world;
  for (int i = 0; i < 20; ++i) {
    world.seen.policies.push_back(
        {.name = "old-" + std::to_string(i), .created_at = world.now + seconds(i)});
  }
  world.offer_candidate("packages-next");
  world.run(2);
  EXPECT_EQ(world.seen.policies.size(), 10U);
  EXPECT_EQ(world.seen.policies.front().name, "old-11");
}

TEST(RolloutDecide, DesiredFollowsTheGenerationOfTheSameCandidate) {
  StoryWorld world = in_split();
  const auto seq = world.status().desired.seq;
  ++world.index->metadata.generation;
  world.index->status.candidate->generation = world.index->metadata.generation;
  world.decide_once();
  EXPECT_EQ(world.status().desired.index_generation, world.index->metadata.generation);
  EXPECT_EQ(world.status().desired.seq, seq + 1);
  EXPECT_EQ(world.status().phase, RolloutPhase::kProgressing);
  EXPECT_TRUE(world.status().step_started_at.has_value());
}

TEST(RolloutDecide, AbortWorksInEveryPhaseWithTraffic) {
  for (const int after : {2, 10, 40, 0}) {
    StoryWorld world;
    world.offer_candidate("packages-next");
    if (after == 0) {
      ASSERT_TRUE(world.run_until(RolloutPhase::kPromoting, 900));
    } else {
      world.run(after);
    }
    ASSERT_FALSE(world.status().last_rollback.has_value());
    world.command("abort packages-next a1");
    ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 10)) << after;
    EXPECT_EQ(world.newest().reason, "Aborted");
    EXPECT_EQ(world.status().last_command->result.find("accepted"), 0U);
    EXPECT_TRUE(world.weights.empty() || world.weights.back() == Share{0});
    EXPECT_EQ(world.status().stable_revision, "packages-stable");
  }
}

TEST(RolloutDecide, AnAbortAfterTheCommitIsRefused) {
  StoryWorld world;
  world.offer_candidate("packages-next");
  ASSERT_TRUE(world.run_until(RolloutPhase::kPromoting, 900));
  world.index->status.stable_revision = "packages-next";
  world.index->status.candidate.reset();
  world.command("abort packages-next a1");
  world.run(2);
  EXPECT_EQ(world.status().phase, RolloutPhase::kPromoted);
  EXPECT_EQ(world.status().last_command->result.find("refused"), 0U);
}

TEST(RolloutDecide, TheCommitWinsOverARollbackThatCameTooLate) {
  StoryWorld world;
  world.offer_candidate("packages-next");
  ASSERT_TRUE(world.run_until(RolloutPhase::kPromoting, 900));
  world.index_obeys = false;
  world.command("abort packages-next a1");
  world.run(2);
  EXPECT_EQ(world.status().phase, RolloutPhase::kRollingBack);
  world.index->status.stable_revision = "packages-next";
  world.index->status.candidate.reset();
  world.run(1);
  EXPECT_EQ(world.status().phase, RolloutPhase::kPromoted);
}

TEST(RolloutDecide, ARollbackIsNotDoneBeforeTheIndexHasSeenIt) {
  StoryWorld world = in_split();
  world.index_obeys = false;
  world.command("abort packages-next a1");
  // The route says 0 for another reason, at an older sequence number.
  world.index->status.route->weight = Share{0};
  world.index->status.route->candidate_revision.clear();
  world.run(5);
  EXPECT_EQ(world.status().phase, RolloutPhase::kRollingBack);
  world.index_obeys = true;
  world.run(3);
  EXPECT_EQ(world.status().phase, RolloutPhase::kRolledBack);
}

struct CommandCase {
  std::string text;
  std::string result;
};

TEST(RolloutDecide, RefusedCommandsSayWhyAndDoNothing) {
  const CommandCase cases[] = {
      {"abort packages-other c1", "refused: the candidate is packages-next, not packages-other"},
      {"abort packages-next:2 c2", "refused: the rollout is at step 1, not 2"},
      {"abort packages-next:x c3", "refused: what follows the colon"},
      {"promote packages-next c4", "refused: \"promote\" is not a verb"},
      {"abort packages-next", "refused: a command is"},
      {"abort", "refused: a command is"},
      {"one two three four five", "refused: a command is"},
      {"retry packages-next c5", "refused: its rollout is in progress"},
      {"retry packages-never c6", "refused: packages-never is not a rejected revision"},
      {std::string(5000, 'x'), "refused: a command is"}};
  for (const CommandCase& one : cases) {
    StoryWorld world = in_split();
    world.command(one.text);
    world.run(3);
    EXPECT_EQ(world.status().phase, RolloutPhase::kProgressing) << one.text;
    ASSERT_TRUE(world.status().last_command.has_value());
    EXPECT_EQ(world.status().last_command->result.find(one.result), 0U)
        << world.status().last_command->result;
    const auto refused = std::ranges::count_if(
        world.events, [](const Announce& event) { return event.reason == "CommandRefused"; });
    EXPECT_EQ(refused, 1) << one.text;
  }
}

TEST(RolloutDecide, ACommandIsHandledOnceAndItsRemovalMeansNothing) {
  StoryWorld world = in_split();
  world.command("abort packages-next:1 a1");
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 10));
  const auto handled = world.status().last_command;
  world.offer_candidate("packages-next");
  world.run(30);
  EXPECT_EQ(world.status().phase, RolloutPhase::kProgressing);
  world.rollout.metadata.annotations.clear();
  world.run(3);
  EXPECT_EQ(world.status().last_command, handled);
}

TEST(RolloutDecide, ARetryIsRecordedAndTheSameRevisionWalksAgain) {
  StoryWorld world({.candidate_error_rate = 0.5});
  world.offer_candidate("packages-next");
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 300));
  world.command("retry packages-next r1");
  world.run(2);
  EXPECT_EQ(world.status().last_command->verb, "retry");
  EXPECT_EQ(world.status().last_command->revision, "packages-next");
  EXPECT_EQ(world.status().last_command->result.find("accepted"), 0U);
  EXPECT_EQ(world.status().phase, RolloutPhase::kRolledBack);
  world.candidate_error_rate = 0;
  world.restart_router(0);
  world.offer_candidate("packages-next");
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 900));
}

TEST(RolloutDecide, ParsesCommands) {
  EXPECT_FALSE(parse_command("").has_value());
  EXPECT_FALSE(parse_command("  \t").has_value());
  const auto command = parse_command(" abort  packages-1:3   id-7 ");
  ASSERT_TRUE(command.has_value());
  EXPECT_EQ(*command,
            (Command{.verb = "abort", .revision = "packages-1", .step = 3, .id = "id-7"}));
  EXPECT_FALSE(parse_command("abort r:-1 id")->problem.empty());
  EXPECT_FALSE(parse_command("abort r:99999999999 id")->problem.empty());
  EXPECT_FALSE(parse_command("abort r: id")->problem.empty());
}

TEST(RolloutRender, PolicyRevisionHasOwnerLabelsAndData) {
  StoryWorld world;
  const StorePolicy action{.name = "packages-policy-0123456789", .policy = {}};
  EXPECT_EQ(
      policy_revision_json(world.rollout, action),
      R"({"apiVersion":"apps/v1","kind":"ControllerRevision","metadata":{"name":"packages-policy-0123456789","namespace":"default","labels":{"app.kubernetes.io/managed-by":"sluice","sluice.dev/index":"packages","sluice.dev/component":"policy"},"ownerReferences":[{"apiVersion":"sluice.dev/v1alpha1","kind":"CanaryRollout","name":"packages","uid":"rollout-uid","controller":true,"blockOwnerDeletion":false}]},"data":)" +
          to_json(action.policy) + R"(,"revision":1})");
}

}  // namespace
}  // namespace sluice::canary_rollout
