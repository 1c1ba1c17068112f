#include <gtest/gtest.h>

#include "base/describe.h"
#include "dataplane/wire/build_report.h"
#include "dataplane/wire/counters.h"
#include "dataplane/wire/route_table.h"

namespace sluice::wire {
namespace {

TEST(RouteTable, RoundTrips) {
  const RouteTable table{
      .index = "packages",
      .uid = "u",
      .epoch = 1,
      .generation = 7,
      .stable = RouteTarget{.revision = "packages-a"},
      .candidate = RouteCandidate{.target = {.revision = "packages-b"}, .weight = Share{1000}}};
  const auto read = from_json<RouteTable>(to_json(table));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, table);
}

TEST(RouteTable, RefusesHalfATable) {
  const auto read = from_json<RouteTable>(R"({"version":1,"index":"x","uid":"u","epoch":1})");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message, ".generation: is required");
}

TEST(Counters, RoundTripsAndRefusesNegatives) {
  Counters counters{.process_start_id = "a1", .at = {std::chrono::microseconds{1'234'567}}};
  counters.revisions.push_back({.revision = "r", .mode = CounterMode::kQuarantine, .ended = 5});
  EXPECT_EQ(from_json<Counters>(to_json(counters)).value(), counters);
  counters.revisions[0].ended = -1;
  EXPECT_FALSE(from_json<Counters>(to_json(counters)));
}

TEST(EvaluationResults, RefusesUnequalColumns) {
  EXPECT_FALSE(from_json<EvaluationResults>(
      R"({"goldenDigest":"","ids":["a"],"ndcgAt10":[1,2],"judgedAt10":[1]})"));
}

}  // namespace
}  // namespace sluice::wire
