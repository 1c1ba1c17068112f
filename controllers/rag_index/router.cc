#include "controllers/rag_index/names.h"
#include "controllers/rag_index/turn.h"

namespace sluice::rag_index {
namespace {

void keep_other(Turn& turn, Manifest manifest) {
  const OwnedObject* known = find_other(turn.seen, manifest.kind, manifest.name);
  apply(turn, std::move(manifest), known == nullptr ? nullptr : &known->metadata);
}

// Of a single router a budget would only forbid to drain its node.
void keep_router_budget(Turn& turn, std::int32_t replicas) {
  const std::string name = router_name(turn.index().metadata.name);
  const OwnedObject* known = find_other(turn.seen, kube::kPodDisruptionBudgetKind, name);
  if (replicas >= 2) {
    keep_other(turn, render_router_budget(turn.index()));
  } else if (known != nullptr) {
    remove(turn, kube::kPodDisruptionBudgetKind, known->metadata);
  }
}

}  // namespace

// The index's routers follow the operator's image, but nothing restarts them while a candidate has
// traffic: their counters are what it is judged by.
void keep_router(Turn& turn) {
  for (Manifest& manifest : render_router_access(turn.index())) {
    keep_other(turn, std::move(manifest));
  }
  keep_other(turn, render_router_service(turn.index()));
  const std::int32_t replicas = turn.is_suspended() ? 0 : turn.spec().traffic.router.replicas;
  const kube::Deployment* known =
      find_deployment(turn.seen, router_name(turn.index().metadata.name));
  const bool must_wait =
      known != nullptr && turn.status().route && turn.status().route->weight > Share{};
  if (must_wait) {
    return;
  }
  keep_router_budget(turn, replicas);
  const bool has_drifted = known != nullptr && known->spec.replicas != replicas;
  apply(turn,
        render_router(turn.index(), turn.seen.settings.image, replicas),
        known == nullptr || has_drifted ? nullptr : &known->metadata);
}

}  // namespace sluice::rag_index
