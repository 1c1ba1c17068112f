// Both controllers together on a policy with a shadow step, with writes that get lost on the way.

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>

#include "base/describe.h"
#include "tests/scenarios/duet.h"

namespace sluice {
namespace {

using api::RolloutPhase;

struct Trouble {
  double lost_writes;
  int index_writes_max;
};

class ShadowOfTwo : public testing::TestWithParam<Trouble> {
 protected:
  // Evaluate, shadow, 10 %, 50 %.
  ShadowOfTwo()
      : duet_({.seed = 7,
               .lost_writes = GetParam().lost_writes,
               .index_writes_max = GetParam().index_writes_max}) {
    api::Step shadow;
    shadow.shadow = api::ShadowStep{.min_duration = std::chrono::seconds(15),
                                    .max_duration = std::chrono::minutes(10)};
    auto& steps = duet_.rollout().spec.steps;
    steps.insert(steps.begin() + 1, shadow);
    duet_.start();
    tables_ = duet_.world.tables.size();
  }

  // What the tables gave a candidate since: "copies 100%", "10%", …, each once.
  [[nodiscard]] std::vector<std::string> shares() const {
    std::vector<std::string> shares;
    for (std::size_t i = tables_; i < duet_.world.tables.size(); ++i) {
      const auto& candidate = duet_.world.tables[i].candidate;
      std::string share = "none";
      if (candidate && candidate->shadow > Share{}) {
        EXPECT_EQ(candidate->weight, Share{});
        share = "copies " + format_share(candidate->shadow);
      } else if (candidate) {
        share = format_share(candidate->weight);
      }
      if (shares.empty() ? share != "none" : shares.back() != share) {
        shares.push_back(share);
      }
    }
    return shares;
  }

  Duet duet_;
  std::size_t tables_ = 0;
};

TEST_P(ShadowOfTwo, PromoteAGoodChangeThatRanksOtherwise) {
  duet_.overlap = 0.5;
  const std::string revision = duet_.change(1.2);
  ASSERT_TRUE(duet_.run_until(RolloutPhase::kPromoted)) << to_json(duet_.status());
  ASSERT_TRUE(duet_.run_until([&] { return duet_.world.ready_reason() == "Serving"; }, 300));
  EXPECT_EQ(duet_.index().stable_revision, revision);
  EXPECT_EQ(shares(), (std::vector<std::string>{"copies 100%", "10%", "50%", "100%", "none"}));
  duet_.run(120);
  EXPECT_TRUE(duet_.is_quiet());
}

TEST_P(ShadowOfTwo, RollBackAFailingChangeThatNoUserHasMet) {
  const std::string stable = duet_.index().stable_revision;
  const std::string revision = duet_.change(1.2);
  duet_.error_rates[revision] = 0.2;
  ASSERT_TRUE(duet_.run_until(RolloutPhase::kRolledBack)) << to_json(duet_.status());
  EXPECT_EQ(duet_.index().stable_revision, stable);
  EXPECT_EQ(duet_.answered_by(revision), 0);
  ASSERT_TRUE(duet_.run_until([&] { return duet_.world.ready_reason() == "Rejected"; }, 300));
  EXPECT_EQ(shares(), (std::vector<std::string>{"copies 100%", "none"}));
  duet_.run(120);
  EXPECT_TRUE(duet_.is_quiet());
}

INSTANTIATE_TEST_SUITE_P(Troubles,
                         ShadowOfTwo,
                         testing::Values(Trouble{0, 0}, Trouble{0.3, 0}, Trouble{0, 1}));

}  // namespace
}  // namespace sluice
