// Reflector against answers that a real server gives rarely: one by one, on a clock of our own.

#include "apiclient/reflector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
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
    const std::uint64_t id = ++last_id_;
    timers_[id] = loop_.call_after(
        milliseconds{1}, [this, id, url = request.url, handler = std::move(handler)] {
          HttpResponse response = script_(url);
          if (handler.on_chunk && response.status == 200) {
            handler.on_chunk(std::exchange(response.body, {}));
          }
          if (timers_.erase(id) > 0) {  // Else it was cancelled by what it read.
            handler.on_done(std::move(response));
          }
        });
    return {id};
  }

  void cancel(TransferId transfer) override {
    const auto found = timers_.find(transfer.value);
    if (found != timers_.end()) {
      loop_.cancel(found->second);
      timers_.erase(found);
    }
  }

  std::vector<std::string> urls;
  std::vector<MonotonicTime> times;

 private:
  Loop& loop_;
  Script script_;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, TimerId> timers_;  // Of exchanges under way.
};

bool is_watch(const std::string& url) {
  return url.find("watch=") != std::string::npos;
}

bool is_stream(const std::string& url) {
  return url.find("sendInitialEvents=true") != std::string::npos;
}

std::string event_at(const std::string& type,
                     const std::string& version,
                     const std::string& more_metadata = "") {
  return R"({"type":")" + type +
         R"(","object":{"kind":"ConfigMap","metadata":{"name":"a","namespace":"b",)"
         R"("resourceVersion":")" +
         version + "\"" + more_metadata + "}}}\n";
}

std::string end_at(const std::string& version) {
  return event_at("BOOKMARK", version, R"(,"annotations":{"k8s.io/initial-events-end":"true"})");
}

HttpResponse list_at(const std::string& version) {
  return {.status = 200,
          .body = R"({"kind":"ConfigMapList","metadata":{"resourceVersion":")" + version +
                  R"("},"items":[]})"};
}

// By pages unless a test is about streams.
enum class Lists { kPaged, kStreamed };

struct World {
  explicit World(ScriptedTransport::Script script, Lists how = Lists::kPaged)
      : transport(loop, std::move(script)) {
    if (how == Lists::kPaged) {
      client.stop_streaming_lists();
    }
    start(reflector);
  }

  void start(Reflector& one) {
    one.start({.on_list_begin = [this] { items = 0; },
               .on_list_item = [this](JsonView) { ++items; },
               .on_list_item_gone = [this](JsonView) { --items; },
               .on_list_end = [this] { ++lists; },
               .on_event = [this](WatchEventType, JsonView) { ++events; }});
  }

  [[nodiscard]] std::ptrdiff_t streams() const {
    return std::ranges::count_if(transport.urls, is_stream);
  }

