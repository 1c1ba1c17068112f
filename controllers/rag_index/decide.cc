#include "controllers/rag_index/decide.h"

#include "controllers/rag_index/turn.h"

namespace sluice::rag_index {

Decision decide(const Observation& seen, WallTime now) {
  Turn turn{.seen = seen, .now = now, .second = truncate_to_seconds(now)};
  turn.decision.status = seen.index.status;
  // What we made goes with its owner; there is nothing to wait for and so no finalizer.
  if (seen.index.metadata.deletion_timestamp) {
    return std::move(turn.decision);
  }
  attach_policy(turn);
  recover_status(turn);
  keep_token(turn);
  resolve_model(turn);
  // Which revision is on its way, how far it is, and what was decided about it.
  follow_watch(turn);
  choose_candidate(turn);
  look_at_documents(turn);
  build_candidate(turn);
  settle_candidate(turn);
  settle_watch(turn);
  // Then what follows from that, weight before size where it falls, size before weight where it
  // rises: direct_traffic asks for no more than what the workers of the last turn can carry.
  direct_traffic(turn);
  keep_revisions(turn);
  keep_workers(turn);
  keep_holders(turn);
  keep_retained(turn);
  keep_router(turn);
  conclude(turn);
  plan_scrapes(turn);
  return std::move(turn.decision);
}

}  // namespace sluice::rag_index
