// After the promotion: the old stable as the control, and the way back to it.

#include <gtest/gtest.h>

#include <algorithm>

#include "base/describe.h"
#include "controllers/canary_rollout/inputs.h"
#include "controllers/canary_rollout/live_step.h"
#include "controllers/canary_rollout/policy.h"
#include "controllers/canary_rollout/story_world.h"

namespace sluice::canary_rollout {
namespace {

using api::RolloutPhase;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr const char* kOld = "packages-stable";
constexpr const char* kNew = "packages-next";

// A good candidate that has been promoted, and judged once beside the old stable.
StoryWorld watched(StoryOptions options = {}, Duration window = minutes(5)) {
  StoryWorld world(options);
  world.rollout.spec.rollback.watch_after_promotion = window;
  world.run(10);
  world.offer_candidate(kNew);
  EXPECT_TRUE(world.run_until(RolloutPhase::kWatching, 1800)) << to_json(world.status());
  for (int i = 0; i < 60 && !world.status().step_started_at; ++i) {
    world.tick();
  }
  EXPECT_TRUE(world.status().step_started_at.has_value()) << to_json(world.status());
  world.run(6);
  return world;
}

bool has_been(const StoryWorld& world, RolloutPhase phase) {
  return std::ranges::find(world.phases, phase) != world.phases.end();
}

TEST(WatchingStory, AGoodRevisionIsWatchedForItsWindowAndStays) {
  StoryWorld world = watched();
  EXPECT_EQ(world.status().stable_revision, kOld);
  EXPECT_EQ(world.status().step_summary, "3/3 watching");
  EXPECT_EQ(world.status().weight_summary, "95%/95%");
  EXPECT_EQ(reason_of(world, "Progressing"), "Watching");
  EXPECT_EQ(world.status().decisions.at(0).reason, "Committed");
  const WallTime began = *world.status().step_started_at;
  ASSERT_TRUE(world.run_until(RolloutPhase::kPromoted, 900)) << to_json(world.status());
  EXPECT_GE(world.now - began, minutes(5));
  EXPECT_LE(world.now - began, minutes(5) + seconds(15));
  EXPECT_EQ(world.newest().verdict, "Promoted");
  EXPECT_EQ(world.newest().reason, "Watched");
  EXPECT_EQ(world.weights, (std::vector{Share{1000}, Share{5000}, kWhole, Share{9500}}));
  EXPECT_FALSE(world.status().evidence.has_value());
  world.run(3);
  EXPECT_EQ(world.weights.back(), Share{0});
  EXPECT_EQ(world.index->status.stable_revision, kNew);
  EXPECT_EQ(world.status().stable_revision, kNew);
  EXPECT_FALSE(world.index->status.previous.has_value());
  const std::int64_t writes = world.status_writes;
  world.run(60);
  EXPECT_EQ(world.status_writes, writes) << "quiet at the end";
}

TEST(WatchingStory, WithoutAWindowNothingIsWatched) {
  StoryWorld world;
  world.offer_candidate(kNew);
  ASSERT_TRUE(world.run_until(RolloutPhase::kPromoted, 1200));
  EXPECT_FALSE(has_been(world, RolloutPhase::kWatching));
  EXPECT_EQ(world.weights.back(), kWhole);
}

TEST(WatchingStory, ErrorsThatShowOnlyAfterwardsLeadBack) {
  StoryWorld world = watched();
  world.candidate_error_rate = 0.2;
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 120)) << to_json(world.status());
  EXPECT_TRUE(has_been(world, RolloutPhase::kRollingBack));
  EXPECT_EQ(world.newest().verdict, "RolledBack");
  EXPECT_EQ(world.newest().reason, "Evidence");
  EXPECT_EQ(world.status().last_rollback->revision, kNew);
  EXPECT_EQ(world.status().last_rollback->objective, "errors");
  EXPECT_TRUE(world.status().last_rollback->traffic_restored_at.has_value());
  EXPECT_EQ(world.weights.back(), Share{0});
  const auto replayed = replay(world.newest().inputs);
  ASSERT_TRUE(replayed) << replayed.error().message;
  EXPECT_TRUE(replayed->is_same);
  world.run(3);
  EXPECT_EQ(world.index->status.stable_revision, kOld);
  EXPECT_EQ(world.status().stable_revision, kOld);
  EXPECT_EQ(world.seen.rejected_revisions, std::vector<std::string>{kNew});
}

