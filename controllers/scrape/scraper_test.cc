#include "controllers/scrape/scraper.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "base/describe.h"
#include "dataplane/wire/evaluation.h"

namespace sluice::scrape {
namespace {

const kube::ObjectKey kIndex{"default", "packages"};

// A loop with a clock of its own and a transport that answers from a table of URLs.
class World final : public Loop, public Transport {
 public:
  MonotonicTime now() const override { return now_; }

  WallTime wall_now() const override {
    return {std::chrono::duration_cast<std::chrono::microseconds>(now_.since_boot)};
  }

  TimerId call_after(Duration delay, std::function<void()> task) override {
    timers_.emplace(std::pair(now_ + delay, ++last_), std::move(task));
    return {last_};
  }

  void cancel(TimerId timer) override {
    std::erase_if(timers_, [&](const auto& entry) { return entry.first.second == timer.value; });
  }

  void post(std::function<void()> task) override { call_after(Duration{0}, std::move(task)); }

  TransferId start(HttpRequest request, HttpHandler handler) override {
    const std::string url =
        request.method == "GET" ? request.url : request.method + " " + request.url;
    ++requests[url];
    bodies[url] = request.body;
    headers[url] = request.headers;
    const TimerId timer = call_after(latency, [this, url, handler] {
      if (const auto found = answers.find(url); found != answers.end()) {
        const auto status = statuses.find(url);
        handler.on_done(HttpResponse{.status = status == statuses.end() ? 200 : status->second,
                                     .body = found->second});
      } else {
        handler.on_done(fail(ErrorCode::kUnavailable, "connection refused"));
      }
    });
    return {timer.value};
  }

  void cancel(TransferId transfer) override { cancel(TimerId{transfer.value}); }

  void run_for(Duration time) {
    const MonotonicTime end = now_ + time;
    while (!timers_.empty() && timers_.begin()->first.first <= end) {
      auto node = timers_.extract(timers_.begin());
      now_ = node.key().first;
      node.mapped()();
    }
    now_ = end;
  }

  // By URL; with the method before it if that is not GET.
  std::map<std::string, std::string> answers;
  std::map<std::string, int> statuses;  // 200 where none is named.
  std::map<std::string, int> requests;
  std::map<std::string, std::string> bodies;  // Of the last request.
  std::map<std::string, HttpHeaders> headers;
  Duration latency = std::chrono::milliseconds(5);