  SimLoop loop;
  ScriptedTransport transport;
  MetricsRegistry metrics;
  Client client{loop, transport, metrics};
  int lists = 0;
  int items = 0;  // Of the list in the making, or of the last whole one.
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
      return {.status = 200, .body = event_at(type, "9")};
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

TEST(Reflector, ReadsAListFromAStreamAndGoesOnFromItsEnd) {
  World w(
      [](const std::string& url) -> HttpResponse {
        // What is there comes in any order of versions.
        return is_stream(url)
                   ? HttpResponse{.status = 200,
                                  .body = event_at("ADDED", "8") + event_at("ADDED", "3") +
                                          event_at("DELETED", "9") + end_at("12") +
                                          event_at("MODIFIED", "13")}
                   : HttpResponse{.status = 200, .body = event_at("BOOKMARK", "14")};
      },
      Lists::kStreamed);
  w.loop.run_until([&w] { return w.transport.urls.size() >= 2; }, minutes{2});
  ASSERT_GE(w.transport.urls.size(), 2U);
  const std::string& first = w.transport.urls[0];
  EXPECT_NE(first.find("resourceVersionMatch=NotOlderThan"), std::string::npos) << first;
  EXPECT_NE(first.find("allowWatchBookmarks=true"), std::string::npos) << first;
  EXPECT_EQ(first.find("resourceVersion="), std::string::npos) << "never a version of our own";
  EXPECT_EQ(w.lists, 1);
  EXPECT_EQ(w.items, 1);
  EXPECT_EQ(w.events, 1);
  EXPECT_NE(w.transport.urls[1].find("resourceVersion=13"), std::string::npos);
  EXPECT_FALSE(is_stream(w.transport.urls[1]));
}

TEST(Reflector, ReadsPagesForAsLongAsTheProcessLivesOnceAStreamWasRefused) {
  for (const int status : {400, 422}) {
    World w(
        [status](const std::string& url) -> HttpResponse {
          return is_stream(url)  ? HttpResponse{.status = status}
                 : is_watch(url) ? HttpResponse{.status = 410}
                                 : list_at("5");
        },
        Lists::kStreamed);
    Reflector other(w.loop, w.client, Rng(6), {.kind = kube::kConfigMapKind});
    w.loop.run_for(milliseconds{100});
    w.start(other);
    w.loop.run_for(minutes{5});  // Each 410 asks for another list.
    EXPECT_GE(w.lists, 4) << status;
    EXPECT_EQ(w.streams(), 1) << status;
    EXPECT_EQ(w.transport.times[1] - w.transport.times[0], milliseconds{1}) << "at once";
  }
}

TEST(Reflector, ReadsPagesFromAServerThatDoesNotSayWhereAListEnds) {
  World w(
      [](const std::string& url) -> HttpResponse {
        return is_stream(url)
                   ? HttpResponse{.status = 200,
                                  .body = event_at("ADDED", "8") + event_at("BOOKMARK", "9")}
               : is_watch(url) ? HttpResponse{.status = 200, .body = event_at("BOOKMARK", "10")}
                               : list_at("9");
      },
      Lists::kStreamed);
  w.loop.run_for(seconds{1});
  EXPECT_EQ(w.lists, 1);
  EXPECT_EQ(w.items, 0) << "nothing of the stream is kept";
  EXPECT_EQ(w.streams(), 1);
  EXPECT_EQ(w.events, 0);
}

// A proxy that cannot hold a stream, for one: each try begins with a clean sheet.
TEST(Reflector, ReadsOneListByPagesAfterTwoStreamsThatBroke) {
  for (const std::string& body :
       {std::string(),
        event_at("ADDED", "8"),
        std::string("<html>\n"),
        end_at("0"),
        end_at(""),
        std::string(R"({"type":"ERROR","object":{"kind":"Status","code":410}})") + "\n"}) {
    World w(
        [&body](const std::string& url) -> HttpResponse {
          return is_stream(url)  ? HttpResponse{.status = 200, .body = body}
                 : is_watch(url) ? HttpResponse{.status = 200}
                                 : list_at("9");
        },
        Lists::kStreamed);
    w.loop.run_until([&w] { return w.lists > 0; }, minutes{1});
    EXPECT_EQ(w.lists, 1) << body;
    EXPECT_EQ(w.streams(), 2) << body;
    EXPECT_EQ(w.items, 0) << body;
    EXPECT_TRUE(w.client.may_stream_lists()) << body;
  }
}

TEST(Reflector, BlamesNoStreamForWhatWouldFailAnyRead) {
  for (const int status : {403, 404, 429}) {
    World w([status](const std::string&) { return HttpResponse{.status = status}; },
            Lists::kStreamed);
    w.loop.run_for(minutes{5});
    EXPECT_GE(w.streams(), 3);
    EXPECT_EQ(w.streams(), std::ssize(w.transport.urls)) << status;
    EXPECT_LT(w.transport.urls.size(), 30U);
    EXPECT_TRUE(w.reflector.problem());
  }
}

}  // namespace
}  // namespace sluice
