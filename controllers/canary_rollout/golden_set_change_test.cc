// The golden set changed since stable was built: both arms are compared on one and the same.

#include <gtest/gtest.h>

#include "base/describe.h"
#include "controllers/canary_rollout/story_world.h"

namespace sluice::canary_rollout {
namespace {

using api::RolloutPhase;
using std::chrono::minutes;

const kube::Condition& condition(const StoryWorld& world, std::string_view type) {
  static const kube::Condition kNone;
  const auto* found = kube::find_condition(world.status().conditions, type);
  return found == nullptr ? kNone : *found;
}

// The candidate was built with golden-2, stable with golden-1.
StoryWorld changed() {
  StoryWorld world;
  world.offer_candidate("packages-next");
  world.set_evaluation(true, 0.75, "golden-2");
  world.seen.evaluations.can_be_asked = true;
  return world;
}

// Results as they come from workers that were asked.
std::optional<wire::EvaluationResults> results(double mean, const std::string& golden) {
  StoryWorld other;
  other.set_evaluation(true, mean, golden);
  return other.seen.evaluations.candidate;
}

TEST(GoldenSetChange, HoldsWhileStableIsEvaluatedAgainThenGoesOn) {
  StoryWorld world = changed();
  world.run(30);
  EXPECT_EQ(world.status().phase, RolloutPhase::kEvaluating);
  EXPECT_EQ(condition(world, "Progressing").reason, "GoldenSetChanged");
  EXPECT_EQ(condition(world, "Progressing").status, kube::ConditionStatus::kTrue);
  EXPECT_NE(world.status().message.find("workers of stable are evaluating it"), std::string::npos)
      << world.status().message;
  world.seen.evaluations.stable_again = results(0.7, "golden-2");
  ASSERT_TRUE(world.run_until(RolloutPhase::kProgressing, 3));
  EXPECT_EQ(world.newest().verdict, "Advanced");
  EXPECT_TRUE(world.run_until(RolloutPhase::kPromoted, 1200)) << to_json(world.status());
}

TEST(GoldenSetChange, JudgesByTheNewResultsNotByTheOld) {
  StoryWorld world = changed();
  // On golden-1 stable had 0.70, so that 0.75 looked better; on golden-2 it has 0.80.
  world.seen.evaluations.stable_again = results(0.8, "golden-2");
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 10));
  EXPECT_EQ(world.newest().reason, "WorseThanStable");
  EXPECT_NE(world.newest().message.find("0.8000"), std::string::npos) << world.newest().message;
}

TEST(GoldenSetChange, ACandidateOfAnOldGoldenSetFollowsStable) {
  StoryWorld world = changed();
  world.seen.evaluations.stable_again = results(0.7, "golden-3");
  world.run(10);
  EXPECT_EQ(world.status().phase, RolloutPhase::kEvaluating);
  EXPECT_NE(world.status().message.find("workers of the candidate are evaluating it"),
            std::string::npos)
      << world.status().message;
  world.seen.evaluations.candidate_again = results(0.75, "golden-3");
  EXPECT_TRUE(world.run_until(RolloutPhase::kProgressing, 3));
}

TEST(GoldenSetChange, AStableThatWasBuiltWithoutAGoldenSetIsEvaluatedToo) {
  StoryWorld world = changed();
  world.seen.evaluations.stable.reset();
  world.seen.evaluations.stable_problem = "it was built without a golden set";
  world.run(10);
  EXPECT_EQ(condition(world, "Progressing").reason, "AwaitingEvaluation");
  world.seen.evaluations.stable_again = results(0.7, "golden-2");
  EXPECT_TRUE(world.run_until(RolloutPhase::kProgressing, 3));
}

TEST(GoldenSetChange, ACandidateBelowTheFloorIsNotKeptWaiting) {
  StoryWorld world = changed();
  world.set_evaluation(true, 0.3, "golden-2");
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 10));
  EXPECT_EQ(world.newest().reason, "BelowFloor");
}

struct CannotCase {
  std::string why;
  bool can_be_asked;
  std::string problem;
  std::string told;
};

// It cannot be done: the rollout says why and what to do, and after the deadline onNoData decides.
TEST(GoldenSetChange, HoldsAndSaysWhatToDoWhenItCannotBeDone) {
  const CannotCase cases[] = {
      {"no golden set any more", false, "", "set spec.evaluation.goldenSet, or abort"},
      {"the source is away",
       true,
       "the golden set: http://corpus/golden.jsonl answered with HTTP 404",
       "HTTP 404; they are asked again, so make it available to them, or abort"}};
  for (const CannotCase& one : cases) {
    StoryWorld world = changed();
    world.seen.evaluations.can_be_asked = one.can_be_asked;
    world.seen.evaluations.again_problem = one.problem;
    world.run(30);
    EXPECT_NE(world.status().message.find(one.told), std::string::npos) << world.status().message;
    world.run(600);
    EXPECT_EQ(world.status().phase, RolloutPhase::kEvaluating) << one.why;
    EXPECT_EQ(condition(world, "Progressing").status, kube::ConditionStatus::kFalse);
    EXPECT_EQ(condition(world, "Progressing").reason, "GoldenSetChanged");
    EXPECT_EQ(condition(world, "DataStale").reason, "GoldenSetChanged");
    EXPECT_NE(world.status().message.find("onNoData says Hold"), std::string::npos);
    const auto writes = world.status_writes;
    world.run(60);
    EXPECT_EQ(world.status_writes, writes) << "quiet while it holds";
    world.seen.evaluations.again_problem.clear();
    world.seen.evaluations.stable_again = results(0.7, "golden-2");
    EXPECT_TRUE(world.run_until(RolloutPhase::kProgressing, 3)) << one.why;
  }
}

TEST(GoldenSetChange, TheDeadlineFollowsTheObjectivesPolicy) {
  StoryWorld world = changed();
  world.rollout.spec.analysis.no_data_timeout = minutes(1);
  world.rollout.spec.analysis.objectives = {{.name = "quality",
                                             .golden_set = api::GoldenSetObjective{},
                                             .on_no_data = api::NoDataPolicy::kRollback}};
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 70));
  EXPECT_EQ(world.newest().reason, "NoData");
  EXPECT_NE(world.newest().message.find("the golden set changed"), std::string::npos);
}

}  // namespace
}  // namespace sluice::canary_rollout
