// Both controllers together, by their statuses alone: what an index and its users see of a change.

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

#include "base/describe.h"
#include "tests/scenarios/duet.h"

namespace sluice {
namespace {

using api::RolloutPhase;

// The candidate's weights in the tables written since, each once, from the first above 0 on.
std::vector<std::string> weights_of(const Duet& duet, std::size_t from) {
  std::vector<std::string> weights;
  for (std::size_t i = from; i < duet.world.tables.size(); ++i) {
    const wire::RouteTable& table = duet.world.tables[i];
    const std::string weight = table.candidate ? format_share(table.candidate->weight) : "0%";
    const bool is_new = weights.empty() ? weight != "0%" : weights.back() != weight;
    if (is_new) {
      weights.push_back(weight);
    }
  }
  return weights;
}

bool has_confirmed(const Duet& duet, Share weight) {
  const api::RouteStatus& route = *duet.index().route;
  return route.confirmed && route.weight == weight;
}

struct Trouble {
  double lost_writes;
  int index_writes_max;
};

class TwoControllers : public testing::TestWithParam<Trouble> {
 protected:
  [[nodiscard]] static DuetOptions options() {
    return {.seed = 7,
            .lost_writes = GetParam().lost_writes,
            .index_writes_max = GetParam().index_writes_max};
  }
};

TEST_P(TwoControllers, PromoteAGoodChange) {
  Duet duet(options());
  duet.start();
  const std::size_t tables = duet.world.tables.size();
  const std::string revision = duet.change(1.2);
  ASSERT_TRUE(duet.run_until(RolloutPhase::kPromoted)) << to_json(duet.status());
  ASSERT_TRUE(duet.run_until([&] { return duet.world.ready_reason() == "Serving"; }, 300));
  EXPECT_EQ(duet.index().stable_revision, revision);
  EXPECT_EQ(weights_of(duet, tables), (std::vector<std::string>{"10%", "50%", "100%", "0%"}));
  duet.run(120);
  EXPECT_TRUE(duet.is_quiet());
}

TEST_P(TwoControllers, WaitForAPersonInAPauseAndBeforeThePromotion) {
  Duet duet(options());
  duet.start();
  api::CanaryRolloutSpec& spec = duet.rollout().spec;
  spec.promotion = api::Promotion::kManual;
  spec.steps.insert(spec.steps.begin() + 2, {.pause = api::PauseStep{}});
  const std::string stable = duet.index().stable_revision;
  const std::string revision = duet.change(1.2);
  ASSERT_TRUE(duet.run_until(RolloutPhase::kPaused)) << to_json(duet.status());
  duet.run(120);
  EXPECT_TRUE(has_confirmed(duet, Share{1000}));
  duet.command("approve " + revision + ":2 a1");
  ASSERT_TRUE(duet.run_until([&] { return duet.status().step_index == 4; }, 300));
  duet.run(120);
  EXPECT_EQ(duet.index().stable_revision, stable);
  EXPECT_TRUE(has_confirmed(duet, Share{5000}));
  duet.command("promote " + revision + " p1");
  ASSERT_TRUE(duet.run_until(RolloutPhase::kPromoted)) << to_json(duet.status());
  EXPECT_EQ(duet.index().stable_revision, revision);
}

TEST_P(TwoControllers, RefuseBadQualityBeforeAnyTraffic) {
  Duet duet(options());
  duet.start();
  const std::size_t tables = duet.world.tables.size();
  const std::string stable = duet.index().stable_revision;
  duet.world.build = [](const kube::Pod&) {
    return rag_index::BuildOutcome{.facts = rag_index::facts_of(rag_index::digest_of('d'), 0.62)};
  };
  const std::string revision = duet.change(1.2);
  ASSERT_TRUE(duet.run_until([&] { return duet.world.ready_reason() == "Rejected"; }, 300));
  EXPECT_EQ(duet.status().phase, RolloutPhase::kRolledBack);
  EXPECT_EQ(duet.status().decisions.at(0).verdict, "Refused");
  EXPECT_NE(duet.world.condition("Stalled").message.find("ndcgAt10"), std::string::npos);
  EXPECT_TRUE(weights_of(duet, tables).empty());
  EXPECT_EQ(duet.answered_by(revision), 0);
  EXPECT_EQ(duet.index().stable_revision, stable);
  duet.run(120);
  EXPECT_TRUE(duet.is_quiet());
}

TEST_P(TwoControllers, RollBackAFailingDrillWithItsTimes) {
  Duet duet(options());
  duet.start();
  const std::size_t tables = duet.world.tables.size();
  const std::string stable = duet.index().stable_revision;
  duet.world.edit([](api::RagIndexSpec& spec) { spec.drill = api::Drill{.error_rate = {2000}}; });
  ASSERT_TRUE(duet.run_until([&] { return duet.index().candidate.has_value(); }, 60));
  const std::string revision = duet.index().candidate->revision;
  duet.error_rates[revision] = 0.2;
  ASSERT_TRUE(duet.run_until([&] { return duet.world.ready_reason() == "Rejected"; }, 600))
      << to_json(duet.status());
  const api::RollbackRecord& rollback = *duet.status().last_rollback;
  ASSERT_TRUE(rollback.first_bad_answer_at && rollback.protected_at && rollback.verdict_at &&
              rollback.traffic_restored_at);
  EXPECT_LE(*rollback.verdict_at - *rollback.first_bad_answer_at, std::chrono::seconds(60));
  EXPECT_LE(*rollback.traffic_restored_at - *rollback.verdict_at, std::chrono::seconds(30));
  EXPECT_EQ(weights_of(duet, tables), (std::vector<std::string>{"10%", "0%"}));
  EXPECT_LE(duet.answered_by(revision), 200);
  EXPECT_EQ(duet.index().stable_revision, stable);
  duet.run(120);
  EXPECT_TRUE(duet.is_quiet());
}

TEST_P(TwoControllers, ARevertAtTenPercentRemembersNothing) {
  Duet duet(options());
  duet.start();
  const std::size_t tables = duet.world.tables.size();
  const auto spec = duet.world.index.spec;
  const std::string revision = duet.change(1.2);
  ASSERT_TRUE(duet.run_until(
      [&] { return duet.status().step_started_at && has_confirmed(duet, Share{1000}); }, 300));
  duet.world.edit([&](api::RagIndexSpec& present) { present = spec; });
  ASSERT_TRUE(duet.run_until([&] { return duet.world.ready_reason() == "Serving"; }, 60));
  EXPECT_EQ(weights_of(duet, tables), (std::vector<std::string>{"10%", "0%"}));
  ASSERT_TRUE(duet.run_until(RolloutPhase::kSuperseded, 10));
  EXPECT_FALSE(duet.status().last_rollback.has_value());
  duet.run(120);
  EXPECT_TRUE(duet.is_quiet());
  EXPECT_EQ(duet.change(1.2), revision);
  EXPECT_TRUE(duet.run_until(RolloutPhase::kPromoted)) << to_json(duet.status());
}

TEST_P(TwoControllers, ANewerChangeTakesTheTrafficFirst) {
  Duet duet(options());
  duet.start();
  const std::size_t tables = duet.world.tables.size();
  (void)duet.change(1.2);
  ASSERT_TRUE(duet.run_until([&] { return has_confirmed(duet, Share{1000}); }, 300));
  const std::string second = duet.change(1.5);
  ASSERT_TRUE(duet.run_until([&] { return duet.index().stable_revision == second; }))
      << to_json(duet.status());
  EXPECT_EQ(weights_of(duet, tables).at(1), "0%");
}

TEST_P(TwoControllers, AnAbortIsRememberedUntilARetry) {
  Duet duet(options());
  duet.start();
  const std::string revision = duet.change(1.2);
  ASSERT_TRUE(duet.run_until([&] { return has_confirmed(duet, Share{1000}); }, 300));
  duet.command("abort " + revision + " a1");
  ASSERT_TRUE(duet.run_until([&] { return duet.world.ready_reason() == "Rejected"; }, 120));
  EXPECT_EQ(duet.status().decisions.at(0).reason, "Aborted");
  duet.run(120);
  EXPECT_TRUE(duet.is_quiet());
  duet.command("retry " + revision + " r1");
  ASSERT_TRUE(duet.run_until([&] { return duet.index().stable_revision == revision; }))
      << to_json(duet.status()) << to_json(duet.index());
}

TEST_P(TwoControllers, AStableThatWasBrokenBeforeHoldsTheRolloutAndBlamesNobody) {
  Duet duet(options());
  duet.start();
  duet.error_rates[duet.index().stable_revision] = 0.05;
  duet.world.do_builders_run = false;
  duet.world.edit([](api::RagIndexSpec& spec) {
    spec.retrieval.mode = api::RetrievalMode::kBm25;
    spec.retrieval.bm25.k1 = 1.2;
  });
  duet.run(60);
  ASSERT_EQ(duet.status().phase, RolloutPhase::kPending);
  ASSERT_TRUE(duet.status().evidence.has_value()) << "stable is learned from meanwhile";
  duet.world.do_builders_run = true;
  ASSERT_TRUE(duet.run_until([&] { return has_confirmed(duet, Share{1000}); }, 120));
  duet.error_rates[duet.index().candidate->revision] = 0.05;
  const auto is_breach_told = [&] {
    return std::ranges::any_of(duet.status().conditions,
                               [](const auto& each) { return each.reason == "StableInBreach"; });
  };
  ASSERT_TRUE(duet.run_until(is_breach_told, 120)) << to_json(duet.status());
  duet.run(300);
  EXPECT_EQ(duet.status().phase, RolloutPhase::kProgressing) << to_json(duet.status());
  EXPECT_TRUE(is_breach_told());
}

TEST_P(TwoControllers, AChangedGoldenSetIsAskedForAndThenTheRolloutGoesOn) {
  for (const char present : {'4', '5'}) {  // The candidate was built with 4, stable with 3.
    Duet duet(options());
    duet.start();
    duet.golden_set = rag_index::digest_of(present);
    duet.do_workers_evaluate = false;
    duet.world.build = [](const kube::Pod&) {
      api::RevisionFacts facts = rag_index::facts_of(rag_index::digest_of('d'), 0.7);
      facts.evaluation->golden_digest = rag_index::digest_of('4');
      return rag_index::BuildOutcome{.facts = facts};
    };
    const std::string revision = duet.change(1.2);
    ASSERT_TRUE(duet.run_until(RolloutPhase::kEvaluating, 120));
    duet.run(60);
    EXPECT_EQ(duet.status().phase, RolloutPhase::kEvaluating);
    EXPECT_NE(duet.status().message.find("the golden set changed"), std::string::npos);
    EXPECT_NE(duet.status().message.find("503"), std::string::npos) << duet.status().message;
    duet.do_workers_evaluate = true;
    ASSERT_TRUE(duet.run_until([&] { return duet.index().stable_revision == revision; }))
        << to_json(duet.status());
    duet.run(120);
    EXPECT_TRUE(duet.is_quiet());
  }
}

TEST_P(TwoControllers, DeletingThePolicyWithWeightRejectsTheCandidate) {
  Duet duet(options());
  duet.start();
  const std::string stable = duet.index().stable_revision;
  (void)duet.change(1.2);
  ASSERT_TRUE(duet.run_until([&] { return has_confirmed(duet, Share{1000}); }, 300));
  duet.delete_rollout();
  duet.run(300);
  EXPECT_EQ(duet.index().stable_revision, stable);
  EXPECT_EQ(duet.index().route->weight, Share{0});
  EXPECT_TRUE(duet.world.is_quiet());
}

TEST_P(TwoControllers, AFailedBuildIsRejectedWithItsMessage) {
  Duet duet(options());
  duet.start();
  duet.world.build = [](const kube::Pod&) {
    return rag_index::BuildOutcome{.failure = "line 7: not JSON"};
  };
  (void)duet.change(1.2);
  ASSERT_TRUE(duet.run_until(
      [&] { return duet.world.condition("Stalled").status == kube::ConditionStatus::kTrue; }, 300))
      << to_json(duet.status()) << to_json(duet.index());
  EXPECT_NE(duet.world.condition("Stalled").message.find("line 7: not JSON"), std::string::npos);
  duet.run(120);
  EXPECT_TRUE(duet.is_quiet());
}

INSTANTIATE_TEST_SUITE_P(Troubles,
                         TwoControllers,
                         testing::Values(Trouble{0, 0}, Trouble{0.4, 0}, Trouble{0.3, 1}));

}  // namespace
}  // namespace sluice
