// Commands: which are accepted when, and what they race against.

#include "controllers/canary_rollout/commands.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <vector>

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
      {"dance packages-next c4", "refused: \"dance\" is not a verb"},
      {"approve packages-next:1 c7", "refused: step 2/3 split 10% waits for evidence"},
      {"resume packages-next c8", "refused: it is not paused"},
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

// A world in the phase of that name, with packages-next as its candidate.
StoryWorld world_in(RolloutPhase phase) {
  StoryWorld world({.candidate_error_rate = phase == RolloutPhase::kRolledBack ? 0.5 : 0.0});
  if (phase == RolloutPhase::kIdle) {
    world.run(1);
    return world;
  }
  if (phase == RolloutPhase::kPaused) {
    world.rollout.spec.steps[2] = {.pause = api::PauseStep{}};
  }
  world.offer_candidate("packages-next");
  if (phase == RolloutPhase::kPending) {
    world.index->status.candidate->phase = api::CandidatePhase::kBuilding;
    world.index->status.candidate->facts.reset();
  } else if (phase == RolloutPhase::kEvaluating) {
    world.seen.evaluations.candidate.reset();
  } else if (phase == RolloutPhase::kRollingBack || phase == RolloutPhase::kSuperseded) {
    world.run(20);
    if (phase == RolloutPhase::kSuperseded) {
      world.withdraw_candidate();
    } else {
      world.index_obeys = false;
      world.command("abort packages-next before");
    }
  } else if (phase == RolloutPhase::kProgressing) {
    world.rollout.spec.steps[1].split->min_duration = std::chrono::minutes(5);
  }
  EXPECT_TRUE(world.run_until(phase, 900));
  if (phase == RolloutPhase::kPromoting) {
    world.index_obeys = false;
  }
  return world;
}

struct VerbCase {
  RolloutPhase phase;
  std::set<std::string> accepted;
};

class VerbsInPhase : public testing::TestWithParam<VerbCase> {};

TEST_P(VerbsInPhase, AreAcceptedOrRefusedAtOnceWithAReason) {
  for (const char* verb : {"abort", "approve", "promote", "pause", "resume", "retry", "dance"}) {
    StoryWorld world = world_in(GetParam().phase);
    const auto before = world.status();
    world.command(std::string(verb) + " packages-next c1");
    world.decide_once();
    ASSERT_TRUE(world.status().last_command.has_value());
    EXPECT_EQ(world.status().last_command->id, "c1");
    const std::string& result = world.status().last_command->result;
    const bool is_accepted = GetParam().accepted.contains(verb);
    EXPECT_TRUE(result.starts_with(is_accepted ? "accepted: " : "refused: "))
        << verb << " in " << before.step_summary << ": " << result;
    EXPECT_GT(result.size(), std::string("accepted: ").size());
    const std::string reason = is_accepted ? "CommandAccepted" : "CommandRefused";
    EXPECT_TRUE(std::ranges::any_of(world.events,
                                    [&](const Announce& event) { return event.reason == reason; }));
    if (!is_accepted) {
      EXPECT_EQ(world.status().phase, before.phase) << verb;
      EXPECT_EQ(world.status().desired, before.desired) << verb;
      EXPECT_EQ(world.status().step_index, before.step_index) << verb;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    All,
    VerbsInPhase,
    testing::Values(VerbCase{RolloutPhase::kIdle, {}},
                    VerbCase{RolloutPhase::kPending, {"abort", "pause"}},
                    VerbCase{RolloutPhase::kEvaluating, {"abort", "pause"}},
                    VerbCase{RolloutPhase::kProgressing, {"abort", "pause", "promote"}},
                    VerbCase{RolloutPhase::kPaused, {"abort", "approve", "pause", "promote"}},
                    VerbCase{RolloutPhase::kPromoting, {"abort"}},
                    VerbCase{RolloutPhase::kPromoted, {}},
                    VerbCase{RolloutPhase::kRollingBack, {}},
                    VerbCase{RolloutPhase::kRolledBack, {"retry"}},
                    VerbCase{RolloutPhase::kSuperseded, {}}));

TEST(RolloutDecide, PromoteSkipsTheStepsThatAreLeft) {
  StoryWorld world = in_split();
  world.command("promote packages-next p1");
  world.run(1);
  EXPECT_EQ(world.status().phase, RolloutPhase::kPromoting);
  EXPECT_EQ(world.newest().reason, "PromotedByCommand");
  EXPECT_NE(world.newest().message.find("p1"), std::string::npos);
  ASSERT_TRUE(world.run_until(RolloutPhase::kPromoted, 30));
  EXPECT_EQ(world.weights, (std::vector{Share{1000}, kWhole}));
}

TEST(RolloutDecide, PromoteIsRefusedWhereItWouldHarm) {
  struct Case {
    std::function<void(StoryWorld&)> trouble;
    std::string refusal;
  };

  const Case cases[] = {
      {[](StoryWorld& world) { world.routers_quarantine = true; }, "quarantine"},
      {[](StoryWorld& world) { world.seen.candidate_pods.ready = 0; }, "no worker"},
      {[](StoryWorld& world) { world.index->spec.drill.emplace(); }, "a drill never"},
      {[](StoryWorld& world) { world.rollout.spec.paused = true; }, "spec.paused holds it"}};
  for (const Case& one : cases) {
    StoryWorld world = in_split();
    one.trouble(world);
    world.run(3);
    world.command("promote packages-next p1");
    world.run(1);
    EXPECT_EQ(world.status().last_command->result.find("refused: "), 0U) << one.refusal;
    EXPECT_NE(world.status().last_command->result.find(one.refusal), std::string::npos)
        << world.status().last_command->result;
    EXPECT_EQ(world.status().phase, RolloutPhase::kProgressing) << one.refusal;
  }
}

TEST(RolloutDecide, ApproveEndsAnInconclusiveHold) {
  StoryWorld world({.queries_per_second = 2});
  world.rollout.spec.steps[1].split->max_duration = std::chrono::minutes(2);
  world.offer_candidate("packages-quiet");
  world.run(200);
  ASSERT_EQ(reason_of(world, "Progressing"), "Inconclusive");
  EXPECT_NE(message_of(world, "Progressing").find("approve or abort"), std::string::npos);
  world.command("approve packages-quiet:1 a1");
  world.run(2);
  EXPECT_EQ(world.status().step_index, 2);
  EXPECT_EQ(world.newest().reason, "Approved");
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
