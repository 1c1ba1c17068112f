#include "controllers/rag_index/names.h"
#include "controllers/rag_index/turn.h"

namespace sluice::rag_index {
// The index's routers follow the operator's image, but nothing restarts them while a candidate has
// traffic: their counters are what it is judged by.
void keep_router(Turn& turn) {
  for (Manifest& manifest : render_router_access(turn.index())) {
    keep(turn, std::move(manifest));
  }
  keep(turn, render_worker_network(turn.index(), turn.seen.settings.namespace_name));
  keep(turn, render_router_network(turn.index()));
  keep(turn, render_router_service(turn.index()));
  const std::int32_t replicas = turn.is_suspended() ? 0 : turn.spec().traffic.router.replicas;
  const kube::Deployment* known =
      find_deployment(turn.seen, router_name(turn.index().metadata.name));
  const bool must_wait =
      known != nullptr && turn.status().route && !turn.status().route->candidate_revision.empty();
  if (must_wait) {
    return;
  }
  keep_budget(turn, render_router_budget(turn.index()), replicas);
  const bool has_drifted = known != nullptr && known->spec.replicas != replicas;
  apply(turn,
        render_router(turn.index(), turn.seen.settings.image, replicas),
        known == nullptr || has_drifted ? nullptr : &known->metadata);
}

}  // namespace sluice::rag_index