TEST(WatchingStory, SlowAnswersThatShowOnlyAfterwardsLeadBack) {
  StoryWorld world;
  world.index->spec.slo.latency_p95 = std::chrono::milliseconds(100);
  world.rollout.spec.rollback.watch_after_promotion = minutes(5);
  world.run(10);
  world.offer_candidate(kNew);
  ASSERT_TRUE(world.run_until(RolloutPhase::kWatching, 1800)) << to_json(world.status());
  world.run(15);
  world.candidate_slowness = 4;
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 200)) << to_json(world.status());
  EXPECT_EQ(world.status().last_rollback->objective, "latency");
  world.run(3);
  EXPECT_EQ(world.index->status.stable_revision, kOld);
}

// Nobody is to blame for what both suffer, however few the control's queries are.
TEST(WatchingStory, AnOutageOfBothDoesNotLeadBack) {
  for (const double queries : {400.0, 100.0}) {
    StoryWorld world = watched({.queries_per_second = queries});
    world.candidate_error_rate = 1;
    world.stable_error_rate = 1;
    world.run(60);
    EXPECT_EQ(world.status().phase, RolloutPhase::kWatching) << to_json(world.status());
    world.candidate_error_rate = 0;
    world.stable_error_rate = 0;
    EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 900)) << to_json(world.status());
    EXPECT_FALSE(has_been(world, RolloutPhase::kRollingBack)) << queries;
  }
}

TEST(WatchingStory, WithoutAWorkerOfTheControlNothingIsJudged) {
  StoryWorld world = watched();
  world.index->status.previous->ready_since.reset();
  world.candidate_error_rate = 0.5;
  world.seen.candidate_pods = {.none_ready_since = world.now + minutes(-10)};
  world.run(60);
  EXPECT_EQ(world.status().phase, RolloutPhase::kWatching);
  EXPECT_EQ(reason_of(world, "DataStale"), "NoFreshCounters");
  EXPECT_NE(message_of(world, "DataStale").find(kOld), std::string::npos);
  world.seen.candidate_pods = {.ready = 2};
  world.index->status.previous->ready_since = world.now;
  world.candidate_error_rate = 0;
  world.run(60);
  EXPECT_EQ(world.status().phase, RolloutPhase::kWatching) << "what failed meanwhile is forgotten";
  world.candidate_error_rate = 0.5;
  EXPECT_TRUE(world.run_until(RolloutPhase::kRolledBack, 120)) << to_json(world.status());
}

TEST(WatchingStory, NoReadyWorkerCountsFromWhenTheControlHasOne) {
  StoryWorld world = watched();
  world.seen.candidate_pods = {.none_ready_since = world.now + seconds(-200)};
  world.index->status.previous->ready_since = world.now;
  world.run(50);
  EXPECT_EQ(world.status().phase, RolloutPhase::kWatching);
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 30));
  EXPECT_EQ(world.newest().reason, "NoReadyWorker");
}

TEST(WatchingStory, AbortLeadsBackAndPromoteEndsTheWatch) {
  StoryWorld back = watched();
  back.command("abort packages-next a1");
  ASSERT_TRUE(back.run_until(RolloutPhase::kRolledBack, 10)) << to_json(back.status());
  EXPECT_EQ(back.newest().reason, "Aborted");
  EXPECT_EQ(back.status().last_command->result, "accepted: users go back to packages-stable");
  back.run(2);
  EXPECT_EQ(back.index->status.stable_revision, kOld);

  StoryWorld stay = watched();
  stay.command("approve packages-next a1");
  stay.run(2);
  EXPECT_EQ(stay.status().last_command->result.find("refused"), 0U);
  stay.command("promote packages-next p1");
  stay.run(2);
  EXPECT_EQ(stay.status().phase, RolloutPhase::kPromoted) << to_json(stay.status());
  EXPECT_EQ(stay.newest().reason, "PromotedByCommand");
}

TEST(WatchingStory, APersonWhoHoldsItKeepsTheControl) {
  StoryWorld world = watched({}, minutes(2));
  world.rollout.spec.paused = true;
  world.run(300);
  EXPECT_EQ(world.status().phase, RolloutPhase::kWatching);
  world.rollout.spec.paused = false;
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 150));
}

TEST(WatchingStory, ANewerRevisionEndsTheWatchUnlessSomethingSpeaksAgainst) {
  StoryWorld good = watched({}, minutes(60));
  good.index->status.previous->has_successor = true;
  ASSERT_TRUE(good.run_until(RolloutPhase::kPromoted, 120)) << to_json(good.status());
  EXPECT_EQ(good.newest().reason, "NewerRevision");

  StoryWorld doubtful = watched({}, minutes(60));
  doubtful.routers_quarantine = true;
  doubtful.index->status.previous->has_successor = true;
  doubtful.run(60);
  EXPECT_EQ(doubtful.status().phase, RolloutPhase::kWatching);
}

