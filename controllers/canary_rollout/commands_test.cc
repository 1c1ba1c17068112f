// abort and retry, and what they race against.

#include "controllers/canary_rollout/commands.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "controllers/canary_rollout/story_world.h"

namespace sluice::canary_rollout {
namespace {

using api::RolloutPhase;

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

}  // namespace
}  // namespace sluice::canary_rollout
