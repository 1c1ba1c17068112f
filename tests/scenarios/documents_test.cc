// Both controllers and new documents under the same config: by gates, step by step, refused,
// queued, overtaken, returned from.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/describe.h"
#include "tests/scenarios/duet.h"

namespace sluice {
namespace {

using api::RolloutPhase;

constexpr const char* kOther = "http://corpus/other.jsonl";

struct Trouble {
  double lost_writes;
  int index_writes_max;
};

struct NewDocuments : testing::TestWithParam<Trouble> {
  Duet duet{{.seed = 11,
             .lost_writes = GetParam().lost_writes,
             .index_writes_max = GetParam().index_writes_max}};
  // What the source has.
  char letter = 'd';
  std::int64_t count = 33'000;
  double ndcg = 0.7;
  std::string old;
  std::size_t tables = 0;

  void SetUp() override {
    duet.world.build = [this](const kube::Pod&) {
      rag_index::BuildOutcome built{.facts =
                                        rag_index::facts_of(rag_index::digest_of(letter), ndcg)};
      built.facts.documents = count;
      return built;
    };
    duet.start();
    old = duet.index().stable_revision;
    tables = duet.world.tables.size();
  }

  // Every story ends so.
  void TearDown() override {
    duet.run(120);
    EXPECT_TRUE(duet.is_quiet());
  }

  void publish(char fresh, api::RefreshPolicy policy = api::RefreshPolicy::kGate) {
    letter = fresh;
    duet.world.edit([&](api::RagIndexSpec& spec) {
      spec.source.http->url = kOther;
      spec.refresh = api::Refresh{.policy = policy};
    });
  }

  bool is_served(char documents) {
    return duet.run_until(
        [&] {
          return duet.index().stable->documents_digest == rag_index::digest_of(documents) &&
                 duet.world.ready_reason() == "Serving";
        },
        1200);
  }

  bool is_data_reason(std::string_view reason) {
    return duet.run_until(
        [&] {
          return !duet.index().candidate &&
                 duet.world.condition("DocumentsCurrent").reason == reason;
        },
        300);
  }