TEST(WatchingStory, AnIndexThatKeepsNoControlEndsIt) {
  StoryWorld world = watched();
  world.index_obeys = false;
  world.index->status.previous.reset();
  world.run(1);
  EXPECT_EQ(world.status().phase, RolloutPhase::kPromoted);
  EXPECT_EQ(world.newest().reason, "WatchEnded");
}

TEST(WatchingStory, AnIndexThatWentBackByItselfEndsItUnjudged) {
  StoryWorld world = watched();
  world.index_obeys = false;
  world.index->status.stable_revision = kOld;
  world.index->status.previous.reset();
  world.run(1);
  EXPECT_EQ(world.status().phase, RolloutPhase::kSuperseded);
  EXPECT_EQ(world.newest().reason, "Returned");
  EXPECT_FALSE(world.status().last_rollback.has_value());
}

TEST(WatchingStory, WithoutItsStoredPolicyItStays) {
  StoryWorld world = watched();
  world.rollout.spec.analysis.max_duration = minutes(7);  // The spec cannot stand in for it.
  world.seen.policies.clear();
  world.run(2);
  EXPECT_EQ(world.status().phase, RolloutPhase::kPromoted);
  EXPECT_EQ(world.newest().reason, "PolicyLost");
}

// The index's write was quicker than the verdict; the old stable is there, so the verdict holds.
TEST(WatchingStory, ARollbackThatCameAfterTheCommitLeadsBack) {
  StoryWorld world;
  world.rollout.spec.rollback.watch_after_promotion = minutes(5);
  world.offer_candidate(kNew);
  ASSERT_TRUE(world.run_until(RolloutPhase::kPromoting, 900));
  world.index_obeys = false;
  world.command("abort packages-next a1");
  world.run(1);
  ASSERT_EQ(world.status().phase, RolloutPhase::kRollingBack);
  api::RagIndexStatus& index = world.index->status;
  index.previous = api::PreviousStatus{.revision = kOld,
                                       .since = world.now,
                                       .candidate_since = index.candidate->since,
                                       .ready_since = world.now};
  index.stable_revision = kNew;
  index.candidate.reset();
  world.run(2);
  EXPECT_EQ(world.status().phase, RolloutPhase::kRollingBack);
  world.index_obeys = true;
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 10)) << to_json(world.status());
  world.run(2);
  EXPECT_EQ(index.stable_revision, kOld);
}

TEST(WatchingStory, RestartsAndLostWritesChangeNothing) {
  const StoryOptions options{.restart_before_each_decide = true, .lost_writes = 0.4};
  StoryWorld good = watched(options);
  EXPECT_TRUE(good.run_until(RolloutPhase::kPromoted, 900)) << to_json(good.status());
  StoryWorld bad = watched(options);
  bad.candidate_error_rate = 0.2;
  ASSERT_TRUE(bad.run_until(RolloutPhase::kRolledBack, 200)) << to_json(bad.status());
  bad.run(10);
  EXPECT_EQ(bad.index->status.stable_revision, kOld);
}

TEST(WatchingPolicy, AWatchJudgesErrorsThoughNoStepDoes) {
  api::CanaryRolloutSpec spec;
  spec.steps.resize(1);
  spec.steps[0].evaluate.emplace();
  api::RagIndexSpec index;
  index.evaluation.emplace();
  ASSERT_TRUE(resolve_policy(spec, index));
  EXPECT_EQ(errors_objective(*resolve_policy(spec, index)), nullptr);
  spec.rollback.watch_after_promotion = minutes(1);
  const auto policy = resolve_policy(spec, index);
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_TRUE(has_live_step(*policy));
  EXPECT_NE(errors_objective(*policy), nullptr);
}

TEST(WatchingPolicy, AStoredPolicyThatKnowsNoWatchHasNone) {
  const auto policy =
      from_json<api::ResolvedPolicy>(R"({"steps":[{"evaluate":{}}],"rollback":{"within":"5s"}})");
  ASSERT_TRUE(policy) << policy.error().message;
  EXPECT_EQ(policy->rollback.watch_after_promotion, Duration::zero());
}

}  // namespace
}  // namespace sluice::canary_rollout
