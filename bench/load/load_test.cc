#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <vector>

#include "base/http/server.h"
#include "base/json_view.h"
#include "bench/load/load_options.h"
#include "bench/load/load_runner.h"
#include "bench/load/load_statistics.h"
#include "bench/load/query_list.h"

namespace sluice::load {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::int64_t number(const std::string& json, std::initializer_list<std::string_view> path) {
  const auto document = JsonDocument::parse(json);
  EXPECT_TRUE(document);
  std::optional<JsonView> node = document->root();
  for (const std::string_view name : path) {
    node = node ? node->find(name) : std::nullopt;
  }
  return node ? node->as_integer().value_or(-1) : -1;
}

TEST(ParseTarget, ReadsHostPortAndPath) {
  struct Case {
    std::string url;
    std::string host;
    std::string port;
    std::string path;
  };

  for (const Case& c : std::vector<Case>{{"http://packages/query", "packages", "80", "/query"},
                                         {"http://a:8080", "a", "8080", "/"},
                                         {"http://[::1]:1/x?y=1", "::1", "1", "/x?y=1"}}) {
    const auto target = parse_target(c.url);
    ASSERT_TRUE(target) << c.url;
    EXPECT_EQ(target->host, c.host);
    EXPECT_EQ(target->port, c.port);
    EXPECT_EQ(target->path, c.path);
  }
  for (const char* bad : {"",
                          "packages",
                          "https://a/",
                          "http://",
                          "http://:80/",
                          "http://a:x/",
                          "http://a:123456/"}) {
    EXPECT_FALSE(parse_target(bad)) << bad;
  }
}

TEST(BodiesOf, ReadsBothFieldsAndNamesTheWrongLine) {
  const auto bodies = bodies_of("{\"query\":\"a \\\"b\\\"\"}\n\n{\"text\":\"c\"}\r\n", 3);
  ASSERT_TRUE(bodies);
  EXPECT_EQ(
      *bodies,
      (std::vector<std::string>{R"({"query":"a \"b\"","top_k":3})", R"({"query":"c","top_k":3})"}));
  EXPECT_FALSE(bodies_of("", 3));
  EXPECT_NE(bodies_of("{\"query\":\"a\"}\n{}", 3).error().message.find("line 2"),
            std::string::npos);
  EXPECT_NE(bodies_of("nonsense", 3).error().message.find("line 1"), std::string::npos);
}

TEST(ProblemOf, ChecksEveryPartOfAnAnswer) {
  EXPECT_EQ(problem_of(200, "{\"hits\":[]}", "r"), "");
  EXPECT_EQ(problem_of(503, "{\"hits\":[]}", "r"), "status 503");
  EXPECT_EQ(problem_of(200, "{\"hits\":[", "r"), "not JSON");
  EXPECT_EQ(problem_of(200, "{\"hits\":1}", "r"), "no hits");
  EXPECT_EQ(problem_of(200, "{\"hits\":[]}", ""), "no X-Sluice-Revision");
}

TEST(LatencyHistogram, IsWithinItsBuckets) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.quantile_ms(0.5), 0.0);
  for (int i = 1; i <= 1000; ++i) {
    histogram.add(milliseconds{i});
  }
  EXPECT_NEAR(histogram.quantile_ms(0.5), 500, 8);
  EXPECT_NEAR(histogram.quantile_ms(0.99), 990, 15);
  EXPECT_EQ(histogram.quantile_ms(1.0), 1000.0);
  EXPECT_EQ(histogram.max_ms(), 1000.0);
}

TEST(LoadStatistics, CountsAQueryUnderTheMarkInWhichItWasSent) {
  LoadStatistics statistics({}, 10);
  const std::size_t before = statistics.sent();
  EXPECT_TRUE(statistics.begin_mark("act1", {}));
  const std::size_t after = statistics.sent();
  statistics.done(before, {.reason = "reset", .detail = "x"}, {});
  statistics.done(after, {.is_ok = true, .revision = "a"}, {});
  const std::string json = statistics.to_json({});
  EXPECT_EQ(number(json, {"sent"}), 2);
  EXPECT_EQ(number(json, {"failed"}), 1);
  EXPECT_EQ(number(json, {"failures", "reset"}), 1);
  EXPECT_EQ(number(json, {"byRevision", "a"}), 1);
  EXPECT_NE(json.find("\"name\":\"act1\",\"sent\":1,\"ok\":1,\"failed\":0"), std::string::npos);
  EXPECT_NE(json.find("\"name\":\"start\",\"sent\":1,\"ok\":0,\"failed\":1"), std::string::npos);
  int marks = 0;
  while (statistics.begin_mark("m", {})) {
    ++marks;
  }
  EXPECT_EQ(marks, 62);
}

