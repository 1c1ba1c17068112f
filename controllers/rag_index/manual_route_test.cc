// Break glass: a person's edit of the route is honoured until its time is over.

#include <gtest/gtest.h>

#include <algorithm>

#include "base/describe.h"
#include "controllers/rag_index/testing/world.h"
#include "crds/names.h"

namespace sluice::rag_index {
namespace {

using std::chrono::minutes;

struct ManualRoute : testing::Test {
  World world;
  std::string stable;
  std::string candidate;

  void SetUp() override {
    ASSERT_TRUE(world.settle());
    stable = world.status().stable_revision;
    api::CanaryRollout& rollout = world.add_rollout("packages");
    world.edit([](api::RagIndexSpec& spec) { spec.retrieval.mode = api::RetrievalMode::kBm25; });
    ASSERT_TRUE(world.settle());
    world.take_up(rollout);
    rollout.status.phase = api::RolloutPhase::kProgressing;
    world.desire(rollout, api::TrafficMode::kSplit, Share{1000});
    ASSERT_TRUE(world.settle());
    candidate = world.status().candidate->revision;
    world.events.clear();
  }

  void TearDown() override {
    EXPECT_TRUE(world.settle());
    EXPECT_TRUE(world.is_quiet());
  }

  void edit(const wire::RouteTable& table, const std::string& until) {
    world.route->data[std::string(api::kRouteTableKey)] = to_json(table);
    world.route->metadata.annotations[std::string(api::kManualAnnotation)] = until;
  }

  // All traffic to stable, by hand.
  wire::RouteTable all_to_stable() {
    wire::RouteTable table = world.table();
    table.candidate.reset();
    edit(table, in(minutes(10)));
    return table;
  }

  [[nodiscard]] std::string in(Duration time) const { return format_time(world.now + time); }

  [[nodiscard]] bool is_manual() const {
    return world.condition("ManualRoute").status == kube::ConditionStatus::kTrue;
  }

  [[nodiscard]] bool was_told(std::string_view reason) const {
    return std::ranges::any_of(world.events,
                               [&](const Announce& event) { return event.reason == reason; });
  }
};

TEST_F(ManualRoute, IsHonouredUntilItsTimeIsOverThenPutBack) {
  const wire::RouteTable edited = all_to_stable();
  ASSERT_TRUE(world.settle());
  EXPECT_TRUE(world.is_quiet());
  EXPECT_EQ(world.table(), edited);
  EXPECT_TRUE(is_manual());
  EXPECT_NE(world.condition("ManualRoute").message.find(in(minutes(10))), std::string::npos);
  EXPECT_TRUE(was_told("RouteManual"));
  EXPECT_FALSE(was_told("RouteEdited"));
  world.advance(minutes(9));
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.table(), edited);
  world.advance(minutes(2));
  ASSERT_TRUE(world.settle());
  EXPECT_FALSE(is_manual());
  EXPECT_EQ(world.table().candidate->weight, Share{1000});
  EXPECT_GT(world.table().generation, edited.generation);
  EXPECT_TRUE(world.status().route->confirmed);
  EXPECT_TRUE(was_told("RouteEdited"));
}

TEST_F(ManualRoute, LooksAgainWhenTheTimeIsOver) {
  all_to_stable();
  ASSERT_TRUE(world.settle());
  const Decision decision = decide(world.observe(), world.now);
  ASSERT_TRUE(decision.look_again.has_value());
  EXPECT_LE(*decision.look_again, minutes(10));
  EXPECT_EQ(decision.plan.router_interval, std::chrono::seconds(5)) << "no hurry for hours";
}

TEST_F(ManualRoute, EndsWhenTheAnnotationIsRemoved) {
  all_to_stable();
  ASSERT_TRUE(world.settle());
  ASSERT_TRUE(is_manual());
  world.route->metadata.annotations.erase(std::string(api::kManualAnnotation));
  ASSERT_TRUE(world.settle());
  EXPECT_FALSE(is_manual());
  EXPECT_EQ(world.table().candidate->weight, Share{1000});
}

TEST_F(ManualRoute, WithoutAGoodTimeOrTableIsPutBackAndSaysWhy) {
  struct Case {
    std::string until;
    std::string table;
    std::string reason;
  };

  wire::RouteTable edited = world.table();
  edited.candidate.reset();
  const Case cases[] = {{"an hour", to_json(edited), "InvalidExpiry"},
                        {in(minutes(10)), "not json", "InvalidTable"}};
  for (const Case& one : cases) {
    edit(edited, one.until);
    world.route->data[std::string(api::kRouteTableKey)] = one.table;
    world.reconcile();
    EXPECT_EQ(world.condition("ManualRoute").reason, one.reason);
    ASSERT_TRUE(world.settle());
    EXPECT_TRUE(was_told("RouteEdited")) << one.reason;
    EXPECT_EQ(world.table().candidate->weight, Share{1000}) << one.reason;
  }
}

TEST_F(ManualRoute, WhatWasDecidedMeanwhileIsDoneAfterwards) {
  wire::RouteTable edited = world.table();
  edited.candidate->weight = Share{5000};
  edit(edited, in(minutes(10)));
  ASSERT_TRUE(world.settle());
  world.roll_back(world.rollouts.front(), "too many errors");
  world.rollouts.front().status.phase = api::RolloutPhase::kRolledBack;
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.table(), edited) << "the person has the last word";
  EXPECT_TRUE(world.deployments.contains(candidate)) << "what may have traffic keeps its workers";
  world.advance(minutes(11));
  ASSERT_TRUE(world.settle());
  EXPECT_FALSE(world.table().candidate.has_value());
  EXPECT_FALSE(world.status().candidate.has_value());
  EXPECT_EQ(world.ready_reason(), "Rejected");
}

TEST_F(ManualRoute, NothingIsPromotedMeanwhile) {
  wire::RouteTable edited = world.table();
  edited.candidate->weight = kWhole;
  edit(edited, in(minutes(10)));
  ASSERT_TRUE(world.settle());
  world.rollouts.front().status.phase = api::RolloutPhase::kPromoting;
  world.desire(world.rollouts.front(), api::TrafficMode::kPromote, kWhole);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.status().stable_revision, stable);
  world.advance(minutes(11));
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.status().stable_revision, candidate);
}

}  // namespace
}  // namespace sluice::rag_index
