#pragma once
// What a block says of each objective that is judged by traffic, as status.objectives shows it.
// Internal to the core. Pure.

#include <string>
#include <vector>

#include "controllers/analysis/assessment.h"
#include "crds/canary_rollout.h"

namespace sluice::canary_rollout {

// In the order in which they are shown. Without data of the candidate a row that is not decided
// says so.
[[nodiscard]] std::vector<api::ObjectiveStatus> objective_rows(const api::ResolvedPolicy& policy,
                                                               const analysis::Assessment& seen,
                                                               bool has_data);

// The objective that an assessment's reason is about: latency if one of its tests is the culprit or
// stable is too slow, else errors.
[[nodiscard]] const api::Objective& objective_of(const api::ResolvedPolicy& policy,
                                                 const analysis::Assessment& seen);

// Puts a row where people see it, in place of an older one of the same objective.
void show_row(api::CanaryRolloutStatus& status, api::ObjectiveStatus row);

// What missing data means where several objectives wait for them: the strictest word counts.
[[nodiscard]] api::NoDataPolicy no_data_policy(const api::ResolvedPolicy& policy);

}  // namespace sluice::canary_rollout
