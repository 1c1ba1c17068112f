#pragma once
// The numbers of an assessment beside its verdict: rates with intervals, proofs, and all of a
// latency objective. Not for other folders. Pure.

#include "controllers/analysis/assessment.h"
#include "controllers/analysis/settings.h"
#include "controllers/analysis/state.h"

namespace sluice::analysis {

[[nodiscard]] RateEstimate rate_estimate(const Settings& settings,
                                         const ArmCounts& counts,
                                         double phi);
[[nodiscard]] NonInferiorityAssessment proof_of(double ln_m, double margin, double threshold);
// All but the message. Needs a latency objective.
[[nodiscard]] LatencyAssessment assess_latency(const Settings& settings, const State& whole);

}  // namespace sluice::analysis
