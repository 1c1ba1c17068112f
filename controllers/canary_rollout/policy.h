#pragma once
// Policy: from a CanaryRollout's spec and the index's slo to what one rollout is judged by. Pure.

#include <string>
#include <string_view>

#include "base/result.h"
#include "controllers/analysis/golden_set.h"
#include "controllers/analysis/settings.h"
#include "crds/canary_rollout.h"
#include "crds/rag_index.h"

namespace sluice::canary_rollout {

// Fills in what the spec leaves out: from the index's slo, else from our defaults (errors at most
// 1 %, worse than stable by at most 0.5 %). A rollout with a shadow or split step always judges
// errors, and latencies where the slo has a latencyP95; one with a shadow step compares rankings,
// one with an evaluate step always judges the golden set. kInvalid with every problem, each with
// its path (".spec.analysis.objectives[0].errorRate.max: …"): also those that the schema refuses,
// since an object may have been stored under an older schema.
[[nodiscard]] Result<api::ResolvedPolicy> resolve_policy(const api::CanaryRolloutSpec& spec,
                                                         const api::RagIndexSpec& index);

// What new documents are judged by under the index's `refresh.policy: Gate`: the evaluate steps of
// the same policy (one is added where the index has a golden set), and none that waits or has
// traffic. May have no step at all. The same errors.
[[nodiscard]] Result<api::ResolvedPolicy> resolve_gates(const api::CanaryRolloutSpec& spec,
                                                        const api::RagIndexSpec& index);

// The same problems as a policy that was stored and read back could have.
[[nodiscard]] Status check_policy(const api::ResolvedPolicy& policy);

// Name of the ControllerRevision that keeps this policy: the same for the same content.
[[nodiscard]] std::string policy_name(std::string_view rollout, const api::ResolvedPolicy& policy);

// The first objective of a kind; null when there is none.
[[nodiscard]] const api::Objective* errors_objective(const api::ResolvedPolicy& policy);
[[nodiscard]] const api::Objective* latency_objective(const api::ResolvedPolicy& policy);
[[nodiscard]] const api::Objective* golden_objective(const api::ResolvedPolicy& policy);
[[nodiscard]] const api::Objective* agreement_objective(const api::ResolvedPolicy& policy);

[[nodiscard]] analysis::Settings settings_of(const api::ResolvedPolicy& policy);
// CHECKs that there is a golden-set objective.
[[nodiscard]] analysis::GoldenSetSettings golden_settings_of(const api::ResolvedPolicy& policy);

// A duration in seconds, for the analysis.
[[nodiscard]] double in_seconds(Duration duration);

}  // namespace sluice::canary_rollout
