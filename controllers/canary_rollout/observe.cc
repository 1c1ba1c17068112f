// The observing half of the shell: caches and stores -> Observation.

#include <algorithm>

#include "base/describe.h"
#include "controllers/canary_rollout/controller.h"
#include "crds/names.h"

namespace sluice::canary_rollout {
namespace {

kube::ObjectKey index_key(const api::CanaryRollout& rollout) {
  return {rollout.metadata.namespace_name, rollout.spec.index_ref.name};
}

bool is_of(const kube::ObjectMeta& meta, const kube::ObjectKey& index, std::string_view component) {
  return meta.namespace_name == index.namespace_name &&
         meta.label(api::kComponentLabel) == component;
}

// Routers as pods, each with its newest counters; then those that are gone and said something
// before.
std::vector<RouterSeen> routers_of(const Surroundings& world, const kube::ObjectKey& index) {
  std::vector<RouterSeen> routers;
  std::map<std::string, bool> ready_pods;
  for (const auto& pod : world.pods.lister().by_label(api::kIndexLabel, index.name)) {
    if (is_of(pod->metadata, index, api::kComponentRouter)) {
      ready_pods[pod->metadata.name] = kube::is_ready(*pod);
    }
  }
  for (const scrape::RouterSample& sample : world.stores.samples.of_index(index)) {
    const auto pod = ready_pods.find(sample.router);
    routers.push_back({.name = sample.router,
                       .is_expected = pod != ready_pods.end() && pod->second,
                       .counters = sample.counters,
                       .arrived_at = sample.arrived.wall});
    if (pod != ready_pods.end()) {
      ready_pods.erase(pod);
    }
  }
  for (const auto& [name, is_ready] : ready_pods) {
    if (is_ready) {
      routers.push_back({.name = name});
    }
  }
  return routers;
}

struct EvaluationSlot {
  std::optional<wire::EvaluationResults>& results;
  std::string& problem;
};

void add_evaluation(const Surroundings& world,
                    const scrape::EvaluationKey& key,
                    const EvaluationSlot& slot) {
  if (key.revision.empty() || key.digest.empty()) {
    slot.problem = "it was built without a golden set";
  } else if (const auto results = world.stores.evaluations.find(key)) {
    slot.results = *results;
  } else {
    slot.problem = world.stores.evaluations.problem(key);
  }
}

// Results on the present golden set, as far as workers have been asked for them. The candidate's
// are on the very bytes of stable's.
void add_reevaluations(const Surroundings& world, const api::RagIndex& index, Evaluations& seen) {
  const auto& evaluation = index.spec.evaluation;
  if (!evaluation || !evaluation->golden_set.http) {
    return;
  }
  seen.can_be_asked = true;
  api::HttpSource golden_set = *evaluation->golden_set.http;
  const auto& store = world.stores.evaluations;
  const auto key_of = [&](const std::string& revision) {
    return scrape::key_of_reevaluation(index.metadata.namespace_name, revision, golden_set);
  };
  const scrape::EvaluationKey stable = key_of(index.status.stable_revision);
  const auto of_stable = store.find(stable);
  if (of_stable == nullptr) {
    seen.again_problem = store.problem(stable);
    return;
  }
  seen.stable_again = *of_stable;
  golden_set.sha256 = of_stable->golden_digest;
  if (index.status.candidate) {
    const scrape::EvaluationKey candidate = key_of(index.status.candidate->revision);
    if (const auto of_candidate = store.find(candidate)) {
      seen.candidate_again = *of_candidate;
    } else {
      seen.again_problem = store.problem(candidate);
    }
  }
}

// Only looked at in the step that judges them: they are long.
Evaluations evaluations_of(const Surroundings& world, const Observation& seen) {
  Evaluations evaluations;
  if (!seen.index || seen.rollout.status.phase != api::RolloutPhase::kEvaluating) {
    return evaluations;
  }
  const api::RagIndexStatus& index = seen.index->status;
  const std::string& space = seen.index->metadata.namespace_name;
  if (index.candidate && index.candidate->facts) {
    add_evaluation(world,
                   {.namespace_name = space,
                    .revision = index.candidate->revision,
                    .digest = index.candidate->facts->evaluation_digest},
                   {evaluations.candidate, evaluations.candidate_problem});
  }
  if (index.stable) {
    add_evaluation(world,
                   {.namespace_name = space,
                    .revision = index.stable_revision,
                    .digest = index.stable->evaluation_digest},
                   {evaluations.stable, evaluations.stable_problem});
  }
  add_reevaluations(world, *seen.index, evaluations);
  return evaluations;
}

std::vector<StoredPolicy> policies_of(const Surroundings& world,
                                      const api::CanaryRollout& rollout) {
  std::vector<StoredPolicy> policies;
  for (const auto& revision : world.revisions.lister().by_owner(rollout.metadata.uid)) {
    if (revision->metadata.label(api::kComponentLabel) != api::kComponentPolicy) {
      continue;
    }
    StoredPolicy stored{.name = revision->metadata.name,
                        .created_at = revision->metadata.creation_timestamp.value_or(WallTime{})};
    if (auto policy = from_json<api::ResolvedPolicy>(revision->data.text)) {
      stored.policy = std::move(*policy);
    }
    policies.push_back(std::move(stored));
  }
  return policies;
}

std::vector<std::string> rejected_of(const Surroundings& world, const kube::ObjectKey& index) {
  std::vector<std::string> rejected;
  for (const auto& revision : world.revisions.lister().by_label(api::kIndexLabel, index.name)) {
    if (revision->metadata.namespace_name == index.namespace_name &&
        revision->metadata.label(api::kVerdictLabel) == "rejected") {
      rejected.push_back(revision->metadata.name);
    }
  }
  return rejected;
}

PodWatch::Pods workers_of(const Surroundings& world,
                          const kube::ObjectKey& index,
                          std::string_view revision) {
  PodWatch::Pods workers;
  for (const auto& pod : world.pods.lister().by_label(api::kIndexLabel, index.name)) {
    if (is_of(pod->metadata, index, api::kComponentWorker) &&
        pod->metadata.label(api::kRevisionLabel) == revision && !pod->metadata.deletion_timestamp) {
      workers.push_back(pod);
    }
  }
  return workers;
}

// Whose workers are looked at: the candidate's, from the moment that there is something to fetch,
// or those of the stable revision that is watched. Empty: nobody's.
std::string judged_revision(const Observation& seen) {
  if (!seen.index) {
    return {};
  }
  const auto& candidate = seen.index->status.candidate;
  if (candidate && (candidate->phase == api::CandidatePhase::kFetching ||
                    candidate->phase == api::CandidatePhase::kReady)) {
    return candidate->revision;
  }
  return !candidate && seen.index->status.previous ? seen.index->status.stable_revision
                                                   : std::string();
}

}  // namespace

Observation CanaryRolloutController::observe(const api::CanaryRollout& rollout) {
  const kube::ObjectKey key = rollout.metadata.key();
  const kube::ObjectKey index = index_key(rollout);
  const WallTime since = looking_since_.try_emplace(key, world_.loop.wall_now()).first->second;
  Observation seen{.rollout = rollout, .looking_since = since};
  if (const auto cached = world_.indexes.lister().get(index)) {
    seen.index = *cached;
  }
  seen.routers = routers_of(world_, index);
  seen.evaluations = evaluations_of(world_, seen);
  seen.policies = policies_of(world_, rollout);
  seen.rejected_revisions = rejected_of(world_, index);
  if (const std::string revision = judged_revision(seen); !revision.empty()) {
    seen.candidate_pods =
        pod_watch_.look(key, revision, workers_of(world_, index, revision), world_.loop.wall_now());
  } else {
    pod_watch_.forget(key);
  }
  return seen;
}

}  // namespace sluice::canary_rollout