  // The candidate's weights in the tables written since, each once, from the first above 0 on.
  [[nodiscard]] std::vector<std::string> weights() const {
    std::vector<std::string> seen;
    for (std::size_t i = tables; i < duet.world.tables.size(); ++i) {
      const auto& candidate = duet.world.tables[i].candidate;
      const std::string weight = candidate ? format_share(candidate->weight) : "0%";
      if (seen.empty() ? weight != "0%" : seen.back() != weight) {
        seen.push_back(weight);
      }
    }
    return seen;
  }
};

TEST_P(NewDocuments, PassTheGoldenSetAndAreServedWithoutASplit) {
  publish('e');
  ASSERT_TRUE(is_served('e')) << to_json(duet.status()) << to_json(duet.index());
  EXPECT_EQ(weights(), (std::vector<std::string>{"100%", "0%"}));
  EXPECT_TRUE(duet.run_until(RolloutPhase::kPromoted, 60));
  EXPECT_NE(duet.index().stable_revision, old);
}

TEST_P(NewDocuments, WalkTheStepsWhereTheIndexSaysSo) {
  publish('e', api::RefreshPolicy::kRollout);
  ASSERT_TRUE(is_served('e')) << to_json(duet.status());
  EXPECT_EQ(weights(), (std::vector<std::string>{"10%", "50%", "100%", "0%"}));
}

TEST_P(NewDocuments, AreServedWhereThereIsNothingToJudgeThemBy) {
  duet.world.edit([](api::RagIndexSpec& spec) {
    spec.evaluation.reset();
    spec.slo.ndcg_at_10.reset();
  });
  duet.rollout().spec.steps.erase(duet.rollout().spec.steps.begin());
  publish('e');
  ASSERT_TRUE(is_served('e')) << to_json(duet.status());
  EXPECT_EQ(weights(), (std::vector<std::string>{"100%", "0%"}));
}

TEST_P(NewDocuments, AreRefusedWhenMostOfThemAreMissing) {
  count = 13'200;
  publish('e');
  ASSERT_TRUE(is_data_reason("DocumentsRejected")) << to_json(duet.status());
  EXPECT_EQ(duet.status().decisions.at(0).reason, "DocumentCountChanged");
  const std::string message = duet.world.condition("DocumentsCurrent").message;
  EXPECT_NE(message.find("13200"), std::string::npos) << message;
  EXPECT_NE(message.find("33000"), std::string::npos) << message;
  EXPECT_TRUE(weights().empty());
  EXPECT_EQ(duet.index().stable_revision, old);
  EXPECT_EQ(duet.world.condition("Available").status, kube::ConditionStatus::kTrue);
}

TEST_P(NewDocuments, AreRefusedWhenTheyAnswerWorseAndNotTriedAgain) {
  ndcg = 0.62;
  publish('e');
  ASSERT_TRUE(is_data_reason("DocumentsRejected")) << to_json(duet.status());
  EXPECT_EQ(duet.status().decisions.at(0).verdict, "Refused");
  const std::string refused = duet.status().candidate_revision;
  duet.world.edit([](api::RagIndexSpec& spec) { spec.refresh->every = std::chrono::seconds(30); });
  const std::size_t events = duet.world.events.size();
  duet.run(300);
  EXPECT_EQ(duet.world.events.size(), events) << duet.world.events.back().note;
  EXPECT_TRUE(weights().empty());
  duet.world.edit([](api::RagIndexSpec& spec) { spec.refresh->every = Duration{0}; });
  ndcg = 0.7;
  duet.command("retry " + refused + " r1");
  ASSERT_TRUE(is_served('e')) << to_json(duet.status()) << to_json(duet.index());
  EXPECT_EQ(duet.index().stable_revision, refused);
}

TEST_P(NewDocuments, WaitForAChangedConfigAndFollowIt) {
  const std::string changed = duet.change(1.2);
  publish('e');
  ASSERT_TRUE(duet.run_until([&] { return duet.index().stable_revision == changed; }))
      << to_json(duet.status());
  EXPECT_EQ(duet.index().stable->documents_digest, rag_index::digest_of('d'));
  ASSERT_TRUE(is_served('e')) << to_json(duet.status()) << to_json(duet.index());
  EXPECT_NE(duet.index().stable_revision, changed);
}

TEST_P(NewDocuments, AreOvertakenByAChangedConfigAndFollowIt) {
  publish('e', api::RefreshPolicy::kRollout);
  ASSERT_TRUE(duet.run_until(
      [&] { return duet.index().route->confirmed && duet.index().route->weight == Share{1000}; }));
  const std::string overtaken = duet.index().candidate->revision;
  const std::string changed = duet.change(1.2);
  EXPECT_NE(changed, overtaken);
  EXPECT_EQ(weights(), (std::vector<std::string>{"10%", "0%"}));
  ASSERT_TRUE(duet.run_until([&] { return duet.index().stable_revision == changed; }))
      << to_json(duet.status());
  ASSERT_TRUE(is_served('e')) << to_json(duet.status());
}

TEST_P(NewDocuments, AreWatchedAndReturnedFromAndThenNotNewAgain) {
  duet.rollout().spec.rollback.watch_after_promotion = std::chrono::minutes(3);
  publish('e');
  ASSERT_TRUE(duet.run_until(
      [&] {
        return duet.status().phase == RolloutPhase::kWatching && duet.status().step_started_at;
      },
      1200))
      << to_json(duet.status());
  const std::string fresh = duet.index().stable_revision;
  EXPECT_NE(fresh, old);
  duet.run(20);
  EXPECT_EQ(duet.index().stable_revision, fresh) << "the old one has the same config";
  duet.error_rates[fresh] = 0.2;
  ASSERT_TRUE(duet.run_until([&] { return duet.index().stable_revision == old; }, 300))
      << to_json(duet.status());
  ASSERT_TRUE(is_data_reason("DocumentsRejected"));
  duet.run(300);
  EXPECT_EQ(duet.index().stable_revision, old);
}

TEST_P(NewDocuments, AreLeftAgainWhenTheSpecGoesBackWithinTheWatch) {
  duet.rollout().spec.rollback.watch_after_promotion = std::chrono::minutes(3);
  publish('e');
  ASSERT_TRUE(duet.run_until(RolloutPhase::kWatching)) << to_json(duet.status());
  duet.world.edit(
      [](api::RagIndexSpec& spec) { spec.source.http->url = "http://corpus/packages.jsonl.gz"; });
  // One of before may still be on its way out: its deletion was a write that got lost.
  const auto builder_uid = [&] {
    const kube::Pod* builder = duet.world.builder();
    return builder == nullptr ? std::string() : builder->metadata.uid;
  };
  const std::string before = builder_uid();
  bool has_built = false;
  ASSERT_TRUE(duet.run_until(
      [&] {
        const std::string now = builder_uid();
        has_built = has_built || (!now.empty() && now != before);
        return duet.index().stable_revision == old && duet.world.ready_reason() == "Serving";
      },
      300))
      << to_json(duet.index());
  EXPECT_FALSE(has_built);
}

INSTANTIATE_TEST_SUITE_P(Troubles,
                         NewDocuments,
                         testing::Values(Trouble{0, 0}, Trouble{0.4, 0}, Trouble{0.3, 1}));

}  // namespace
}  // namespace sluice