 private:
  MonotonicTime now_{std::chrono::hours(1)};
  std::uint64_t last_ = 0;
  std::map<std::pair<MonotonicTime, std::uint64_t>, std::function<void()>> timers_;
};

struct Scraping : testing::Test {
  World world;
  MetricsRegistry metrics;
  Stores stores;
  Scraper scraper{world, world, metrics, stores};
  const PodTarget router{.name = "r1", .uid = "u1", .address = "10.0.0.1"};
  const std::string url = "http://10.0.0.1:8080/counters";
};

std::string counters_json(const std::string& router) {
  wire::Counters counters;
  counters.process_start_id = "s";
  counters.router = router;
  return to_json(counters);
}

TEST_F(Scraping, TellsThePodsTheTokenOnceItIsKnown) {
  ScrapePlan plan{.routers = {router}, .router_interval = std::chrono::seconds(1)};
  scraper.set_plan(kIndex, plan);
  world.run_for(std::chrono::seconds(1));
  EXPECT_TRUE(world.headers[url].empty());
  plan.token = "s3cret";
  scraper.set_plan(kIndex, plan);
  world.run_for(std::chrono::seconds(2));
  EXPECT_EQ(world.headers[url], (HttpHeaders{{"Authorization", "Bearer s3cret"}}));
}

TEST_F(Scraping, ReadsARouterAtItsPaceAndFasterWhenThePlanSaysSo) {
  world.answers[url] = counters_json("r1");
  scraper.set_plan(kIndex, {.routers = {router}, .router_interval = std::chrono::seconds(30)});
  world.run_for(std::chrono::seconds(29));
  EXPECT_EQ(world.requests[url], 1);
  scraper.set_plan(kIndex,
                   {.routers = {router}, .router_interval = std::chrono::milliseconds(250)});
  world.run_for(std::chrono::seconds(1));
  EXPECT_NEAR(world.requests[url], 5, 1);
  EXPECT_EQ(stores.samples.find(kIndex, "r1")->counters->router, "r1");
  scraper.set_plan(kIndex, {});
  EXPECT_EQ(stores.samples.find(kIndex, "r1"), nullptr);
  const int before = world.requests[url];
  world.run_for(std::chrono::minutes(2));
  EXPECT_EQ(world.requests[url], before);
}

TEST_F(Scraping, CountsAnotherPodsAnswerAsAnError) {
  world.answers[url] = counters_json("somebody-else");
  scraper.set_plan(kIndex, {.routers = {router}});
  world.run_for(std::chrono::seconds(1));
  EXPECT_FALSE(stores.samples.find(kIndex, "r1")->counters.has_value());
  EXPECT_NE(stores.samples.find(kIndex, "r1")->error, "");
}

TEST_F(Scraping, AsksARouterThatDoesNotAnswerAgain) {
  scraper.set_plan(kIndex, {.routers = {router}, .router_interval = std::chrono::seconds(1)});
  world.run_for(std::chrono::seconds(3));
  EXPECT_GE(stores.samples.find(kIndex, "r1")->failures, 3);
  world.answers[url] = "not json";
  world.run_for(std::chrono::seconds(1));
  EXPECT_NE(stores.samples.find(kIndex, "r1")->error.find("JSON"), std::string::npos)
      << stores.samples.find(kIndex, "r1")->error;
  world.answers[url] = counters_json("r1");
  world.run_for(std::chrono::seconds(2));
  EXPECT_EQ(stores.samples.find(kIndex, "r1")->failures, 0);
}

TEST_F(Scraping, FetchesResultsOnceFromWhoeverHasThem) {
  wire::EvaluationResults results{
      .golden_digest = "g", .ids = {"1", "2"}, .ndcg_at_10 = {0.5, 1.0}, .judged_at_10 = {1, 1}};
  const std::string good = "http://10.0.0.3:8080/evaluation";
  world.answers[good] = to_json(results);
  results.ndcg_at_10 = {0.1, 0.1};  // Another revision answers at this address by now.
  world.answers["http://10.0.0.2:8080/evaluation"] = to_json(results);
  ScrapePlan plan;
  plan.evaluations = {{.revision = "packages-a",
                       .digest = "d",
                       .summary = {.ndcg_at_10 = 0.75, .queries = 2, .golden_digest = "g"},
                       .addresses = {"10.0.0.2", "10.0.0.3"}}};
  scraper.set_plan(kIndex, plan);
  const EvaluationKey key{"default", "packages-a", "d"};
  world.run_for(std::chrono::seconds(1));
  EXPECT_EQ(stores.evaluations.find(key), nullptr);
  EXPECT_NE(stores.evaluations.problem(key), "");
  world.run_for(std::chrono::minutes(1));
  ASSERT_NE(stores.evaluations.find(key), nullptr);
  EXPECT_EQ(world.requests[good], 1);
  EXPECT_EQ(scraper.targets(), 0U);
}

// A worker at 10.0.0.2 and one at 10.0.0.3, to be asked for an evaluation on another golden set.
struct AskingAgain : Scraping {
  const std::string ask = "POST http://10.0.0.2:8080/evaluate";
  const std::string look = "http://10.0.0.2:8080/evaluate";
  const std::string ask_other = "POST http://10.0.0.3:8080/evaluate";
  const std::string look_at_other = "http://10.0.0.3:8080/evaluate";
  const ReevaluationTarget target{.revision = "packages-a",
                                  .golden_set = {.url = "http://corpus/golden.jsonl"},
                                  .index_digest = "i",
                                  .addresses = {"10.0.0.2", "10.0.0.3"}};
  const EvaluationKey key = key_of_reevaluation("default", "packages-a", target.golden_set);

  static std::string job(const std::string& id, wire::EvaluationState state) {
    wire::EvaluationJob job{.id = id, .state = state, .index_digest = "i"};
    if (state == wire::EvaluationState::kDone) {
      job.results = wire::EvaluationResults{
          .golden_digest = "g2", .ids = {"1"}, .ndcg_at_10 = {0.5}, .judged_at_10 = {1}};
    } else if (state == wire::EvaluationState::kFailed) {
      job.message = "the golden set: HTTP 404";
    }
    return to_json(job);
  }

