#include "dataplane/router/core/retry_budget.h"

#include <algorithm>

namespace sluice::router {

void RetryBudget::on_query() {
  tokens_ = std::min(kRetriesSavedMax, tokens_ + kRetriesPerQuery);
}

bool RetryBudget::take(MonotonicTime now) {
  // The minimum does not pile up beyond one second's worth: a quiet hour is no licence for a storm.
  if (tokens_ < burst_) {
    const double seconds = std::chrono::duration<double>(now - refilled_at_).count();
    tokens_ = std::min(burst_, tokens_ + std::max(0.0, seconds) * per_second_);
  }
  refilled_at_ = now;
  if (tokens_ < 1.0) {
    return false;
  }
  tokens_ -= 1.0;
  return true;
}

}  // namespace sluice::router
