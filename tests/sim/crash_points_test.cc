// The production operator as a whole, on an API server in this process: it dies after each of its
// writes in turn, or the reply to each is lost, and the story always ends alike. The tests are
// named after the write, so that a failure says which.

#include <gtest/gtest.h>

#include <fmt/format.h>
#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include "base/log.h"
#include "tests/sim/play.h"
#include "tests/sim/verdict.h"

namespace sluice {
namespace {

struct CrashPoint {
  const Scenario* scenario = nullptr;
  Trouble trouble = Trouble::kNone;
  std::size_t at_write = 0;
};

const Ending& undisturbed(std::string_view name) {
  return undisturbed(*find_scenario(name));
}

// All scenarios begin alike, and many go on as the plainest one: their first write of their own.
std::size_t first_own_write(const Scenario& scenario) {
  const Scenario& plainest = all_scenarios().front();
  if (&scenario == &plainest) {
    return 1;
  }
  const auto& ours = undisturbed(scenario).writes;
  const auto same = std::ranges::mismatch(ours, undisturbed(plainest).writes).in1 - ours.begin();
  return static_cast<std::size_t>(same) + 1;
}

// Every write of all scenarios, with each trouble.
std::vector<CrashPoint> all_crash_points() {
  set_up_logging(LogLevel::kError, LogFormat::kText);
  std::vector<CrashPoint> points;
  for (const Scenario& scenario : all_scenarios()) {
    for (const Trouble trouble : {Trouble::kCrash, Trouble::kLostReply}) {
      const std::size_t last = undisturbed(scenario).writes.size();
      for (std::size_t n = first_own_write(scenario); n <= last; ++n) {
        points.push_back({.scenario = &scenario, .trouble = trouble, .at_write = n});
      }
    }
  }
  return points;
}

// GoodChange_CrashAfter_017_PATCH_Deployment_default_packages_x
std::string name_of(const testing::TestParamInfo<CrashPoint>& info) {
  const CrashPoint& point = info.param;
  std::string name = fmt::format("{}_{}_{:03}_{}",
                                 point.scenario->name,
                                 point.trouble == Trouble::kCrash ? "CrashAfter" : "ReplyLostOf",
                                 point.at_write,
                                 undisturbed(*point.scenario).writes.at(point.at_write - 1));
  std::ranges::replace_if(
      name, [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

std::string lines_of(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) {
    text += line + "\n";
  }
  return text;
}

testing::AssertionResult has_been(const Ending& ending,
                                  const std::string& thing,
                                  const std::string& values) {
  const bool has = std::ranges::find(ending.history, thing + ": " + values) != ending.history.end();
  return (has ? testing::AssertionSuccess() : testing::AssertionFailure())
         << lines_of(ending.history);
}

class EachWrite : public testing::TestWithParam<CrashPoint> {};

TEST_P(EachWrite, EndsAsIfNothingHadHappened) {
  const CrashPoint& point = GetParam();
  const Ending ending = play(*point.scenario, point.trouble, point.at_write);
  ASSERT_TRUE(ending.had_trouble);
  EXPECT_EQ(lines_of(objections(ending, undisturbed(*point.scenario))), "");
}

INSTANTIATE_TEST_SUITE_P(Operator, EachWrite, testing::ValuesIn(all_crash_points()), name_of);

TEST(UndisturbedOperator, PromotesAGoodChange) {
  const Ending& ending = undisturbed("GoodChange");
  ASSERT_TRUE(ending.has_ended) << ending.where << lines_of(ending.wrong);
  EXPECT_EQ(lines_of(ending.wrong), "");
  EXPECT_TRUE(
      has_been(ending, "phase", "Idle, Pending, Evaluating, Progressing, Promoting, Promoted"));
  EXPECT_TRUE(has_been(ending, "weight", "0%, 10%, 50%, 100%, 0%"));
  EXPECT_NE(ending.cluster.find("\"reason\":\"Serving\""), std::string::npos);
}

TEST(UndisturbedOperator, PromotesTheWordsOfAModel) {
  const Ending& ending = undisturbed("NewWords");
  ASSERT_TRUE(ending.has_ended) << ending.where << lines_of(ending.wrong);
  EXPECT_EQ(lines_of(ending.wrong), "");
  EXPECT_TRUE(has_been(ending, "weight", "0%, 10%, 50%, 100%, 0%"));
  EXPECT_NE(ending.cluster.find("\"usedBy\":[\"packages\"]"), std::string::npos);
  EXPECT_NE(ending.cluster.find("\"reason\":\"Resolved\""), std::string::npos);
}

TEST(UndisturbedOperator, NeedsNoModelsWhereNoneIsNamed) {
  const Ending ending = play(*find_scenario("GoodChange"), Trouble::kNoModels);
  EXPECT_TRUE(ending.has_ended) << ending.where << lines_of(ending.wrong);
  EXPECT_EQ(ending.cluster, undisturbed("GoodChange").cluster);
}

TEST(UndisturbedOperator, RefusesBadQualityWithoutTraffic) {
  const Ending& ending = undisturbed("BadQuality");
  ASSERT_TRUE(ending.has_ended) << ending.where << lines_of(ending.wrong);
  EXPECT_EQ(lines_of(ending.wrong), "");
  EXPECT_TRUE(has_been(ending, "phase", "Idle, Pending, Evaluating, RolledBack"));
  EXPECT_TRUE(has_been(ending, "weight", "0%"));
  EXPECT_NE(ending.cluster.find("\"sluice.dev/verdict\":\"rejected\""), std::string::npos);
}

TEST(UndisturbedOperator, RollsBackAFailingDrill) {
  const Ending& ending = undisturbed("FailingDrill");
  ASSERT_TRUE(ending.has_ended) << ending.where << lines_of(ending.wrong);
  EXPECT_EQ(lines_of(ending.wrong), "");
  EXPECT_TRUE(
      has_been(ending, "phase", "Idle, Pending, Evaluating, Progressing, RollingBack, RolledBack"));
  EXPECT_TRUE(has_been(ending, "weight", "0%, 10%, 0%"));
  EXPECT_NE(ending.cluster.find("\"sluice.dev/verdict\":\"rejected\""), std::string::npos);
}

TEST(UndisturbedOperator, GoesBackFromWhatTurnsBadOnceItIsStable) {
  const Ending& ending = undisturbed("WorseLater");
  ASSERT_TRUE(ending.has_ended) << ending.where << lines_of(ending.wrong);
  EXPECT_EQ(lines_of(ending.wrong), "");
  EXPECT_TRUE(has_been(ending,
                       "phase",
                       "Idle, Pending, Evaluating, Progressing, Promoting, Watching, RollingBack, "
                       "RolledBack"));
  EXPECT_TRUE(has_been(ending, "weight", "0%, 10%, 50%, 100%, 95%, 0%"));
  EXPECT_NE(ending.cluster.find("\"sluice.dev/verdict\":\"rejected\""), std::string::npos);
}

TEST(UndisturbedOperator, RollsBackAFailingShadowThatNoUserHasMet) {
  const Ending& ending = undisturbed("FailingShadow");
  ASSERT_TRUE(ending.has_ended) << ending.where << lines_of(ending.wrong);
  EXPECT_EQ(lines_of(ending.wrong), "");
  EXPECT_TRUE(
      has_been(ending, "phase", "Idle, Pending, Evaluating, Progressing, RollingBack, RolledBack"));
  EXPECT_TRUE(has_been(ending, "weight", "0%"));
  EXPECT_TRUE(has_been(ending, "copies", "0%, 100%, 0%"));
  EXPECT_NE(ending.cluster.find("\"sluice.dev/verdict\":\"rejected\""), std::string::npos);
}

TEST(UndisturbedOperator, RollsBackASlowDrill) {
  const Ending& ending = undisturbed("SlowCandidate");
  ASSERT_TRUE(ending.has_ended) << ending.where << lines_of(ending.wrong);
  EXPECT_EQ(lines_of(ending.wrong), "");
  EXPECT_TRUE(has_been(ending, "weight", "0%, 10%, 0%"));
  EXPECT_NE(ending.cluster.find("\"objective\":\"latency"), std::string::npos) << ending.cluster;
}

struct Intervention {
  std::string scenario;
  std::string weights;
};

std::string name_of_intervention(const testing::TestParamInfo<Intervention>& tested) {
  return tested.param.scenario;
}

class IntervenedRollout : public testing::TestWithParam<Intervention> {};

TEST_P(IntervenedRollout, MovesUsersAsItMust) {
  const Ending& ending = undisturbed(GetParam().scenario);
  ASSERT_TRUE(ending.has_ended) << ending.where << lines_of(ending.wrong);
  EXPECT_EQ(lines_of(ending.wrong), "");
  EXPECT_TRUE(has_been(ending, "weight", GetParam().weights));
}

INSTANTIATE_TEST_SUITE_P(Scenarios,
                         IntervenedRollout,
                         testing::Values(Intervention{"Revert", "0%, 10%, 0%"},
                                         Intervention{"NewerChange",
                                                      "0%, 10%, 0%, 10%, 50%, 100%, 0%"},
                                         Intervention{"PolicyDeleted", "0%, 10%, 0%"},
                                         Intervention{"PolicyEdited", "0%, 10%, 50%, 100%, 0%"},
                                         Intervention{"Abort", "0%, 10%, 0%"},
                                         Intervention{"PauseAndResume", "0%, 10%, 50%, 100%, 0%"},
                                         Intervention{"LostWorkers", "0%, 10%, 50%, 100%, 0%"},
                                         Intervention{"ApiAway", "0%, 10%, 50%, 100%, 0%"}),
                         name_of_intervention);

}  // namespace
}  // namespace sluice
