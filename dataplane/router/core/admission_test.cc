#include "dataplane/router/core/admission.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/describe.h"

namespace sluice::router {
namespace {

wire::RouteTable a_table(std::string uid, std::int64_t epoch, std::int64_t generation) {
  return {.index = "packages",
          .uid = std::move(uid),
          .epoch = epoch,
          .generation = generation,
          .stable = wire::RouteTarget{.revision = "packages-a"}};
}

TEST(Admission, TakesOnlyWhatIsNewerUnderTheSameUid) {
  struct Case {
    std::string name;
    wire::RouteTable arriving;
    Admission expected;
  };

  wire::RouteTable edited = a_table("u", 2, 7);
  edited.stable->revision = "packages-b";
  wire::RouteTable future = a_table("u", 2, 8);
  future.version = 2;
  const std::vector<Case> cases = {
      {"the same", a_table("u", 2, 7), Admission::kSame},
      {"next generation", a_table("u", 2, 8), Admission::kTaken},
      {"older generation", a_table("u", 2, 6), Admission::kOlder},
      {"next epoch starts at 1", a_table("u", 3, 1), Admission::kTaken},
      {"older epoch", a_table("u", 1, 99), Admission::kOlder},
      {"same pair, other content", edited, Admission::kOlder},
      {"another life of the index", a_table("v", 0, 1), Admission::kTaken},
      {"unknown version", future, Admission::kUnknownVersion},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(admit(a_table("u", 2, 7), c.arriving), c.expected) << c.name;
  }
  EXPECT_EQ(admit(std::nullopt, a_table("u", 0, 0)), Admission::kTaken);
  EXPECT_EQ(admit(std::nullopt, future), Admission::kUnknownVersion);
}

TEST(Admission, TakesAPersonsTableUnderTheNumberOfOurs) {
  struct Case {
    std::string name;
    wire::RouteTable arriving;
    Admission expected;
  };

  wire::RouteTable edited = a_table("u", 2, 7);
  edited.stable->revision = "packages-b";
  wire::RouteTable older = edited;
  older.generation = 6;
  const std::vector<Case> cases = {
      {"the same", a_table("u", 2, 7), Admission::kSame},
      {"same pair, other content", edited, Admission::kTaken},
      {"next generation", a_table("u", 2, 8), Admission::kTaken},
      {"an edit of an older table", older, Admission::kOlder},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(admit(a_table("u", 2, 7), c.arriving, TableWriter::kPerson), c.expected) << c.name;
  }
}

TEST(ParseTable, ReadsWhatTheOperatorWrites) {
  wire::RouteTable table = a_table("u", 1, 2);
  table.candidate =
      wire::RouteCandidate{.target = {.revision = "packages-b"}, .weight = Share{1000}};
  const auto read = parse_table(to_json(table));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, table);
}

TEST(ParseTable, SaysWhatIsWrong) {
  struct Case {
    std::string json;
    std::string needle;
  };

  const std::vector<Case> cases = {
      {"", "route table"},
      {"[]", "route table"},
      {"{\"version\": 2}", "version 2"},
      {R"({"version":1,"index":"i","epoch":1,"generation":1})", "uid"},
      {R"({"version":1,"index":"i","uid":"u","epoch":1,"generation":1,"deadlineMs":1})",
       "deadlineMs"},
      {R"({"version":1,"index":"i","uid":"u","epoch":1,"generation":1,
           "candidate":{"target":{"revision":"r"},"weight":"101%"}})",
       "weight"},
      {R"({"version":1,"index":"i","uid":"u","epoch":1,"generation":1,"stable":{"revision":"r"},
           "candidate":{"target":{"revision":"r"},"weight":"1%"}})",
       "one revision"},
  };
  for (const Case& c : cases) {
    const auto read = parse_table(c.json);
    ASSERT_FALSE(read) << c.json;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalid);
    EXPECT_NE(read.error().message.find(c.needle), std::string::npos) << read.error().message;
  }
}

}  // namespace
}  // namespace sluice::router
