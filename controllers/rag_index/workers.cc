#include <algorithm>

#include "base/describe.h"
#include "base/mutant.h"
#include "controllers/rag_index/names.h"
#include "controllers/rag_index/turn.h"

namespace sluice::rag_index {
namespace {

// How long an old stable's workers stay once no router sends them anything new.
constexpr Duration kDrain = std::chrono::seconds(30);
// They stay no longer than this for a holder that does not say what it has.
constexpr Duration kHolderMax = std::chrono::minutes(10);

// Whether the Deployment is not what was applied, although nothing new is wanted of it.
bool has_drifted(const kube::Deployment& known, const WorkersWish& wish) {
  const auto& containers = known.spec.pod_template.spec.containers;
  return known.spec.replicas != wish.replicas ||
         (!containers.empty() && containers.front().image != wish.config.image);
}

// Resources and the pod template are no part of a revision: changing them restarts workers, so that
// waits until no candidate has traffic. Until then what was applied stays.
bool keeps_template(const Turn& turn, const kube::Deployment* known) {
  const auto& route = turn.status().route;
  return known != nullptr && route && !route->candidate_revision.empty();
}

api::Resources resources_for(const Turn& turn, const kube::Deployment* known) {
  if (keeps_template(turn, known)) {
    const std::string_view text = known->metadata.annotation(kResourcesAnnotation);
    if (auto applied = from_json<api::Resources>(text)) {
      return std::move(*applied);
    }
  }
  return turn.spec().serving.resources;
}

std::optional<api::PodTemplate> pod_template_for(const Turn& turn, const kube::Deployment* known) {
  if (!keeps_template(turn, known)) {
    return turn.spec().serving.pod_template;
  }
  auto applied = from_json<api::PodTemplate>(known->metadata.annotation(kPodTemplateAnnotation));
  return applied ? std::optional(std::move(*applied)) : std::nullopt;
}

// The golden set, if they need an authorization for it: they mount that.
std::optional<api::HttpSource> golden_set_for(const Turn& turn, const kube::Deployment* known) {
  if (keeps_template(turn, known)) {
    auto applied = from_json<api::HttpSource>(known->metadata.annotation(kGoldenSetAnnotation));
    return applied ? std::optional(std::move(*applied)) : std::nullopt;
  }
  const auto& evaluation = turn.spec().evaluation;
  const bool is_private =
      evaluation && evaluation->golden_set.http && evaluation->golden_set.http->secret_ref;
  return is_private ? evaluation->golden_set.http : std::nullopt;
}

// Never fewer within a rollout than it had; stable stays at the spec's size.
std::int32_t replicas_for(const Turn& turn, const Fleet& fleet, const kube::Deployment* known) {
  const std::int32_t stable = turn.spec().serving.replicas;
  if (turn.is_suspended()) {
    const bool is_awaited = known != nullptr && is_awaited_by_holder(turn, fleet.revision);
    return is_awaited ? known->spec.replicas : 0;
  }
  if (fleet.is_stable) {
    // Just promoted: what it has beyond that goes when the routers know it as stable.
    const bool is_moving = known != nullptr && !is_traffic_off(turn);
    return is_moving ? std::max(stable, std::min(known->spec.replicas, 2 * stable)) : stable;
  }
  if (!turn.has_stable()) {
    return stable;
  }
  const TrafficShares asked =
      is_planted(Mutant::kNeverGrows) ? present_shares(turn) : asked_shares(turn);
  const std::int32_t needed =
      std::max(workers_for(turn, asked.load()), workers_for(turn, present_shares(turn).load()));
  const std::int32_t most = std::max(needed, (5 * stable + 3) / 4);
  return known == nullptr ? needed : std::max(needed, std::min(known->spec.replicas, most));
}

void keep_fleet(Turn& turn, const Fleet& fleet) {
  const kube::Deployment* known = find_deployment(turn.seen, fleet.revision);
  const WorkersWish wish{.revision = fleet.revision,
                         .config = fleet.config,
                         .facts = fleet.facts,
                         .resources = resources_for(turn, known),
                         .pod_template = pod_template_for(turn, known),
                         .has_token = has_token(turn, fleet.revision),
                         .golden_set = golden_set_for(turn, known),
                         .replicas = replicas_for(turn, fleet, known)};
  keep(turn, render_worker_service(turn.index(), fleet.revision));
  const bool is_on_holder = keeping_of(turn, fleet.revision) != Keeping::kNot &&
                            pods_of(turn.seen, api::kComponentBuilder, fleet.revision).empty();
  keep(turn, render_builder_service(turn.index(), fleet.revision, is_on_holder));
  apply(turn,
        render_workers(turn.index(), wish),
        known == nullptr || has_drifted(*known, wish) ? nullptr : &known->metadata);
  keep_budget(turn, render_budget(turn.index(), fleet.revision, wish.replicas), wish.replicas);
}

// When the workers of a revision that is neither stable nor candidate may go; empty: not yet known.
std::optional<WallTime> end_of_keep(const Turn& turn, const std::string& revision) {
  const auto& route = turn.status().route;
  if (is_planted(Mutant::kRetiredAtOnce)) {
    return turn.now;
  }
  if (may_have_traffic(turn, revision) || !route->confirmed_at) {
    return std::nullopt;
  }
  const Revision* known = find_revision(turn.seen, revision);
  if (known == nullptr) {
    return turn.now;
  }
  if (known->is_rejected()) {
    const auto since = parse_time(known->metadata.annotation(kRejectedAtAnnotation));
    return since ? *since + keep_candidate_for(turn) : turn.now;
  }
  const bool was_stable = known->metadata.label(api::kVerdictLabel) == kVerdictPromoted;
  return was_stable ? *route->confirmed_at + kDrain : turn.now;
}

void retire(Turn& turn, const kube::Deployment& workers) {
  const std::string& revision = workers.metadata.name;
  const std::optional<WallTime> end = turn.is_suspended() ? turn.now : end_of_keep(turn, revision);
  if (!end) {
    return;
  }
  if (*end > turn.now) {
    look_again_in(turn, *end - turn.now);
    return;
  }
  if (turn.now - *end < kHolderMax && is_awaited_by_holder(turn, revision)) {
    look_again_in(turn, kHolderMax - (turn.now - *end));
    return;
  }
  remove(turn, kube::kDeploymentKind, workers.metadata);
}

// Services and budgets whose workers are gone.
void sweep(Turn& turn, const std::vector<Fleet>& kept) {
  for (const OwnedObject& each : turn.seen.others) {
    const std::string revision(each.metadata.label(api::kRevisionLabel));
    const bool is_kept =
        std::ranges::any_of(kept, [&](const Fleet& fleet) { return fleet.revision == revision; });
    if (!revision.empty() && !is_kept && find_deployment(turn.seen, revision) == nullptr &&
        revision != turn.status().stable_revision) {
      remove(turn, each.kind, each.metadata);
    }
  }
}

}  // namespace

void keep_workers(Turn& turn) {
  const std::vector<Fleet> kept = fleets(turn);
  for (const Fleet& fleet : kept) {
    keep_fleet(turn, fleet);
  }
  const auto& status = turn.status();
  for (const kube::Deployment& each : turn.seen.deployments) {
    if (each.metadata.label(api::kComponentLabel) == api::kComponentWorker &&
        each.metadata.name != status.stable_revision &&
        each.metadata.name != status.candidate_revision && !is_previous(turn, each.metadata.name)) {
      retire(turn, each);
    }
  }
  sweep(turn, kept);
}

}  // namespace sluice::rag_index
