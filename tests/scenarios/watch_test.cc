// Both controllers after a promotion: the old stable beside the new one, and the way back to it.

#include <gtest/gtest.h>

#include <string>

#include "base/describe.h"
#include "crds/names.h"
#include "tests/scenarios/duet.h"

namespace sluice {
namespace {

using api::RolloutPhase;

struct Trouble {
  double lost_writes;
  int index_writes_max;
};

struct WatchedIndex : testing::TestWithParam<Trouble> {
  // A change that was promoted, and is judged beside the old stable.
  void SetUp() override {
    duet.start();
    duet.rollout().spec.rollback.watch_after_promotion = window;
    old = duet.index().stable_revision;
    fresh = duet.change(1.2);
    ASSERT_TRUE(duet.run_until(
        [this] {
          return duet.status().phase == RolloutPhase::kWatching && duet.status().step_started_at;
        },
        1200))
        << to_json(duet.status());
    ASSERT_EQ(duet.index().stable_revision, fresh);
    duet.run(6);
  }

  // Every story ends so.
  void TearDown() override {
    duet.run(120);
    EXPECT_TRUE(duet.is_quiet());
    EXPECT_FALSE(duet.index().previous.has_value());
  }

  [[nodiscard]] bool is_stable_alone(const std::string& revision) const {
    const api::RouteStatus& route = *duet.index().route;
    return duet.index().stable_revision == revision && route.confirmed &&
           route.stable_revision == revision && route.candidate_revision.empty();
  }

  const Duration window = std::chrono::minutes(3);
  Duet duet{{.seed = 7,
             .lost_writes = GetParam().lost_writes,
             .index_writes_max = GetParam().index_writes_max}};
  std::string old;
  std::string fresh;
};

TEST_P(WatchedIndex, KeepsTheOldStableForTheWindowAndIsReadyMeanwhile) {
  EXPECT_EQ(duet.world.ready_reason(), "Serving");
  EXPECT_EQ(duet.index().previous->revision, old);
  EXPECT_EQ(duet.index().route->weight, Share{9500});
  EXPECT_EQ(duet.world.replicas(old), 2);
  const std::int64_t before = duet.answered_by(old);
  duet.run(10);
  EXPECT_GT(duet.answered_by(old), before);
  ASSERT_TRUE(duet.run_until(RolloutPhase::kPromoted, 600)) << to_json(duet.status());
  ASSERT_TRUE(duet.run_until([this] { return is_stable_alone(fresh); }, 60));
  duet.run(60);
  EXPECT_EQ(duet.world.replicas(old), std::nullopt);
  EXPECT_EQ(duet.world.ready_reason(), "Serving");
}

TEST_P(WatchedIndex, GoesBackWithoutABuildWhenTheNewOneFails) {
  duet.error_rates[fresh] = 0.2;
  bool has_built = false;
  ASSERT_TRUE(duet.run_until(
      [&] {
        has_built = has_built || duet.world.builder() != nullptr;
        return duet.world.ready_reason() == "Rejected" && is_stable_alone(old);
      },
      300))
      << to_json(duet.status()) << to_json(duet.index());
  EXPECT_FALSE(has_built);
  EXPECT_EQ(duet.status().phase, RolloutPhase::kRolledBack);
  EXPECT_EQ(duet.status().last_rollback->revision, fresh);
  EXPECT_EQ(duet.world.replicas(old), 2);
  const kube::ObjectMeta& verdict = duet.world.revisions.at(fresh).metadata;
  EXPECT_EQ(verdict.label(api::kVerdictLabel), "rejected");
  // A write may be lost; the next look makes it good.
  EXPECT_TRUE(duet.run_until(
      [this] { return duet.world.revisions.at(old).metadata.label(api::kRoleLabel) == "stable"; },
      30));
  duet.run(60);
  EXPECT_EQ(duet.world.replicas(fresh), std::nullopt) << "kept for 30 s only";
}

TEST_P(WatchedIndex, StaysThroughAnOutageOfBoth) {
  duet.error_rates[fresh] = 1;
  duet.error_rates[old] = 1;
  duet.run(60);
  duet.error_rates.clear();
  ASSERT_TRUE(duet.run_until(RolloutPhase::kPromoted, 900)) << to_json(duet.status());
  ASSERT_TRUE(duet.run_until([this] { return is_stable_alone(fresh); }, 60));
  EXPECT_FALSE(duet.status().last_rollback.has_value());
}

TEST_P(WatchedIndex, GoesBackWhenTheSpecDoesAndRejectsNothing) {
  duet.world.edit([](api::RagIndexSpec& spec) {
    spec.retrieval.mode = api::RetrievalMode::kTfidf;
    spec.retrieval.bm25 = {};
  });
  ASSERT_TRUE(duet.run_until(
      [this] { return is_stable_alone(old) && duet.world.ready_reason() == "Serving"; }, 60))
      << to_json(duet.index());
  ASSERT_TRUE(duet.run_until(RolloutPhase::kSuperseded, 30)) << to_json(duet.status());
  EXPECT_FALSE(duet.status().last_rollback.has_value());
  EXPECT_EQ(duet.world.revisions.at(fresh).metadata.label(api::kVerdictLabel), "promoted");
}

TEST_P(WatchedIndex, ANewerChangeBeginsWhenNothingSpeaksAgainstThisOne) {
  const std::string next = duet.change(1.5);
  EXPECT_EQ(duet.index().stable_revision, fresh);
  EXPECT_FALSE(duet.index().previous.has_value());
  duet.rollout().spec.rollback.watch_after_promotion = {};
  ASSERT_TRUE(duet.run_until(
      [&] { return duet.index().stable_revision == next && !duet.index().previous; }, 1800))
      << to_json(duet.status());
}

TEST_P(WatchedIndex, ThatLosesItsPolicyKeepsTheNewOne) {
  duet.delete_rollout();
  ASSERT_TRUE(duet.run_until([this] { return is_stable_alone(fresh); }, 60));
  duet.run(60);
  EXPECT_EQ(duet.world.replicas(old), std::nullopt);
  // is_quiet() asks the rollout too.
  duet.world.add_rollout("packages").metadata.generation = 1;
  duet.is_rollout_there = true;
}

TEST_P(WatchedIndex, AnAbortLeadsBackAndARetryBeginsAnew) {
  duet.command("abort " + fresh + " a1");
  ASSERT_TRUE(duet.run_until(
      [this] { return is_stable_alone(old) && duet.world.ready_reason() == "Rejected"; }, 120))
      << to_json(duet.index());
  EXPECT_EQ(duet.status().decisions.at(0).reason, "Aborted");
  duet.command("retry " + fresh + " r1");
  ASSERT_TRUE(duet.run_until(RolloutPhase::kWatching, 1800)) << to_json(duet.status());
  duet.command("promote " + fresh + " p1");
  ASSERT_TRUE(duet.run_until([this] { return is_stable_alone(fresh); }, 120))
      << to_json(duet.index());
}

INSTANTIATE_TEST_SUITE_P(Troubles,
                         WatchedIndex,
                         testing::Values(Trouble{0, 0}, Trouble{0.4, 0}, Trouble{0.3, 1}));

}  // namespace
}  // namespace sluice
