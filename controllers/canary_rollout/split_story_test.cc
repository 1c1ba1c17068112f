// Rollouts with splits of other kinds than so many percent of the queries: very small ones, and
// those by user.

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "base/describe.h"
#include "controllers/canary_rollout/split_verdict.h"
#include "controllers/canary_rollout/story_world.h"

namespace sluice::canary_rollout {
namespace {

using api::RolloutPhase;
using std::chrono::minutes;

const std::optional<std::string> kByUser = "X-User-Id";

void begin_with(StoryWorld& world, Share weight) {
  world.rollout.spec.steps.at(1).split->weight = weight;
}

void stick(StoryWorld& world) {
  for (api::Step& step : world.rollout.spec.steps) {
    if (step.split) {
      step.split->sticky_by = api::StickyBy{.header = *kByUser};
    }
  }
}

TEST(SplitStory, HalfAPercentIsSaidJudgedAndLeft) {
  StoryWorld world;
  begin_with(world, Share{50});
  world.offer_candidate("packages-good");
  ASSERT_TRUE(world.run_until(RolloutPhase::kProgressing, 120));
  world.run(20);
  EXPECT_EQ(world.status().step_summary, "2/3 split 0.5%");
  EXPECT_EQ(world.status().weight_summary, "0.5%/0.5%");
  EXPECT_EQ(world.status().observed_weight, Share{50});
  ASSERT_TRUE(world.run_until(RolloutPhase::kPromoted, 2400)) << to_json(world.status());
  EXPECT_EQ(world.weights, (std::vector{Share{50}, Share{5000}, kWhole}));
}

TEST(SplitStory, AHundredthOfAPercentSaysHowLongItWouldTake) {
  StoryWorld world;  // 400 queries a second: one for the candidate in 25 s.
  begin_with(world, Share{1});
  world.offer_candidate("packages-good");
  ASSERT_TRUE(world.run_until(RolloutPhase::kProgressing, 120));
  world.run(20 * 60);
  EXPECT_EQ(world.status().weight_summary, "0.01%/0.01%");
  EXPECT_EQ(world.status().phase, RolloutPhase::kProgressing);
  EXPECT_EQ(world.status().step_summary, "2/3 split 0.01%");
  const std::string& message = world.status().message;
  EXPECT_NE(message.find("clean candidate requests would advance"), std::string::npos) << message;
  EXPECT_EQ(reason_of(world, "Progressing"), "Progressing") << message;
  // The step's time does not suffice, and that is not a pass.
  world.run(11 * 60);
  EXPECT_EQ(world.status().step_summary, "2/3 split 0.01%");
  EXPECT_EQ(reason_of(world, "Progressing"), "Inconclusive") << world.status().message;
}

// The observed share of so few queries may be anything near it, and only that.
TEST(SplitStory, TheObservedShareIsCheckedAtTinyWeightsToo) {
  struct Case {
    std::int64_t candidate;
    std::int64_t stable;
    double weight;
    bool matches;
  };

  for (const Case& given : {Case{0, 1'000, 0.0001, true},
                            Case{0, 100'000, 0.0001, true},
                            Case{0, 1'000'000, 0.0001, false},
                            Case{96, 999'904, 0.0001, true},
                            Case{5'000, 995'000, 0.005, true},
                            Case{10'000, 990'000, 0.005, false},
                            Case{0, 10'000, 0.005, false}}) {
    analysis::StepTotals totals;
    totals.candidate.n = given.candidate;
    totals.stable.n = given.stable;
    EXPECT_EQ(share_matches(totals, given.weight), given.matches)
        << given.candidate << " of " << given.stable << " at " << given.weight;
  }
}

TEST(SplitStory, UsersStayThroughPausesAndTheWatch) {
  StoryWorld world;
  stick(world);
  world.rollout.spec.rollback.watch_after_promotion = minutes(5);
  world.run(10);
  world.offer_candidate("packages-good");
  ASSERT_TRUE(world.run_until(RolloutPhase::kProgressing, 120));
  EXPECT_EQ(world.status().desired.sticky_header, kByUser);
  EXPECT_EQ(world.status().desired.weight, Share{1000});
  // A router's word, a new generation of the index: what is asked stays what it is.
  const std::int64_t seq = world.status().desired.seq;
  world.run(5);
  EXPECT_EQ(world.status().desired.seq, seq);
  ASSERT_TRUE(world.run_until(RolloutPhase::kPromoting, 1200)) << to_json(world.status());
  EXPECT_FALSE(world.status().desired.sticky_header.has_value());
  ASSERT_TRUE(world.run_until(RolloutPhase::kWatching, 120));
  EXPECT_EQ(world.status().desired.sticky_header, kByUser);
}

// What users ask is their own: a share of users need not be that share of the queries.
TEST(SplitStory, TheShareOfQueriesIsAwaitedOnlyWhereItWasAskedFor) {
  for (const bool is_sticky : {false, true}) {
    StoryWorld world;
    if (is_sticky) {
      stick(world);
    }
    world.users_eagerness = 1.5;
    world.offer_candidate("packages-good");
    EXPECT_EQ(world.run_until(RolloutPhase::kPromoted, 1200), is_sticky) << to_json(world.status());
    if (!is_sticky) {
      const auto* progressing = kube::find_condition(world.status().conditions, "Progressing");
      ASSERT_NE(progressing, nullptr);
      EXPECT_NE(progressing->message.find("the observed share to match 10%"), std::string::npos)
          << progressing->message;
    }
  }
}

TEST(SplitStory, ASickCandidateIsRolledBackAmongItsUsersToo) {
  StoryWorld world({.candidate_error_rate = 0.2});
  stick(world);
  world.users_eagerness = 0.5;
  world.offer_candidate("packages-bad");
  ASSERT_TRUE(world.run_until(RolloutPhase::kRolledBack, 600)) << to_json(world.status());
  EXPECT_FALSE(world.status().desired.sticky_header.has_value());
}

}  // namespace
}  // namespace sluice::canary_rollout
