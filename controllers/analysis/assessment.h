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
inline constexpr std::string_view kLatencyVsStable = "latency-vs-stable";
inline constexpr std::string_view kLatencyVsObjective = "latency-vs-objective";

// One test of the family.
struct MetricAssessment {
  std::string_view name = {};  // One of those above.
  double weight = 0;           // In the family.
  double margin = 0;           // The rollback margin, or the share that the objective allows.
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

// Where a quantile lies, in seconds; empty ends are beyond the edges that are judged.
struct QuantileSeconds {
  std::optional<double> above = {};
  std::optional<double> at_most = {};
};

// Where the candidate and stable differ most: the shares of their answers that took longer than a
// time, which is a little later for the candidate.
struct LatencyContrast {
  double candidate = 0;
  double candidate_edge_seconds = 0;
  double stable = 0;
  double stable_edge_seconds = 0;
};

// How the latency objective stands. Shares are of answers in the present step that took longer than
// `edge_seconds`, live and pairs together.
struct LatencyAssessment {
  bool is_planned = false;  // False: too few of stable's answers are known; all else is empty.
  double quantile = 0.95;
  std::optional<double> max_seconds = {};
  double edge_seconds = 0;  // The first edge at or above the max; without one stable's quantile.
  RateEstimate candidate;
  RateEstimate stable;
  double excess = 0;
  Interval excess_interval{-1, 1};
  LatencyContrast contrast;
  QuantileSeconds candidate_quantile;
  QuantileSeconds stable_quantile;
  NonInferiorityAssessment vs_stable;  // At the edge nearest to stable's quantile.
  std::optional<NonInferiorityAssessment> vs_objective = {};
  bool stable_in_breach = false;
  std::string message = {};  // All of it, in milliseconds and shares.
};

// Shown to be good enough for the step, against stable and, with a max, against that.
[[nodiscard]] bool is_latency_shown(const LatencyAssessment& latency);

// The evidence against the candidate by one objective's tests alone.
struct ObjectiveEvidence {
  double ln_e = 0;
  double threshold = 0;  // At which these tests alone would roll back.
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

[[nodiscard]] bool is_latency_test(std::string_view metric);

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
  std::optional<LatencyAssessment> latency = {};
  ObjectiveEvidence errors_evidence;
  ObjectiveEvidence latency_evidence;

  std::int64_t block_index = -1;
  std::int64_t blocks_used = 0;     // Of the rollout.
  std::int64_t blocks_invalid = 0;  // Of the rollout.
  std::int64_t step_blocks = 0;     // Valid ones in the step.
  std::int64_t step_requests = 0;   // The candidate's live requests in the step.
  Conditions conditions;
  Outlook outlook;
};

}  // namespace sluice::analysis
