// Reflector against answers that a real server gives rarely: one by one, on a clock of our own.

#include "apiclient/reflector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "apiclient/types/core.h"
#include "base/metrics.h"
#include "tests/sim_loop/sim_loop.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

// Answers each request, after a millisecond, as the script says; a watch ends with its answer.
class ScriptedTransport final : public Transport {
 public:
  using Script = std::function<HttpResponse(const std::string& url)>;

  ScriptedTransport(Loop& loop, Script script) : loop_(loop), script_(std::move(script)) {}

  TransferId start(HttpRequest request, HttpHandler handler) override {
    urls.push_back(request.url);
    times.push_back(loop_.now());
    const TimerId timer =
        loop_.call_after(milliseconds{1}, [this, url = request.url, handler = std::move(handler)] {
          HttpResponse response = script_(url);
          if (handler.on_chunk && response.status == 200) {
            handler.on_chunk(std::exchange(response.body, {}));
          }
          handler.on_done(std::move(response));
        });
    return {timer.value};
  }

  void cancel(TransferId transfer) override { loop_.cancel({transfer.value}); }

  std::vector<std::string> urls;
  std::vector<MonotonicTime> times;

 private:
  Loop& loop_;
  Script script_;
};

bool is_watch(const std::string& url) {
  return url.find("watch=") != std::string::npos;
}

HttpResponse list_at(const std::string& version) {
  return {.status = 200,
          .body = R"({"kind":"ConfigMapList","metadata":{"resourceVersion":")" + version +
                  R"("},"items":[]})"};
}

struct World {
  explicit World(ScriptedTransport::Script script) : transport(loop, std::move(script)) {
    reflector.start({.on_list_begin = [] {},
                     .on_list_item = [](JsonView) {},
                     .on_list_end = [this] { ++lists; },
                     .on_event = [this](WatchEventType, JsonView) { ++events; }});
  }

  SimLoop loop;
  ScriptedTransport transport;
  MetricsRegistry metrics;
  Client client{loop, transport, metrics};
  int lists = 0;
  int events = 0;
  Reflector reflector{loop, client, Rng(5), {.kind = kube::kConfigMapKind}};
};

TEST(Reflector, WaitsAsLongAsTheServerAsks) {
  World w([](const std::string&) -> HttpResponse {
    return {.status = 429, .headers = {{"Retry-After", "120"}}};
  });
  w.loop.run_for(minutes{5});
  ASSERT_GE(w.transport.times.size(), 2U);
  EXPECT_GE(w.transport.times[1] - w.transport.times[0], seconds{120});
}

TEST(Reflector, IsQuietWhenWatchesEndWellButAtOnce) {
  World w([](const std::string& url) -> HttpResponse {
    return is_watch(url) ? HttpResponse{.status = 200} : list_at("5");
  });
  w.loop.run_for(minutes{10});
  EXPECT_EQ(w.lists, 1);
  EXPECT_LT(w.transport.urls.size(), 60U);
}

TEST(Reflector, GoesOnFromTheLastEventOrBookmark) {
  for (const std::string type : {"MODIFIED", "BOOKMARK"}) {
    World w([&type](const std::string& url) -> HttpResponse {
      if (!is_watch(url)) {
        return list_at("5");
      }
      return {.status = 200,
              .body = R"({"type":")" + type +
                      R"(","object":{"kind":"ConfigMap","metadata":{"name":"a","namespace":"b",)"
                      R"("resourceVersion":"9"}}})"
                      "\n"};
    });
    w.loop.run_until([&w] { return w.transport.urls.size() >= 3; }, minutes{2});
    ASSERT_GE(w.transport.urls.size(), 3U);
    EXPECT_NE(w.transport.urls[1].find("resourceVersion=5"), std::string::npos);
    EXPECT_NE(w.transport.urls[2].find("resourceVersion=9"), std::string::npos) << type;
    EXPECT_EQ(w.reflector.resource_version(), "9");
    EXPECT_EQ(w.events > 0, type == "MODIFIED");
  }
}

// Watching from "0" may begin in the past, at what another server remembers.
TEST(Reflector, DoesNotBelieveAListWithoutAVersion) {
  for (const char* version : {"0", ""}) {
    World w([version](const std::string&) { return list_at(version); });
    w.loop.run_for(minutes{1});
    EXPECT_EQ(w.lists, 0) << version;
    EXPECT_TRUE(w.reflector.problem());
    EXPECT_TRUE(std::ranges::none_of(w.transport.urls, is_watch));
  }
}

}  // namespace
}  // namespace sluice
