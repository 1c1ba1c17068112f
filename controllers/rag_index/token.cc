// The word that an index's pods ask for where their answers are not for everybody: it stands in a
// Secret that pods mount and that we only ever write.

#include "controllers/rag_index/turn.h"

namespace sluice::rag_index {

void keep_token(Turn& turn) {
  const Observation& seen = turn.seen;
  if (seen.is_token_due && !turn.is_suspended()) {
    turn.decision.actions.emplace_back(ApplyToken{render_token(turn.index(), seen.token)});
  }
}

bool has_token(const Turn& turn, std::string_view revision) {
  const kube::Deployment* known = find_deployment(turn.seen, revision);
  return known == nullptr || !known->metadata.annotation(kTokenAnnotation).empty();
}

}  // namespace sluice::rag_index
