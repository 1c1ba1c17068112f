#include <gtest/gtest.h>

#include "controllers/scrape/evaluation_store.h"
#include "controllers/scrape/report_store.h"
#include "controllers/scrape/sample_store.h"

namespace sluice::scrape {
namespace {

const kube::ObjectKey kIndex{"default", "packages"};

Stamp at(int seconds) {
  return {.monotonic = {std::chrono::seconds(seconds)},
          .wall = {std::chrono::seconds(1000 + seconds)}};
}

wire::Counters counters_of(const std::string& start_id) {
  wire::Counters counters;
  counters.process_start_id = start_id;
  return counters;
}

TEST(SampleStore, KeepsTheLastGoodAnswerWhileLaterOnesFail) {
  SampleStore store;
  store.put(kIndex, {.name = "r1", .uid = "u1"}, counters_of("a"), at(1));
  store.put_error(kIndex, {.name = "r1", .uid = "u1"}, "timeout", at(2));
  store.put_error(kIndex, {.name = "r1", .uid = "u1"}, "timeout", at(3));
  const RouterSample* sample = store.find(kIndex, "r1");
  ASSERT_NE(sample, nullptr);
  EXPECT_EQ(sample->counters->process_start_id, "a");
  EXPECT_EQ(sample->arrived, at(1));
  EXPECT_EQ(sample->error, "timeout");
  EXPECT_EQ(sample->failures, 2);
  store.put(kIndex, {.name = "r1", .uid = "u1"}, counters_of("a"), at(4));
  EXPECT_EQ(store.find(kIndex, "r1")->failures, 0);
  EXPECT_TRUE(store.find(kIndex, "r1")->error.empty());
}

TEST(SampleStore, StartsAnewForAnotherPodOfTheSameName) {
  SampleStore store;
  store.put(kIndex, {.name = "r1", .uid = "u1"}, counters_of("a"), at(1));
  store.put_error(kIndex, {.name = "r1", .uid = "u2"}, "refused", at(2));
  EXPECT_FALSE(store.find(kIndex, "r1")->counters.has_value());
  // The old pod's target is dropped late: the new pod's sample stays.
  store.forget(kIndex, {.name = "r1", .uid = "u1"});
  EXPECT_NE(store.find(kIndex, "r1"), nullptr);
  store.forget(kIndex, {.name = "r1", .uid = "u2"});
  EXPECT_TRUE(store.of_index(kIndex).empty());
}

TEST(SampleStore, IsBoundedAndTellsOfEveryScrape) {
  SampleStore store;
  int told = 0;
  store.on_change([&](const kube::ObjectKey& key) { told += key == kIndex ? 1 : 100; });
  for (std::size_t i = 0; i < SampleStore::kRoutersMax + 5; ++i) {
    const std::string name = "r" + std::to_string(i);
    store.put(kIndex, {.name = name, .uid = name}, {}, at(1));
  }
  EXPECT_EQ(store.of_index(kIndex).size(), SampleStore::kRoutersMax);
  EXPECT_EQ(told, static_cast<int>(SampleStore::kRoutersMax));
}

TEST(ReportStore, TellsOnlyOfNews) {
  ReportStore store;
  int told = 0;
  store.on_change([&](const kube::ObjectKey&) { ++told; });
  wire::BuildReport report{.phase = wire::BuildPhase::kBuilding, .message = "10%"};
  store.put(kIndex, "u1", report, at(1));
  store.put(kIndex, "u1", report, at(2));
  EXPECT_EQ(told, 1);
  EXPECT_EQ(store.find("u1")->arrived, at(2));
  store.put_error("u1", "refused");
  EXPECT_EQ(store.find("u1")->report, report);
  report.phase = wire::BuildPhase::kReady;
  store.put(kIndex, "u1", report, at(3));
  EXPECT_EQ(told, 2);
  EXPECT_TRUE(store.find("u1")->error.empty());
  store.forget("u1");
  EXPECT_EQ(store.find("u1"), nullptr);
}

TEST(EvaluationStore, KeepsResultsUntilNoPlanOfTheirIndexNamesThem) {
  EvaluationStore store;
  int told = 0;
  store.on_change([&](const kube::ObjectKey&) { ++told; });
  const EvaluationKey key{"default", "packages-a", "digest"};
  store.put_error(kIndex, key, "refused");
  store.put_error(kIndex, key, "refused");
  EXPECT_EQ(told, 1);
  EXPECT_EQ(store.find(key), nullptr);
  EXPECT_EQ(store.problem(key), "refused");
  store.put(kIndex, key, {.ids = {"q1"}});
  EXPECT_EQ(store.problem(key), "");
  const auto held = store.find(key);
  store.retain({"default", "other"}, {});
  EXPECT_NE(store.find(key), nullptr);
  store.retain(kIndex, {});
  EXPECT_EQ(store.find(key), nullptr);
  EXPECT_EQ(held->ids.size(), 1U);
}

}  // namespace
}  // namespace sluice::scrape
