#include "controllers/analysis/shared_breach.h"

namespace sluice::analysis {

bool candidate_may_harm_stable(const SharedBreach& breach, const SharedBreachPolicy& policy) {
  if (!breach.breach_since || !breach.weight_raised_at) {
    return false;
  }
  const double after_raise = *breach.breach_since - *breach.weight_raised_at;
  return breach.now - *breach.breach_since > policy.lasts_seconds && after_raise >= 0 &&
         after_raise < policy.after_raise_seconds;
}

}  // namespace sluice::analysis
