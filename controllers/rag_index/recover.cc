#include <algorithm>

#include "controllers/rag_index/turn.h"

namespace sluice::rag_index {
namespace {

// The newest revision that bears stable's label; null when none does.
const Revision* labelled_stable(const Observation& seen) {
  const Revision* newest = nullptr;
  for (const Revision& each : seen.revisions) {
    const bool is_newer = newest == nullptr || newest->number < each.number;
    if (each.metadata.label(api::kRoleLabel) == kRoleStable && is_newer) {
      newest = &each;
    }
  }
  return newest;
}

// The image that stable was made with; the operator's own where there is no stable.
std::string present_image(const Turn& turn) {
  if (turn.stable != nullptr) {
    return turn.stable->record.config.image;
  }
  const std::string& name = turn.status().stable_revision;
  const kube::Deployment* workers = find_deployment(turn.seen, name);
  if (!name.empty() && workers != nullptr && !workers->spec.pod_template.spec.containers.empty()) {
    return workers->spec.pod_template.spec.containers.front().image;
  }
  // A first revision that is built goes on with its image across an upgrade of the operator.
  const api::CandidateStatus* candidate = turn.candidate();
  const Revision* first =
      candidate == nullptr ? nullptr : find_revision(turn.seen, candidate->revision);
  return first != nullptr ? first->record.config.image : turn.seen.settings.image;
}

}  // namespace

// Status may have been emptied (a restore, a careless edit). What serves users is found again by
// the labels of the ControllerRevisions; a candidate simply starts anew.
void recover_status(Turn& turn) {
  api::RagIndexStatus& status = turn.status();
  if (status.stable_revision.empty()) {
    if (const Revision* found = labelled_stable(turn.seen)) {
      status.stable_revision = found->name();
      announce(turn, true, "StatusRecovered", "the status was lost; stable is " + found->name());
    }
  }
  turn.stable = find_revision(turn.seen, status.stable_revision);
  if (turn.stable != nullptr && turn.stable->facts && !status.stable) {
    status.stable = turn.stable->facts;
  }
  turn.wanted = api::config_of(turn.spec(), present_image(turn));
}

}  // namespace sluice::rag_index
