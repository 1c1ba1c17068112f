#pragma once
// ClusterActors: what a cluster does beside its API server, as small as tests allow. Deployments
// get pods (without ReplicaSets; a new template's pods are ready before the old ones go), pods
// become ready or fail by plan, Services with a selector get one EndpointSlice each. Writes are
// logged as user "actors". On the loop; the server outlives it.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "apiclient/types/core.h"
#include "base/loop.h"
#include "tests/fake_api/fake_api_server.h"

namespace sluice {

// What becomes of one pod. At most one of the last two is set.
struct PodPlan {
  Duration ready_after = std::chrono::seconds{2};
  bool is_never_ready = false;
  std::optional<kube::ContainerWaiting> waiting = {};        // Stuck: ImagePullBackOff, say.
  std::optional<kube::ContainerTerminated> terminated = {};  // Ended: phase Succeeded or Failed.
};

class ClusterActors {
 public:
  ClusterActors(Loop& loop, FakeApiServer& server);
  ~ClusterActors();
  ClusterActors(const ClusterActors&) = delete;
  ClusterActors& operator=(const ClusterActors&) = delete;

  // Asked once for each pod, when it appears. Without one, all become ready after 2 s.
  void set_pod_plan(std::function<PodPlan(const kube::Pod&)> plan);
  // Makes an existing pod ready or not, as a failing or recovering worker would.
  void set_ready(const kube::ObjectKey& pod, bool is_ready);

 private:
  void look();
  void run_deployments();
  void run_deployment(const kube::Deployment& deployment);
  void create_pod(const kube::Deployment& deployment, const std::string& hash, int index);
  void report(const kube::Deployment& deployment, const std::string& hash);
  void run_pods();
  void finish_pod(const kube::ObjectKey& key, const PodPlan& plan);
  void write_pod_status(const kube::Pod& pod, const std::string& status);
  void run_endpoints();
  // It is not what was written of this last.
  bool is_new(const std::string& what, const std::string& text);

  Loop& loop_;
  FakeApiServer& server_;
  std::function<PodPlan(const kube::Pod&)> plan_;
  std::map<std::string, TimerId> pods_;  // By UID: those whose plan was asked for.
  std::map<std::string, std::string> addresses_;
  std::map<std::string, std::string> written_;
  int last_address_ = 0;
  TimerId next_look_ = {};
  std::int64_t seen_revision_ = -1;  // Of what the actors look at.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace sluice
