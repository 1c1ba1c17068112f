#include "dataplane/worker/query_request.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace sluice::worker {
namespace {

TEST(QueryRequest, ReadsAllMembers) {
  const auto query = parse_query(
      R"({"query": "cat", "top_k": 3, "filter": {"kind": ["a", "b"], "section": "net"},
          "debug": true, "something": "else"})",
      {});
  ASSERT_TRUE(query);
  EXPECT_EQ(query->text, "cat");
  EXPECT_EQ(query->top_k, 3U);
  EXPECT_TRUE(query->debug);
  ASSERT_EQ(query->filter.size(), 2U);
  EXPECT_EQ(query->filter[0].field, "kind");
  EXPECT_EQ(query->filter[0].any_of, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(query->filter[1].any_of, std::vector<std::string>{"net"});
}

TEST(QueryRequest, HasDefaults) {
  const auto query =
      parse_query(R"({"query": "cat", "top_k": null, "filter": null})", {.top_k_default = 7});
  ASSERT_TRUE(query);
  EXPECT_EQ(query->top_k, 7U);
  EXPECT_TRUE(query->filter.empty());
  EXPECT_FALSE(query->debug);
}

TEST(QueryRequest, RefusesWhatIsWrong) {
  struct Case {
    std::string body;
    std::string code;
    int status = 400;
  };

  const std::vector<Case> cases = {
      {"", "empty_body"},
      {"{", "not_json"},
      {"[]", "not_json"},
      {"\"cat\"", "not_json"},
      {"{\"query\": \"\xFF\"}", "not_utf8"},
      {"{}", "no_query"},
      {R"({"query": 7})", "no_query"},
      {R"({"query": " \t\n"})", "empty_query"},
      {"{\"query\": \"" + std::string(9000, 'x') + "\"}", "query_too_long", 413},
      {R"({"query": "x", "top_k": 0})", "bad_top_k"},
      {R"({"query": "x", "top_k": -1})", "bad_top_k"},
      {R"({"query": "x", "top_k": 1001})", "bad_top_k"},
      {R"({"query": "x", "top_k": 1.5})", "bad_top_k"},
      {R"({"query": "x", "top_k": "10"})", "bad_top_k"},
      {R"({"query": "x", "top_k": 99999999999999999999})", "bad_top_k"},
      {R"({"query": "x", "filter": []})", "bad_filter"},
      {R"({"query": "x", "filter": {"a": []}})", "bad_filter"},
      {R"({"query": "x", "filter": {"a": 1}})", "bad_filter"},
      {R"({"query": "x", "filter": {"a": ["b", null]}})", "bad_filter"},
      {R"({"query": "x", "debug": "yes"})", "bad_debug"},
      {std::string(60'000, '['), "not_json"},
  };
  for (const Case& c : cases) {
    const auto query = parse_query(c.body, {});
    ASSERT_FALSE(query) << c.body.substr(0, 80);
    EXPECT_EQ(query.error().code, c.code) << c.body.substr(0, 80);
    EXPECT_EQ(query.error().status, c.status);
  }
}

}  // namespace
}  // namespace sluice::worker
