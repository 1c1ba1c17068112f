#include <algorithm>

#include "controllers/rag_index/turn.h"

namespace sluice::rag_index {
namespace {

constexpr Duration kUnconfirmedInterval = std::chrono::milliseconds(250);
constexpr Duration kIdleInterval = std::chrono::seconds(30);

bool is_reachable(const kube::Pod& pod) {
  return !pod.status.pod_ip.empty() && pod.status.phase == "Running" &&
         !pod.metadata.deletion_timestamp;
}

scrape::PodTarget target_of(const kube::Pod& pod) {
  return {.name = pod.metadata.name, .uid = pod.metadata.uid, .address = pod.status.pod_ip};
}

// Twice a block in a rollout, also before the candidate has traffic (stable is learned from then);
// fast while a change of ours is on its way.
Duration router_interval(const Turn& turn) {
  const api::RouteStatus& route = *turn.status().route;
  if (!route.confirmed && !turn.manual_until) {
    return kUnconfirmedInterval;
  }
  const bool is_in_rollout = !route.candidate_revision.empty() || turn.status().previous ||
                             (is_judging_candidate(turn) && !is_rolled_back(turn));
  if (!is_in_rollout || turn.rollout == nullptr) {
    return kIdleInterval;
  }
  const api::ResolvedPolicy* policy = policy_of(turn);
  const api::Analysis& analysis =
      policy != nullptr ? policy->analysis : turn.rollout->spec.analysis;
  return std::clamp(analysis.block / 2, kUnconfirmedInterval, kIdleInterval);
}

bool is_final(const Observation& seen, const kube::Pod& pod) {
  const auto found = seen.reports.find(pod.metadata.uid);
  return found != seen.reports.end() && found->second.report &&
         (found->second.report->phase == wire::BuildPhase::kReady ||
          found->second.report->phase == wire::BuildPhase::kFailed);
}

void add_evaluation(Turn& turn, const std::string& revision, const api::RevisionFacts& facts) {
  if (!facts.evaluation || facts.evaluation_digest.empty()) {
    return;
  }
  scrape::EvaluationTarget target{
      .revision = revision, .digest = facts.evaluation_digest, .summary = *facts.evaluation};
  for (const std::string_view component : {api::kComponentWorker, api::kComponentBuilder}) {
    for (const kube::Pod* pod : pods_of(turn.seen, component, revision)) {
      if (kube::is_ready(*pod) && is_reachable(*pod)) {
        target.addresses.push_back(pod->status.pod_ip);
      }
    }
  }
  turn.decision.plan.evaluations.push_back(std::move(target));
}

std::string golden_digest_of(const api::RevisionFacts& facts) {
  return facts.evaluation ? facts.evaluation->golden_digest : std::string();
}

void add_reevaluation(Turn& turn,
                      const std::string& revision,
                      const api::RevisionFacts& facts,
                      const api::HttpSource& golden_set) {
  scrape::ReevaluationTarget target{
      .revision = revision, .golden_set = golden_set, .index_digest = facts.index_digest};
  for (const kube::Pod* pod : pods_of(turn.seen, api::kComponentWorker, revision)) {
    if (kube::is_ready(*pod) && is_reachable(*pod)) {
      target.addresses.push_back(pod->status.pod_ip);
    }
  }
  turn.decision.plan.reevaluations.push_back(std::move(target));
}

// Candidate and stable were evaluated on different golden sets, or one on none, and the rollout
// waits to compare them: stable is evaluated again on the present one. Should the candidate turn
// out not to have been built with that one either, it follows, pinned to the very same bytes.
void plan_reevaluations(Turn& turn) {
  const api::CandidateStatus* candidate = turn.candidate();
  const auto& stable = turn.status().stable;
  const api::HttpSource* golden_set = golden_set_of(turn.spec());
  const bool is_waited_for = is_judging_candidate(turn) && candidate->facts && stable &&
                             turn.rollout->status.phase == api::RolloutPhase::kEvaluating;
  if (!is_waited_for || golden_set == nullptr) {
    return;
  }
  const std::string of_candidate = golden_digest_of(*candidate->facts);
  if (!of_candidate.empty() && of_candidate == golden_digest_of(*stable)) {
    return;
  }
  add_reevaluation(turn, turn.status().stable_revision, *stable, *golden_set);
  const std::string& again = turn.seen.stable_golden_again;
  if (!again.empty() && again != of_candidate) {
    api::HttpSource same = *golden_set;
    same.sha256 = again;
    add_reevaluation(turn, candidate->revision, *candidate->facts, same);
  }
}

}  // namespace

void plan_scrapes(Turn& turn) {
  scrape::ScrapePlan& plan = turn.decision.plan;
  plan.token = turn.seen.token;
  plan.router_interval = router_interval(turn);
  for (const kube::Pod* pod : pods_of(turn.seen, api::kComponentRouter)) {
    if (is_reachable(*pod)) {
      plan.routers.push_back(target_of(*pod));
    }
  }
  for (const std::string_view component : {api::kComponentBuilder, api::kComponentHolder}) {
    for (const kube::Pod* pod : pods_of(turn.seen, component)) {
      plan.builders_kept.insert(pod->metadata.uid);
      if (is_reachable(*pod) && !is_final(turn.seen, *pod)) {
        plan.builders.push_back(target_of(*pod));
      }
    }
  }
  const api::CandidateStatus* candidate = turn.candidate();
  if (candidate != nullptr && candidate->facts && turn.is_judged()) {
    add_evaluation(turn, candidate->revision, *candidate->facts);
    if (turn.status().stable) {
      add_evaluation(turn, turn.status().stable_revision, *turn.status().stable);
    }
  }
  plan_reevaluations(turn);
}

}  // namespace sluice::rag_index