  void plan(const ReevaluationTarget& wanted) {
    ScrapePlan plan;
    plan.reevaluations = {wanted};
    scraper.set_plan(kIndex, plan);
  }
};

TEST_F(AskingAgain, AsksOnceAndLooksUntilItIsDone) {
  world.statuses[ask] = 202;
  world.answers[ask] = job("1", wire::EvaluationState::kRunning);
  world.answers[look] = job("1", wire::EvaluationState::kRunning);
  plan(target);
  world.run_for(std::chrono::seconds(30));
  EXPECT_EQ(world.requests[ask], 1);
  EXPECT_EQ(world.bodies[ask], R"({"url":"http://corpus/golden.jsonl"})");
  EXPECT_NEAR(world.requests[look], 29, 2);
  EXPECT_EQ(stores.evaluations.find(key), nullptr);
  world.answers[look] = job("1", wire::EvaluationState::kDone);
  world.run_for(std::chrono::seconds(2));
  ASSERT_NE(stores.evaluations.find(key), nullptr);
  EXPECT_EQ(stores.evaluations.find(key)->golden_digest, "g2");
  EXPECT_EQ(scraper.targets(), 0U);
  world.run_for(std::chrono::minutes(5));
  EXPECT_EQ(world.requests[ask], 1);
  EXPECT_EQ(world.requests[ask_other], 0);
  scraper.set_plan(kIndex, {});
  EXPECT_EQ(stores.evaluations.find(key), nullptr) << "no longer of use";
}

TEST_F(AskingAgain, SaysWhatWentWrongAndAsksTheNextOne) {
  struct Case {
    int status;
    std::string answer;
    std::string problem;
  };

  wire::EvaluationJob other{.id = "1", .index_digest = "another"};
  const Case cases[] = {{429, "{}", "something else"},
                        {405, "{}", "too old"},
                        {404, "{}", "too old"},
                        {503, "{}", "503"},
                        {202, "nonsense", "JSON"},
                        {202, to_json(other), "another index"},
                        {202, job("1", wire::EvaluationState::kFailed), "HTTP 404"},
                        {202, R"({"id":"1","state":"Done","indexDigest":"i"})", "no results"}};
  for (const Case& one : cases) {
    scraper.set_plan(kIndex, {});
    world.statuses[ask] = one.status;
    world.answers[ask] = one.answer;
    world.answers[ask_other] = job("2", wire::EvaluationState::kRunning);
    world.answers[look_at_other] = job("2", wire::EvaluationState::kDone);
    plan(target);
    world.run_for(std::chrono::seconds(1));
    EXPECT_NE(stores.evaluations.problem(key).find(one.problem), std::string::npos)
        << stores.evaluations.problem(key);
    world.run_for(std::chrono::seconds(15));
    EXPECT_NE(stores.evaluations.find(key), nullptr) << one.problem;
  }
}

TEST_F(AskingAgain, AsksAnewWhenTheWorkerHasForgotten) {
  world.answers[ask] = job("1", wire::EvaluationState::kRunning);
  world.answers[look] = job("1", wire::EvaluationState::kRunning);
  ReevaluationTarget one = target;
  one.addresses = {"10.0.0.2"};
  plan(one);
  world.run_for(std::chrono::seconds(5));
  world.answers[ask] = job("7", wire::EvaluationState::kRunning);
  world.answers[look] = job("7", wire::EvaluationState::kDone);
  world.run_for(std::chrono::seconds(15));
  EXPECT_EQ(world.requests[ask], 2);
  EXPECT_NE(stores.evaluations.find(key), nullptr);
}

TEST_F(AskingAgain, TakesOnlyResultsOnThePinnedBytes) {
  ReevaluationTarget pinned = target;
  pinned.golden_set.sha256 = "g3";
  world.answers[ask] = job("1", wire::EvaluationState::kDone);
  world.answers[ask_other] = job("1", wire::EvaluationState::kDone);
  plan(pinned);
  world.run_for(std::chrono::seconds(30));
  const EvaluationKey pinned_key = key_of_reevaluation("default", "packages-a", pinned.golden_set);
  EXPECT_EQ(stores.evaluations.find(pinned_key), nullptr);
  EXPECT_NE(stores.evaluations.problem(pinned_key), "");
}

TEST_F(Scraping, KeepsAReportWhileItIsOfUse) {
  const std::string report_url = "http://10.0.0.4:8080/report";
  world.answers[report_url] = to_json(wire::BuildReport{.phase = wire::BuildPhase::kReady});
  const PodTarget builder{.name = "b", .uid = "bu", .address = "10.0.0.4"};
  scraper.set_plan(kIndex, {.builders = {builder}, .builders_kept = {"bu"}});
  world.run_for(std::chrono::milliseconds(100));
  ASSERT_NE(stores.reports.find("bu"), nullptr);
  scraper.set_plan(kIndex, {.builders_kept = {"bu"}});
  EXPECT_NE(stores.reports.find("bu"), nullptr);
  scraper.forget(kIndex);
  EXPECT_EQ(stores.reports.find("bu"), nullptr);
}

TEST_F(Scraping, CanBeToldAnotherPlanInsideItsOwnNews) {
  world.answers[url] = counters_json("r1");
  stores.samples.on_change([&](const kube::ObjectKey& key) { scraper.forget(key); });
  scraper.set_plan(kIndex, {.routers = {router}});
  world.run_for(std::chrono::minutes(2));
  EXPECT_EQ(world.requests[url], 1);
  EXPECT_EQ(scraper.targets(), 0U);
}

}  // namespace
}  // namespace sluice::scrape
