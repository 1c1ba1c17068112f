#pragma once
// DataPlane: what runs in an index's pods, as its operator and its users see it. Builders report
// and hold what they built; workers become ready once somebody holds their index; routers are the
// production router's core over users' queries, and take the tables that the cluster has. All of it
// is led by what the operator wrote: arguments of pods, Services, the route table. On virtual time;
// the server outlives it and gives it all requests to pods.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apiclient/types/core.h"
#include "base/loop.h"
#include "base/rng.h"
#include "crds/rag_index.h"
#include "dataplane/router/core/lane.h"
#include "dataplane/router/core/quarantine.h"
#include "tests/fake_api/actors.h"
#include "tests/fake_api/fake_api_server.h"
#include "tests/sim/pace.h"

namespace sluice {

class DataPlane {
 public:
  // What it acts on. `actors` make the pods; when these are ready is this class's to say.
  struct Surroundings {
    Loop& loop;
    FakeApiServer& server;
    ClusterActors& actors;
  };

  DataPlane(Surroundings surroundings, const Pace& pace, Rng rng);
  ~DataPlane();
  DataPlane(const DataPlane&) = delete;
  DataPlane& operator=(const DataPlane&) = delete;

  // --- What goes wrong. ---
  // A fifth of what this revision's workers answer fails from now on.
  void spoil(const std::string& revision) { spoilt_ = revision; }

  // A pod is deleted and answers nothing any more; its Deployment makes another one.
  void kill_pod(const kube::ObjectKey& pod);
  // A worker's pod is not ready for so long, and goes on answering whom it is still given.
  void make_unready(const kube::ObjectKey& pod, Duration span);
  // Routers take no new table for so long.
  void deafen_routers(Duration span);

  // Asked for each request of the operator to a pod: true, and it is refused.
  void set_scrape_fault(std::function<bool()> is_lost) { is_scrape_lost_ = std::move(is_lost); }

  // --- What it saw. ---
  // Pods of a component ("worker"), of a revision or of all when that is empty, in order of name.
  [[nodiscard]] std::vector<kube::ObjectKey> pods(std::string_view component,
                                                  std::string_view revision = {}) const;
  // When a worker of this revision was last ready; boot when none ever was.
  [[nodiscard]] MonotonicTime last_ready(const std::string& revision) const;

  // Every router that has a table has this one, or a later one.
  [[nodiscard]] bool routers_have(std::int64_t epoch, std::int64_t generation) const;

  // Of all users so far.
  [[nodiscard]] std::int64_t queries() const { return queries_; }

  // Users who got no good answer, but for these:
  [[nodiscard]] std::int64_t failures() const { return failures_; }

  // the same within seconds of what was done here to stable's own workers.
  [[nodiscard]] std::int64_t excused() const { return excused_; }

  // Fewer queries come from now on: for the long time after a story.
  void calm_down() { pace_.queries_per_second = 8; }

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
    Duration build_time = {};
    // A worker that rehearses a failure says so in its arguments.
    double error_rate = 0;
    Duration added_latency = {};
  };

  // How an attempt ends, and when.
  struct Outcome {
    router::Slot slot = 0;
    MonotonicTime at = {};
    router::AttemptEnd end = {};
  };

  void tick();
  void look();
  void see_pod(const std::string& text);
  void run_pod(const PodSeen& seen);
  void configure(RouterProcess& process);
  void serve(RouterProcess& process);
  void serve_query(RouterProcess& process);
  [[nodiscard]] Outcome outcome_of(router::Slot slot, const router::Attempt& attempt);
  void note(RouterProcess& process, const router::Query& query, const router::Actions& actions);
  void note_ready();
  [[nodiscard]] bool is_excused(const RouterProcess& process) const;
  [[nodiscard]] const PodSeen* find(const kube::ObjectKey& pod) const;
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
  Pace pace_;
  Rng rng_;
  TimerId timer_ = {};
  double queries_due_ = 0;
  std::int64_t seen_revision_ = -1;
  std::map<std::string, PodSeen> pods_;                              // By UID.
  std::map<std::string, const PodSeen*> by_address_;                 // Of pods_.
  std::map<std::string, std::unique_ptr<RouterProcess>> processes_;  // By UID of the pod.
  std::map<std::string, MonotonicTime> unready_until_;               // By UID of the pod.
  std::map<std::string, MonotonicTime> last_ready_;                  // By revision.
  std::map<std::string, MonotonicTime> hurt_at_;                     // By revision.
  std::map<std::string, std::set<std::string>> kept_;  // Revisions that a holder has, by UID.
  MonotonicTime deaf_until_ = {};
  std::function<bool()> is_scrape_lost_;
  std::string spoilt_;
  std::int64_t queries_ = 0;
  std::int64_t failures_ = 0;
  std::int64_t excused_ = 0;
};

}  // namespace sluice
