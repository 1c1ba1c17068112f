// The word that an index's pods ask for where their answers are not for everybody: a Secret, made
// once and never changed by us. Whoever deletes it gets another.

#include "controllers/rag_index/turn.h"

namespace sluice::rag_index {

void keep_token(Turn& turn) {
  const Observation& seen = turn.seen;
  if (seen.token.empty() && !turn.is_suspended()) {
    turn.decision.actions.emplace_back(Create{render_token(turn.index(), seen.fresh_token)});
  }
}

bool has_token(const Turn& turn, std::string_view revision) {
  const kube::Deployment* known = find_deployment(turn.seen, revision);
  return known == nullptr || !known->metadata.annotation(kTokenAnnotation).empty();
}

}  // namespace sluice::rag_index
