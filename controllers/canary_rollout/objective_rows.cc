#include "controllers/canary_rollout/objective_rows.h"

#include <utility>

#include "base/check.h"
#include "controllers/canary_rollout/policy.h"
#include "controllers/canary_rollout/turn.h"

namespace sluice::canary_rollout {
namespace {

struct RowVerdict {
  bool is_shown = false;    // Good enough for the step.
  bool is_culprit = false;  // Why the candidate is rolled back.
  bool has_data = true;
};

api::ObjectiveVerdict verdict_of(const RowVerdict& row) {
  if (row.is_culprit) {
    return api::ObjectiveVerdict::kFail;
  }
  if (!row.has_data) {
    return api::ObjectiveVerdict::kNoData;
  }
  return row.is_shown ? api::ObjectiveVerdict::kPass : api::ObjectiveVerdict::kKeepLooking;
}

struct Rates {
  const analysis::RateEstimate& candidate;
  const analysis::RateEstimate& stable;
  double excess = 0;
  const analysis::Interval& interval;
  const analysis::ObjectiveEvidence& evidence;
  const std::string& message;
};

api::ObjectiveStatus row_of(const std::string& name,
                            const Rates& rates,
                            api::ObjectiveVerdict verdict) {
  return {.name = name,
          .stable = finite(rates.stable.rate),
          .candidate = finite(rates.candidate.rate),
          .estimate = finite(rates.excess),
          .interval = {.low = finite(rates.interval.low), .high = finite(rates.interval.high)},
          .evidence = finite(rates.evidence.ln_e),
          .threshold = finite(rates.evidence.threshold),
          .verdict = verdict,
          .samples = rates.candidate.counts.n,
          .stable_samples = rates.stable.counts.n,
          .message = bounded(rates.message, kTextMax)};
}

}  // namespace

const api::Objective& objective_of(const api::ResolvedPolicy& policy,
                                   const analysis::Assessment& seen) {
  const api::Objective* errors = errors_objective(policy);
  const api::Objective* latency = latency_objective(policy);
  CHECK(errors != nullptr);
  const bool is_shared = seen.reason == analysis::Reason::kSharedBreachAfterStep ||
                         seen.reason == analysis::Reason::kStableInBreach;
  const bool is_latency = analysis::is_latency_test(seen.culprit) ||
                          (is_shared && seen.latency && seen.latency->stable_in_breach);
  return is_latency && latency != nullptr ? *latency : *errors;
}

std::vector<api::ObjectiveStatus> objective_rows(const api::ResolvedPolicy& policy,
                                                 const analysis::Assessment& seen,
                                                 bool has_data) {
  const api::Objective* errors = errors_objective(policy);
  const api::Objective* latency = latency_objective(policy);
  CHECK(errors != nullptr);
  const bool is_rolled_back = seen.verdict == analysis::Verdict::kRollBack;
  const std::string& culprit = objective_of(policy, seen).name;
  std::vector<api::ObjectiveStatus> rows;
  rows.push_back(row_of(errors->name,
                        {.candidate = seen.candidate,
                         .stable = seen.stable,
                         .excess = seen.excess,
                         .interval = seen.excess_interval,
                         .evidence = seen.errors_evidence,
                         .message = seen.message},
                        verdict_of({.is_shown = seen.noninferiority && seen.noninferiority->shown,
                                    .is_culprit = is_rolled_back && culprit == errors->name,
                                    .has_data = has_data})));
  if (latency != nullptr && seen.latency) {
    const analysis::LatencyAssessment& slow = *seen.latency;
    rows.push_back(row_of(latency->name,
                          {.candidate = slow.candidate,
                           .stable = slow.stable,
                           .excess = slow.excess,
                           .interval = slow.excess_interval,
                           .evidence = seen.latency_evidence,
                           .message = slow.message},
                          verdict_of({.is_shown = analysis::is_latency_shown(slow),
                                      .is_culprit = is_rolled_back && culprit == latency->name,
                                      .has_data = has_data})));
  }
  return rows;
}

void show_row(api::CanaryRolloutStatus& status, api::ObjectiveStatus row) {
  std::erase_if(status.objectives, [&](const auto& other) { return other.name == row.name; });
  status.objectives.push_back(std::move(row));
}

api::NoDataPolicy no_data_policy(const api::ResolvedPolicy& policy) {
  const api::Objective* errors = errors_objective(policy);
  const api::Objective* latency = latency_objective(policy);
  CHECK(errors != nullptr);
  const auto is_any = [&](api::NoDataPolicy wanted) {
    return errors->on_no_data == wanted || (latency != nullptr && latency->on_no_data == wanted);
  };
  if (is_any(api::NoDataPolicy::kRollback)) {
    return api::NoDataPolicy::kRollback;
  }
  return is_any(api::NoDataPolicy::kHold) ? api::NoDataPolicy::kHold : api::NoDataPolicy::kIgnore;
}

}  // namespace sluice::canary_rollout
