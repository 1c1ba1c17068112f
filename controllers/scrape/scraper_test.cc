#include "controllers/scrape/scraper.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "base/describe.h"

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
    ++requests[request.url];
    const TimerId timer = call_after(latency, [this, url = request.url, handler] {
      if (const auto found = answers.find(url); found != answers.end()) {
        handler.on_done(HttpResponse{.status = 200, .body = found->second});
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

  std::map<std::string, std::string> answers;
  std::map<std::string, int> requests;
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
