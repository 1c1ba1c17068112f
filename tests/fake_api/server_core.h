#pragma once
// Internal to this folder: the fake API server without its connections: requests in, responses out.

#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "apiclient/transport.h"
#include "base/loop.h"
#include "tests/fake_api/api_state.h"
#include "tests/fake_api/fake_api_server.h"
#include "tests/fake_api/http_route.h"
#include "tests/fake_api/watch_hub.h"

namespace sluice::fake {

struct ServerCore {
  ServerCore(Loop& loop_arg, Rng rng)
      : loop(loop_arg),
        api(rng.fork(), [this] { return loop.wall_now(); }),
        hub(loop_arg, rng.fork(), api) {}

  ~ServerCore() {
    loop.cancel(garbage);
    loop.cancel(change);
  }

  Loop& loop;
  ApiState api;
  WatchHub hub;
  std::vector<std::string> unknown_rules = {};
  std::vector<WriteRecord> writes = {};
  std::uint64_t requests = 0;
  std::uint64_t lists = 0;
  std::function<Fault(const WriteRecord&)> fault = {};
  std::function<Fault(const HttpRequest&)> read_fault = {};
  std::function<void(const WriteRecord&)> on_written = {};
  std::vector<std::function<void()>> on_change = {};
  std::function<std::optional<HttpResponse>(const HttpRequest&)> foreign = {};
  std::function<Duration()> latency = [] { return std::chrono::milliseconds{1}; };
  bool is_reachable = true;
  bool is_gone_http = false;
  StreamedLists streamed_lists = StreamedLists::kServed;
  std::set<std::string> forbidden = {};
  TimerId garbage = {};
  TimerId change = {};

  Answer<const KindTraits*> admit(const Route& route, const std::string& method) const;
  Answer<Json> read(const KindTraits& kind, const Route& route);
  Answer<Json> list(const KindTraits& kind, const Route& route);
  Answer<Json> write(const KindTraits& kind, const Route& route, const HttpRequest& request);
  // The whole of a request that is no watch, at once.
  HttpResponse handle(const HttpRequest& request, const std::string& user);
  // Something is different now: tells watches, collects garbage a little later.
  void changed();
};

[[nodiscard]] HttpResponse response_of(const Answer<Json>& answer, int success);

[[nodiscard]] inline kube::ObjectKey key_of(const Route& route) {
  return {route.namespace_name, route.name};
}

}  // namespace sluice::fake