struct Upstream {
  explicit Upstream(int fails_each = 0) : server({.address = "127.0.0.1"}) {
    server.route("POST", "/query", [this, fails_each](const http::Request&, http::Reply reply) {
      const int n = ++requests;
      http::Response response{.body = "{\"hits\":[]}"};
      response.status = fails_each > 0 && n % fails_each == 0 ? 500 : 200;
      response.headers.emplace_back("X-Sluice-Revision", "a");
      reply(std::move(response));
    });
    EXPECT_TRUE(server.start());
  }

  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(server.port()) + "/query";
  }

  std::atomic<int> requests{0};
  http::Server server;
};

const auto kNever = [] { return false; };

TEST(LoadRunner, SendsByItsScheduleAndCountsFailures) {
  Upstream upstream(10);
  LoadStatistics statistics({}, 500);
  LoadRunner runner(
      {.url = upstream.url(), .rate = 500, .duration = milliseconds{400}}, {"{}"}, statistics);
  ASSERT_TRUE(runner.run(kNever));
  const std::string json = statistics.to_json({});
  const std::int64_t sent = number(json, {"sent"});
  EXPECT_NEAR(static_cast<double>(sent), 200, 2);
  EXPECT_EQ(upstream.requests, sent);
  EXPECT_EQ(number(json, {"failures", "status 500"}), sent / 10);
  EXPECT_EQ(number(json, {"byRevision", "a"}), sent - sent / 10);
}

TEST(LoadRunner, EndsWhenItIsToldTo) {
  Upstream upstream(10);
  LoadStatistics statistics({}, 500);
  LoadRunner runner({.url = upstream.url(), .rate = 500}, {"{}"}, statistics);
  ASSERT_TRUE(runner.run([&upstream] { return upstream.requests >= 20; }));
  const std::string json = statistics.to_json({});
  EXPECT_GE(number(json, {"sent"}), 20);
  EXPECT_EQ(upstream.requests, number(json, {"sent"}));
}

TEST(LoadRunner, EndsInBoundedTimeWhenNothingAnswers) {
  http::Server silent({.address = "127.0.0.1"});
  std::vector<http::Reply> held;
  silent.route("POST", "/query", [&held](const http::Request&, http::Reply reply) {
    held.push_back(std::move(reply));
  });
  ASSERT_TRUE(silent.start());
  LoadStatistics statistics({}, 200);
  LoadRunner runner({.url = "http://127.0.0.1:" + std::to_string(silent.port()) + "/query",
                     .rate = 200,
                     .duration = milliseconds{200},
                     .connections = 4,
                     .max_in_flight = 10,
                     .timeout = milliseconds{300}},
                    {"{}"},
                    statistics);
  ASSERT_TRUE(runner.run(kNever));
  const std::string json = statistics.to_json({});
  EXPECT_EQ(number(json, {"ok"}), 0);
  EXPECT_EQ(number(json, {"failed"}), number(json, {"sent"}));
  EXPECT_EQ(number(json, {"failures", "timeout"}), 10);
  EXPECT_EQ(number(json, {"failures", "overflow"}), number(json, {"sent"}) - 10);
  (void)silent.stop(milliseconds{0});  // Its threads write to `held`.
}

TEST(LoadRunner, CountsARefusedConnectionAsFailed) {
  LoadStatistics statistics({}, 100);
  LoadRunner runner({.url = "http://127.0.0.1:1/query", .rate = 100, .duration = milliseconds{100}},
                    {"{}"},
                    statistics);
  ASSERT_TRUE(runner.run(kNever));
  const std::string json = statistics.to_json({});
  EXPECT_EQ(number(json, {"failures", "connect"}), number(json, {"sent"}));
}

}  // namespace
}  // namespace sluice::load
