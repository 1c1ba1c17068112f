// Guards and single decisions; evidence, commands and whole rollouts stand in files of their own.

#include "controllers/canary_rollout/decide.h"

#include <gtest/gtest.h>

#include <string>

#include "base/describe.h"
#include "controllers/canary_rollout/render.h"
#include "controllers/canary_rollout/story_world.h"

namespace sluice::canary_rollout {
namespace {

using api::RolloutPhase;
using std::chrono::seconds;

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
