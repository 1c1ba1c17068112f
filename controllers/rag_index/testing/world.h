#pragma once
// World: a cluster small enough to run whole stories against decide() in microseconds. It carries
// out the actions as an API server would (one map of objects), and plays kubelet, Deployment
// controller, builder, workers and routers, each obedient unless a switch says otherwise.
// For tests only.

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "controllers/rag_index/decide.h"
#include "dataplane/wire/route_table.h"

namespace sluice::rag_index {

// How the builder of a config ends: the facts, or why it failed.
struct BuildOutcome {
  api::RevisionFacts facts = {};
  std::string failure = {};
};

class World {
 public:
  World();

  // The object that people write.
  api::RagIndex index;
  std::vector<api::CanaryRollout> rollouts;
  std::optional<api::ModelVersion> model;  // The one that there is.
  Settings settings{.image = "sluice:v1", .namespace_name = "sluice-system"};
  WallTime now = {};

  // Switches.
  // What a builder makes of what its source has; told to build other documents, it finds these.
  std::function<BuildOutcome(const kube::Pod& builder)> build;
  std::function<bool(const std::string& revision)> can_start;  // Workers become ready.
  bool do_builders_run = true;
  bool do_holders_answer = true;  // False: no scrape of one succeeds.
  bool do_routers_confirm = true;
  // Writes until the operator "dies" and starts over; 0: all of a decision.
  int writes_max = 0;
  bool do_holders_start = true;  // Their volumes can be mounted, for one.
  bool is_volume_full = false;   // What is on it stays; nothing is added.

  // Changes the spec as kubectl apply would: one generation more.
  void edit(const std::function<void(api::RagIndexSpec&)>& change);
  // A ModelVersion that leaves these words out, resolved; with its generation one up.
  void resolve_model(const std::string& name, const std::string& stop_word);
  // A CanaryRollout of this name, attached by its indexRef.
  api::CanaryRollout& add_rollout(const std::string& name);
  // What canary_rollout would write when it takes up the index's present candidate.
  void take_up(api::CanaryRollout& rollout) const;
  void desire(api::CanaryRollout& rollout, api::TrafficMode mode, Share weight) const;
  // The rollout's verdict against the candidate.
  void roll_back(api::CanaryRollout& rollout, const std::string& why) const;

  [[nodiscard]] Observation observe() const;
  // One reconcile: observe, decide, write the status, act. True when anything was written.
  bool reconcile();
  // The same on an observation of earlier: the status write fails if the status has moved on.
  bool reconcile_on(const Observation& old);
  // Kubelet and all others do what they would have done by now. True when anything changed.
  bool run_cluster();
  // Both, until nothing changes; false when that takes more than 200 rounds.
  bool settle();

  void advance(Duration time) { now = now + time; }

  // Nothing would be written now.
  [[nodiscard]] bool is_quiet() const;

  [[nodiscard]] const api::RagIndexStatus& status() const { return index.status; }

  // The table in the ConfigMap; CHECKs that there is one.
  [[nodiscard]] wire::RouteTable table() const;
  [[nodiscard]] std::optional<std::int32_t> replicas(const std::string& deployment) const;
  [[nodiscard]] std::vector<std::string> names(const kube::ResourceKind& kind) const;
  [[nodiscard]] const kube::Pod* builder() const;  // The first one; null when there is none.
  [[nodiscard]] const kube::Condition& condition(std::string_view type) const;
  [[nodiscard]] std::string ready_reason() const;

  // For tests that meddle.
  std::map<std::string, kube::Deployment> deployments;
  std::map<std::string, kube::Pod> pods;
  std::map<std::string, std::string> pod_bodies;  // As applied, also of pods that are gone.
  std::map<std::string, std::string> deployment_bodies;
  // Revisions whose artefacts are there: by claim, and by UID of a holder's pod.
  std::map<std::string, std::set<std::string>> volumes;
  std::map<std::string, std::set<std::string>> disks;
  std::map<std::string, kube::ControllerRevision> revisions;
  std::map<std::string, api::ResolvedPolicy> policies;  // By the name of their ControllerRevision.
  std::map<std::pair<std::string, std::string>, kube::ObjectMeta> others;  // By kind and name.
  std::optional<kube::ConfigMap> route;
  std::optional<kube::Secret> secret;  // With the token.
  std::string token_key = "key";       // Of the operator.
  std::map<std::string, scrape::ReportSample> reports;
  std::map<std::string, scrape::RouterSample> samples;  // By pod name.
  std::string stable_golden_again;  // What stable's workers evaluated when asked again.
  std::vector<Announce> events;
  std::vector<wire::RouteTable> tables;  // Every table ever written, in order.
  std::vector<api::RagIndexStatus> statuses;
  scrape::ScrapePlan plan;

 private:
  bool carry_out(const Decision& decision, const api::RagIndex& observed);
  void act(const Action& action);
  void act(const Apply& apply);
  void act(const ApplyToken& apply);
  void act(const Delete& removal);
  void act(const SetLabel& set);

  void act(const Announce& event) { events.push_back(event); }

  bool run_builder(kube::Pod& pod);
  bool run_deployment(kube::Deployment& deployment);
  bool run_pod(kube::Pod& pod);
  bool run_holder(kube::Pod& pod);
  bool run_router(const kube::Pod& pod);
  [[nodiscard]] bool is_held(const std::string& revision) const;
  [[nodiscard]] std::string next_uid();

  int last_uid_ = 0;
};

// "a" -> 64 of them: something that looks like a digest.
[[nodiscard]] std::string digest_of(char letter);
// Facts of a build of these documents with this nDCG@10.
[[nodiscard]] api::RevisionFacts facts_of(const std::string& documents, double ndcg);

}  // namespace sluice::rag_index
