#include "controllers/analysis/counters.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>

#include "base/rng.h"

namespace sluice::analysis {
namespace {

using Values = std::vector<std::pair<std::string, std::int64_t>>;

Result<std::vector<std::int64_t>> take(CounterLedger& ledger,
                                       const std::string& source,
                                       const std::string& start,
                                       const Values& values) {
  std::vector<CounterReading> readings;
  for (const auto& [series, value] : values) {
    readings.push_back({.series = series, .values = {value}});
  }
  return take_increments(ledger, {source, start, readings});
}

TEST(Counters, AJoiningSourceIsABaselineAndDoesNotDisturbTheOthers) {
  CounterLedger ledger;
  EXPECT_EQ(*take(ledger, "a", "1", {{"ended", 100}}), std::vector<std::int64_t>{0});
  EXPECT_EQ(*take(ledger, "b", "1", {{"ended", 9000}}), std::vector<std::int64_t>{0});
  EXPECT_EQ(*take(ledger, "a", "1", {{"ended", 130}}), std::vector<std::int64_t>{30});
  EXPECT_EQ(*take(ledger, "b", "1", {{"ended", 9001}}), std::vector<std::int64_t>{1});
}

TEST(Counters, AVanishedSourceContributesWhatWasLastSeen) {
  CounterLedger ledger;
  ASSERT_TRUE(take(ledger, "a", "1", {{"ended", 100}}));
  ASSERT_TRUE(take(ledger, "b", "1", {{"ended", 50}}));
  // "a" misses any number of scrapes and counts what it did meanwhile when it is back.
  EXPECT_EQ(*take(ledger, "b", "1", {{"ended", 60}}), std::vector<std::int64_t>{10});
  EXPECT_EQ(*take(ledger, "a", "1", {{"ended", 170}}), std::vector<std::int64_t>{70});
}

TEST(Counters, ARestartCountsTheNewValuesInFull) {
  CounterLedger ledger;
  ASSERT_TRUE(take(ledger, "a", "1", {{"ended", 100}, {"failed", 7}}));
  // Even where the new value is already above the old one.
  const std::vector<std::int64_t> expected = {400, 2};
  EXPECT_EQ(*take(ledger, "a", "2", {{"ended", 400}, {"failed", 2}}), expected);
}

TEST(Counters, ASeriesNewInAKnownProcessBeganAtZero) {
  CounterLedger ledger;
  ASSERT_TRUE(take(ledger, "a", "1", {{"stable", 100}}));
  const std::vector<std::int64_t> expected = {1, 25};
  EXPECT_EQ(*take(ledger, "a", "1", {{"stable", 101}, {"candidate", 25}}), expected);
}

TEST(Counters, ASeriesWithMoreValuesThanBeforeIsABaselineAsAWhole) {
  CounterLedger ledger;
  const auto look = [&ledger](std::vector<std::int64_t> values) {
    const std::vector<CounterReading> readings = {{.series = "x", .values = std::move(values)}};
    return *take_increments(ledger, {"a", "1", readings});
  };
  EXPECT_EQ(look({100, 3}), (std::vector<std::int64_t>{0, 0}));
  EXPECT_EQ(look({110, 4}), (std::vector<std::int64_t>{10, 1}));
  EXPECT_EQ(look({130, 4, 55}), (std::vector<std::int64_t>{0, 0, 0}));
  EXPECT_EQ(look({140, 5, 60}), (std::vector<std::int64_t>{10, 1, 5}));
  EXPECT_EQ(look({2, 0, 70}), (std::vector<std::int64_t>{2, 0, 10}));
  const std::vector<CounterReading> wide = {
      {.series = "x", .values = std::vector<std::int64_t>(kValuesPerSeriesMax + 1)}};
  EXPECT_FALSE(take_increments(ledger, {"a", "1", wide}));
}

TEST(Counters, ASeriesThatWasAwayForAScrapeDoesNotCountTwice) {
  CounterLedger ledger;
  ASSERT_TRUE(take(ledger, "a", "1", {{"x", 1}, {"y", 1000}}));
  ASSERT_TRUE(take(ledger, "a", "1", {{"x", 2}}));
  const std::vector<std::int64_t> expected = {1, 5};
  EXPECT_EQ(*take(ledger, "a", "1", {{"x", 3}, {"y", 1005}}), expected);
}

TEST(Counters, SeriesThatCameAndWentDoNotFillTheLedger) {
  CounterLedger ledger;
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(take(ledger, "a", "1", {{"x", i}, {"pod-" + std::to_string(i), 1}}));
    ASSERT_LE(ledger.sources.at(0).series.size(), 21U);
  }
}

struct Bad {
  const char* name;
  Values values;
};

TEST(Counters, BadScrapesAreRefusedAndChangeNothing) {
  CounterLedger ledger;
  ASSERT_TRUE(take(ledger, "a", "1", {{"x", 1}}));
  const CounterLedger before = ledger;
  Values too_many;
  for (std::size_t i = 0; i <= kSeriesPerSourceMax; ++i) {
    too_many.emplace_back("s" + std::to_string(i), 0);
  }
  const std::vector<Bad> cases = {{"negative", {{"x", 5}, {"y", -1}}},
                                  {"twice", {{"x", 5}, {"x", 6}}},
                                  {"more than 512 series", too_many}};
  for (const Bad& c : cases) {
    const auto result = take(ledger, "a", "2", c.values);
    ASSERT_FALSE(result) << c.name;
    EXPECT_EQ(result.error().code, ErrorCode::kInvalid);
    EXPECT_NE(result.error().message.find(c.name), std::string::npos) << result.error().message;
    EXPECT_EQ(ledger, before);
  }
}

TEST(Counters, TheNumberOfSourcesIsBoundedAndForgettingMakesRoom) {
  CounterLedger ledger;
  for (std::size_t i = 0; i < kSourcesMax; ++i) {
    ASSERT_TRUE(take(ledger, "router-" + std::to_string(i), "1", {{"x", 1}}));
  }
  EXPECT_FALSE(take(ledger, "one-more", "1", {{"x", 1}}));
  forget_source(ledger, "router-3");
  EXPECT_TRUE(take(ledger, "one-more", "1", {{"x", 1}}));
  forget_source(ledger, "never-seen");
  EXPECT_EQ(ledger.sources.size(), kSourcesMax);
}

// Against a model: with restarts and missed scrapes, increments add up to what really happened less
// the tails that restarts took with them, and never to more.
TEST(Counters, IncrementsNeverInventRequests) {
  Rng rng(9);
  for (int run = 0; run < 50; ++run) {
    CounterLedger ledger;
    std::int64_t value = 0;
    std::int64_t seen_value = 0;
    std::int64_t happened = 0;
    std::int64_t lost = 0;
    std::int64_t counted = 0;
    int process = 0;
    ASSERT_TRUE(take(ledger, "a", "0", {{"x", 0}}));
    for (int i = 0; i < 200; ++i) {
      const auto more = static_cast<std::int64_t>(rng.below(50));
      value += more;
      happened += more;
      if (rng.below(20) == 0) {
        lost += value - seen_value;
        value = 0;
        seen_value = 0;
        ++process;
      }
      if (rng.below(3) != 0) {
        counted += take(ledger, "a", std::to_string(process), {{"x", value}})->at(0);
        seen_value = value;
      }
    }
    counted += take(ledger, "a", std::to_string(process), {{"x", value}})->at(0);
    EXPECT_EQ(counted, happened - lost);
  }
}

}  // namespace
}  // namespace sluice::analysis
