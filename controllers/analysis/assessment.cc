#include "controllers/analysis/assessment.h"

namespace sluice::analysis {

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::kKeepLooking:
      return "KeepLooking";
    case Verdict::kAdvance:
      return "Advance";
    case Verdict::kRollBack:
      return "RollBack";
    case Verdict::kHold:
      return "Hold";
  }
  return "Hold";
}

bool is_latency_test(std::string_view metric) {
  return metric == kLatencyVsStable || metric == kLatencyVsObjective;
}

bool is_latency_shown(const LatencyAssessment& latency) {
  return latency.vs_stable.shown && (!latency.vs_objective || latency.vs_objective->shown);
}

std::string_view to_string(Reason reason) {
  switch (reason) {
    case Reason::kCollecting:
      return "Collecting";
    case Reason::kLowTraffic:
      return "LowTraffic";
    case Reason::kEvidenceAgainst:
      return "EvidenceAgainst";
    case Reason::kBlockInvalid:
      return "BlockInvalid";
    case Reason::kStaleBlock:
      return "StaleBlock";
    case Reason::kNonInferior:
      return "NonInferior";
    case Reason::kNothingToProve:
      return "NothingToProve";
    case Reason::kEvidence:
      return "Evidence";
    case Reason::kCrashLoop:
      return "CrashLoop";
    case Reason::kNoReadyWorker:
      return "NoReadyWorker";
    case Reason::kAllRequestsFailing:
      return "AllRequestsFailing";
    case Reason::kAnyBadIsBreach:
      return "AnyBadIsBreach";
    case Reason::kNoCandidateData:
      return "NoCandidateData";
    case Reason::kSharedBreachAfterStep:
      return "SharedBreachAfterStep";
    case Reason::kStableInBreach:
      return "StableInBreach";
    case Reason::kQuarantined:
      return "Quarantined";
    case Reason::kDataStale:
      return "DataStale";
    case Reason::kInternal:
      return "Internal";
  }
  return "Internal";
}

}  // namespace sluice::analysis
