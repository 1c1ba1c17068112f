#pragma once
// DataPlane: what runs in an index's pods, as its operator and its users see it. Builders report
// and hold what they built; workers become ready once somebody holds their index; routers are the
// production router's core over users' queries, and take the tables that the cluster has. All of it
// is led by what the operator wrote: arguments of pods, Services, the route table. For tests; on
// virtual time; the server outlives it and gives it all requests to pods.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "apiclient/types/core.h"
#include "base/loop.h"
#include "base/rng.h"
#include "crds/rag_index.h"
#include "dataplane/router/core/lane.h"
#include "dataplane/router/core/quarantine.h"
#include "tests/fake_api/actors.h"
#include "tests/fake_api/fake_api_server.h"

namespace sluice {

class DataPlane {
 public:
  // `actors` make the pods; when these are ready is this class's to say.
  DataPlane(Loop& loop, FakeApiServer& server, ClusterActors& actors);
  ~DataPlane();
  DataPlane(const DataPlane&) = delete;
  DataPlane& operator=(const DataPlane&) = delete;

  // A fifth of what this revision's workers answer fails from now on.
  void spoil(const std::string& revision) { spoilt_ = revision; }

  // Of all users so far.
  [[nodiscard]] std::int64_t queries() const { return queries_; }

  // Users who got no good answer.
  [[nodiscard]] std::int64_t failures() const { return failures_; }

 private:
  struct RouterProcess {
    explicit RouterProcess(std::uint64_t seed) : lane(Rng(seed), {}) {}

    std::string name;
    router::Lane lane;
    router::QuarantineBoard board;
    std::optional<wire::RouteTable> table;
  };

  struct PodSeen {
    kube::Pod pod = {};
    std::vector<std::string> arguments = {};  // Of its first container.
    MonotonicTime first_seen = {};
  };

  void tick();
  void look();
  void see_pod(const std::string& text);
  void run_pod(const PodSeen& seen);
  void configure(RouterProcess& process);
  void serve(RouterProcess& process);
  void serve_query(RouterProcess& process);
  void note(RouterProcess& process, const router::Query& query, const router::Actions& actions);
  [[nodiscard]] bool fails(const router::Attempt& attempt);
  [[nodiscard]] bool is_built(const PodSeen& builder) const;
  [[nodiscard]] bool is_held(std::string_view revision) const;
  [[nodiscard]] bool has_fetched(const PodSeen& holder);
  [[nodiscard]] std::string holding_of(const PodSeen& holder) const;
  [[nodiscard]] std::optional<HttpResponse> answer(const HttpRequest& request);
  [[nodiscard]] std::string report_of(const PodSeen& builder) const;
  [[nodiscard]] static std::string counters_of(const RouterProcess& process, WallTime now);

  Loop& loop_;
  FakeApiServer& server_;
  ClusterActors& actors_;
  Rng rng_{11};
  TimerId timer_ = {};
  std::int64_t seen_revision_ = -1;
  std::map<std::string, PodSeen> pods_;                              // By UID.
  std::map<std::string, std::unique_ptr<RouterProcess>> processes_;  // By UID of the pod.
  std::map<std::string, std::set<std::string>> kept_;  // Revisions that a holder has, by UID.
  std::string spoilt_;
  std::int64_t queries_ = 0;
  std::int64_t failures_ = 0;
};

}  // namespace sluice
