#pragma once
// FakeCluster: what most tests of controllers begin with: a loop with virtual time, a fake API
// server on it with our CRDs, and a client of one process.

#include <memory>
#include <string>

#include "apiclient/client.h"
#include "base/metrics.h"
#include "base/rng.h"
#include "tests/fake_api/fake_api_server.h"
#include "tests/sim_loop/sim_loop.h"

namespace sluice {

struct FakeCluster {
  explicit FakeCluster(std::uint64_t seed = 1) : server(loop, Rng(seed)) {
    server.load_crds("config/crd");
  }

  SimLoop loop;
  FakeApiServer server;
  std::unique_ptr<Transport> transport = server.connect("operator");
  MetricsRegistry metrics;
  Client client{loop, *transport, metrics};

  // Sends and lets time pass until the answer is there (at most a minute).
  Result<std::string> call(const ApiRequest& request) {
    std::optional<Result<std::string>> answer;
    client.send(request, [&](Result<std::string> result) { answer = std::move(result); });
    loop.run_until([&] { return answer.has_value(); }, std::chrono::minutes{1});
    return answer ? *answer : Result<std::string>(fail(ErrorCode::kTimeout, "no answer"));
  }
};

// The ConfigMap map-<i>, for tests that need many objects.
[[nodiscard]] inline kube::ObjectKey map_key(int i) {
  return {"default", "map-" + std::to_string(i)};
}

// A ConfigMap as JSON, for tests that need some object.
[[nodiscard]] inline std::string config_map_json(const std::string& name,
                                                 const std::string& value,
                                                 const std::string& labels_json = "{}") {
  return R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")" + name + R"(","labels":)" +
         labels_json + R"(},"data":{"value":")" + value + R"("}})";
}

}  // namespace sluice
