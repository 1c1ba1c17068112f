#pragma once
// RetryBudget: how many stable-to-stable retries one lane may make: a fifth of its stable queries,
// and a few a second in any case. Without it a failing stable would get twice the load. Rescues of
// the candidate do not pass here. Pure; its lane's thread.

#include <algorithm>

#include "base/time.h"

namespace sluice::router {

class RetryBudget {
 public:
  // `per_second` is this lane's part of the process's minimum.
  explicit RetryBudget(double per_second)
      : per_second_(per_second), burst_(std::max(1.0, per_second)), tokens_(burst_) {}

  // A query was given to stable.
  void on_query();
  // Takes one retry; false when the budget is used up.
  [[nodiscard]] bool take(MonotonicTime now);

 private:
  double per_second_;
  double burst_;  // What the minimum alone may save up.
  double tokens_;
  MonotonicTime refilled_at_{};
};

inline constexpr double kRetriesPerQuery = 0.2;
inline constexpr double kRetriesPerSecondMin = 3.0;  // Of a process.
inline constexpr double kRetriesSavedMax = 50.0;     // Of a lane: bounds a burst.

}  // namespace sluice::router
