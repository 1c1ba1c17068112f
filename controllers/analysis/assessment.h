#pragma once
// What an analysis says after a block: the verdict, and all that a person needs to follow it. Plain
// values; nothing here is an input to a later block.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controllers/analysis/counts.h"

namespace sluice::analysis {

enum class Verdict {
  kKeepLooking,  // Not decided yet.
  kAdvance,      // The evidence for this step is there. Time and samples are the caller's policy.
  kRollBack,
  kHold,  // Keep the weight; see the reason.
};

enum class Reason {
  // Keep looking.
  kCollecting,       // Neither proof is there yet.
  kLowTraffic,       // The block was valid but had no candidate request.
  kEvidenceAgainst,  // Non-inferior within the margin, but some test leans towards rollback.
  kBlockInvalid,     // This block did not count; fewer in a row than the data policy allows.
  kStaleBlock,       // The block's index is not above the last one: ignored, nothing has changed.
  // Advance.
  kNonInferior,
  kNothingToProve,  // No objective gates this step.
  // Roll back.
  kEvidence,  // Statistical; `culprit` names the test.
  kCrashLoop,
  kNoReadyWorker,
  kAllRequestsFailing,
  kAnyBadIsBreach,  // The objective's max is 0 and the candidate had a bad request.
  kNoCandidateData,
  kSharedBreachAfterStep,
  // Hold.
  kStableInBreach,
  kQuarantined,
  kDataStale,
  kInternal,  // Arithmetic failed on these counts; a bug, or counts from another world.
};

[[nodiscard]] std::string_view to_string(Verdict verdict);  // "KeepLooking", "Advance", …
[[nodiscard]] std::string_view to_string(Reason reason);    // "Collecting", "NonInferior", …

// A rate with the interval to show beside it.
struct RateEstimate {
  ArmCounts counts;  // Of the present step, live and pairs together.
  double rate = 0;   // 0 when n is 0.
  Interval interval{0, 1};
};

inline constexpr std::string_view kErrorsVsStable = "errors-vs-stable";
inline constexpr std::string_view kErrorsVsObjective = "errors-vs-objective";

// One test of the family.
struct MetricAssessment {
  std::string_view name = {};  // "errors-vs-stable" or "errors-vs-objective".
  double weight = 0;           // In the family.
  double margin = 0;           // The rollback margin, or the objective's max.
  double ln_e = 0;
  double threshold = 0;  // ln_e at which this test alone would roll back.
  bool masked = false;   // Not counted in this block.
};

// What the present step has to prove.
struct NonInferiorityAssessment {
  double margin = 0;  // At the step's weight.
  double ln_m = 0;
  double threshold = 0;
  bool shown = false;
};

// How far it is to either end at the rates of the last five minutes; empty: not at these rates.
struct Outlook {
  std::optional<double> rollback_seconds = {};
  std::optional<double> advance_seconds = {};
  // "`further_bad` more errors in the next `further_bad_of` candidate requests roll back".
  std::optional<std::int64_t> further_bad = {};
  std::int64_t further_bad_of = 0;
  // "this many clean candidate requests advance".
  std::optional<std::int64_t> clean_needed = {};
};

struct Conditions {
  bool data_stale = false;
  bool low_traffic = false;
  bool stable_in_breach = false;
  bool quarantined = false;  // This block had pairs.
  bool internal = false;
};

struct Assessment {
  Verdict verdict = Verdict::kKeepLooking;
  Reason reason = Reason::kCollecting;
  std::string message = {};   // One or two sentences for people.
  std::string one_line = {};  // For `kubectl get`: "errors 4.8% vs 0.10% (excess …), evidence …".
  std::string_view culprit =
      {};  // The test that weighs most, for a statistical rollback; else empty.

  double ln_e_family = 0;
  double ln_e_threshold = 0;
  std::vector<MetricAssessment> metrics = {};
  RateEstimate candidate;
  RateEstimate stable;
  double excess = 0;  // Candidate's rate less stable's, over the step.
  Interval excess_interval{-1, 1};
  std::optional<NonInferiorityAssessment> noninferiority = {};
  double phi = 1;

  std::int64_t block_index = -1;
  std::int64_t blocks_used = 0;     // Of the rollout.
  std::int64_t blocks_invalid = 0;  // Of the rollout.
  std::int64_t step_blocks = 0;     // Valid ones in the step.
  std::int64_t step_requests = 0;   // The candidate's live requests in the step.
  Conditions conditions;
  Outlook outlook;
};

}  // namespace sluice::analysis
