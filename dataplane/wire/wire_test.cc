#include <gtest/gtest.h>

#include "base/describe.h"
#include "dataplane/wire/build_report.h"
#include "dataplane/wire/counters.h"
#include "dataplane/wire/evaluation.h"
#include "dataplane/wire/route_table.h"

namespace sluice::wire {
namespace {

TEST(UnchangedText, NamesTheDocumentsAndNothingElseDoes) {
  const std::string digest(64, 'a');
  EXPECT_EQ(unchanged_documents(unchanged_text(digest)), digest);
  EXPECT_EQ(unchanged_documents(unchanged_text(digest) + "\n"), digest) << "as a log gives it";
  for (const std::string& other : {std::string(),
                                   std::string("Completed"),
                                   unchanged_text("beef"),
                                   unchanged_text(std::string(64, 'x')),
                                   digest}) {
    EXPECT_EQ(unchanged_documents(other), "") << other;
  }
}

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

// Old routers read it, and a table of an old operator is the same text as before.
TEST(RouteTable, NamesTheHeaderOfStickyUsersOnlyWhereThereIsOne) {
  RouteTable table{.uid = "u",
                   .candidate = RouteCandidate{.target = {.revision = "b"}, .weight = Share{1}}};
  EXPECT_EQ(to_json(table).find("sticky"), std::string::npos);
  EXPECT_NE(to_json(table).find(R"("weight":"0.01%")"), std::string::npos);
  EXPECT_EQ(from_json<RouteTable>(to_json(table)).value(), table);
  table.candidate->sticky_header = "X-User-Id";
  EXPECT_EQ(from_json<RouteTable>(to_json(table)).value(), table);
  table.candidate->sticky_header = std::string(65, 'x');
  EXPECT_FALSE(from_json<RouteTable>(to_json(table)));
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

TEST(EvaluateRequest, IsAUrlOrLinesAndNothingBetween) {
  const std::string digest(64, 'a');
  EXPECT_TRUE(from_json<EvaluateRequest>(R"({"url":"http://x/golden"})"));
  EXPECT_TRUE(
      from_json<EvaluateRequest>(R"({"url":"https://x/golden","sha256":")" + digest + R"("})"));
  EXPECT_TRUE(from_json<EvaluateRequest>(R"({"lines":"{}"})"));
  for (const std::string& bad : {std::string("{}"),
                                 std::string(R"({"url":"http://x/","lines":"{}"})"),
                                 std::string(R"({"url":"file:///etc/passwd"})"),
                                 std::string(R"({"url":"http://a b/"})"),
                                 std::string(R"({"url":"http://x/","sha256":"abc"})"),
                                 R"({"lines":"{}","sha256":")" + digest + R"("})",
                                 std::string(R"({"url":7})")}) {
    EXPECT_FALSE(from_json<EvaluateRequest>(bad)) << bad;
  }
}

TEST(EvaluationJob, RoundTrips) {
  const EvaluationJob job{
      .id = "1",
      .state = EvaluationState::kDone,
      .index_digest = std::string(64, 'a'),
      .summary = api::EvaluationSummary{.ndcg_at_10 = 0.5, .queries = 1},
      .results = EvaluationResults{
          .golden_digest = "g", .ids = {"q"}, .ndcg_at_10 = {0.5}, .judged_at_10 = {1}}};
  const auto read = from_json<EvaluationJob>(to_json(job));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, job);
}

}  // namespace
}  // namespace sluice::wire
