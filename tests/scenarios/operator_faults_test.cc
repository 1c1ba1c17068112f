// The production operator as a whole, on an API server in this process: it dies after each of its
// writes in turn, or the reply to each is lost, and the story always ends alike. The tests are
// named after the write, so that a failure says which.

#include <gtest/gtest.h>

#include <fmt/format.h>
#include <algorithm>
#include <cctype>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "base/log.h"
#include "tests/scenarios/operator_story.h"

namespace sluice {
namespace {

const Ending& undisturbed(Act act) {
  static std::map<Act, Ending> endings;
  const auto found = endings.find(act);
  return found != endings.end() ? found->second
                                : endings.emplace(act, play({.act = act})).first->second;
}

// Every write of all acts, with each trouble.
std::vector<Play> all_plays() {
  set_up_logging(LogLevel::kError, LogFormat::kText);
  std::vector<Play> plays;
  for (const Act act : {Act::kGoodChange,
                        Act::kBadQuality,
                        Act::kFailingDrill,
                        Act::kFailingShadow,
                        Act::kNewWords,
                        Act::kWorseLater}) {
    for (const Trouble trouble : {Trouble::kCrash, Trouble::kLostReply}) {
      // All acts begin alike.
      const std::size_t first =
          act == Act::kGoodChange ? 1 : undisturbed(act).writes_before_change + 1;
      for (std::size_t n = first; n <= undisturbed(act).writes.size(); ++n) {
        plays.push_back({.act = act, .trouble = trouble, .at_write = n});
      }
    }
  }
  return plays;
}

// GoodChange_CrashAfter_017_PATCH_Deployment_default_packages_x
std::string name_of(const testing::TestParamInfo<Play>& info) {
  const Play& play = info.param;
  const std::map<Act, std::string> acts{{Act::kGoodChange, "GoodChange"},
                                        {Act::kBadQuality, "BadQuality"},
                                        {Act::kFailingDrill, "FailingDrill"},
                                        {Act::kFailingShadow, "FailingShadow"},
                                        {Act::kNewWords, "NewWords"},
                                        {Act::kWorseLater, "WorseLater"}};
  const std::map<Trouble, std::string> troubles{{Trouble::kCrash, "CrashAfter"},
                                                {Trouble::kLostReply, "ReplyLostOf"}};
  std::string name = fmt::format("{}_{}_{:03}_{}",
                                 acts.at(play.act),
                                 troubles.at(play.trouble),
                                 play.at_write,
                                 undisturbed(play.act).writes.at(play.at_write - 1));
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

// A crash may cost an Event, but nothing is told twice: except that a quarantine goes on, which is
// news again to an operator that has been blind for a while.
std::vector<std::string> once(std::vector<std::string> events) {
  const std::string recurring = "CanaryRollout Quarantined";
  const auto first = std::ranges::find(events, recurring);
  if (first != events.end()) {
    events.erase(std::next(first), std::ranges::upper_bound(events, recurring));
  }
  return events;
}

testing::AssertionResult has_been(const Ending& ending,
                                  const std::string& thing,
                                  const std::string& values) {
  const bool has = std::ranges::find(ending.history, thing + ": " + values) != ending.history.end();
  return (has ? testing::AssertionSuccess() : testing::AssertionFailure())
         << lines_of(ending.history);
}

class EachWrite : public testing::TestWithParam<Play> {};

TEST_P(EachWrite, EndsAsIfNothingHadHappened) {
  const Ending ending = play(GetParam());
  const Ending& wanted = undisturbed(GetParam().act);
  ASSERT_TRUE(ending.has_ended) << ending.where << lines_of(ending.wrong);
  ASSERT_TRUE(ending.had_trouble);
  EXPECT_EQ(lines_of(ending.wrong), "");
  EXPECT_EQ(lines_of(ending.history), lines_of(wanted.history));
  EXPECT_EQ(ending.cluster, wanted.cluster);
  EXPECT_TRUE(std::ranges::includes(once(wanted.events), once(ending.events)))
      << lines_of(ending.events);
}

INSTANTIATE_TEST_SUITE_P(Operator, EachWrite, testing::ValuesIn(all_plays()), name_of);

TEST(UndisturbedOperator, PromotesAGoodChange) {
  const Ending& ending = undisturbed(Act::kGoodChange);
  ASSERT_TRUE(ending.has_ended) << ending.where << lines_of(ending.wrong);
  EXPECT_EQ(lines_of(ending.wrong), "");
  EXPECT_TRUE(
      has_been(ending, "phase", "Idle, Pending, Evaluating, Progressing, Promoting, Promoted"));
  EXPECT_TRUE(has_been(ending, "weight", "0%, 10%, 50%, 100%, 0%"));
  EXPECT_NE(ending.cluster.find("\"reason\":\"Serving\""), std::string::npos);
}

TEST(UndisturbedOperator, PromotesTheWordsOfAModel) {
  const Ending& ending = undisturbed(Act::kNewWords);
  ASSERT_TRUE(ending.has_ended) << ending.where << lines_of(ending.wrong);
  EXPECT_EQ(lines_of(ending.wrong), "");
  EXPECT_TRUE(has_been(ending, "weight", "0%, 10%, 50%, 100%, 0%"));
  EXPECT_NE(ending.cluster.find("\"usedBy\":[\"packages\"]"), std::string::npos);
  EXPECT_NE(ending.cluster.find("\"reason\":\"Resolved\""), std::string::npos);
}

TEST(UndisturbedOperator, NeedsNoModelsWhereNoneIsNamed) {
  const Ending ending = play({.act = Act::kGoodChange, .trouble = Trouble::kNoModels});
  EXPECT_TRUE(ending.has_ended) << ending.where << lines_of(ending.wrong);
  EXPECT_EQ(ending.cluster, undisturbed(Act::kGoodChange).cluster);
}

TEST(UndisturbedOperator, RefusesBadQualityWithoutTraffic) {
  const Ending& ending = undisturbed(Act::kBadQuality);
  ASSERT_TRUE(ending.has_ended) << ending.where << lines_of(ending.wrong);
  EXPECT_EQ(lines_of(ending.wrong), "");
  EXPECT_TRUE(has_been(ending, "phase", "Idle, Pending, Evaluating, RolledBack"));
  EXPECT_TRUE(has_been(ending, "weight", "0%"));
  EXPECT_NE(ending.cluster.find("\"sluice.dev/verdict\":\"rejected\""), std::string::npos);
}

TEST(UndisturbedOperator, RollsBackAFailingDrill) {
  const Ending& ending = undisturbed(Act::kFailingDrill);
  ASSERT_TRUE(ending.has_ended) << ending.where << lines_of(ending.wrong);
  EXPECT_EQ(lines_of(ending.wrong), "");
  EXPECT_TRUE(
      has_been(ending, "phase", "Idle, Pending, Evaluating, Progressing, RollingBack, RolledBack"));
  EXPECT_TRUE(has_been(ending, "weight", "0%, 10%, 0%"));
  EXPECT_NE(ending.cluster.find("\"sluice.dev/verdict\":\"rejected\""), std::string::npos);
}

TEST(UndisturbedOperator, GoesBackFromWhatTurnsBadOnceItIsStable) {
  const Ending& ending = undisturbed(Act::kWorseLater);
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
  const Ending& ending = undisturbed(Act::kFailingShadow);
  ASSERT_TRUE(ending.has_ended) << ending.where << lines_of(ending.wrong);
  EXPECT_EQ(lines_of(ending.wrong), "");
  EXPECT_TRUE(
      has_been(ending, "phase", "Idle, Pending, Evaluating, Progressing, RollingBack, RolledBack"));
  EXPECT_TRUE(has_been(ending, "weight", "0%"));
  EXPECT_TRUE(has_been(ending, "copies", "0%, 100%, 0%"));
  EXPECT_NE(ending.cluster.find("\"sluice.dev/verdict\":\"rejected\""), std::string::npos);
}

}  // namespace
}  // namespace sluice
