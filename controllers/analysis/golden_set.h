#pragma once
// The golden-set gate: fixed queries with judged answers, one look, before any user sees the
// candidate. A floor on the mean, and a paired t test that the candidate is worse than stable by
// less than a margin. Paired t, never Wilcoxon or signs: most differences are exactly zero, and
// with a margin those tests accept anything. Pure functions.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "controllers/analysis/counts.h"

namespace sluice::analysis {

struct PairedT {
  std::int64_t queries = 0;
  double mean = 0;
  double sd = 0;
  double t = 0;      // Plus or minus infinity when all differences are equal.
  double p = 1;      // One-sided, of H0: mean <= -delta.
  double lower = 0;  // One-sided bounds of the mean difference at level 1 - alpha.
  double upper = 0;
};

// kInvalid for fewer than two differences or one that is not finite.
[[nodiscard]] Result<PairedT> paired_t_noninferiority(std::span<const double> differences,
                                                      double delta,
                                                      double alpha);

struct GoldenSetSettings {
  std::string metric = "ndcgAt10";     // For messages only.
  std::optional<double> min = {};      // Floor for the candidate's mean.
  double worse_than_stable_by = 0.02;  // > 0.
  double alpha = 0.05;
  double judged_difference_max = 0.05;
};

// One query's result in one arm, as the builder wrote it.
struct QueryResult {
  std::string query = {};
  double value = 0;   // The metric, in [0, 1].
  double judged = 1;  // Share of its top k that anybody has judged.
};

enum class GoldenSetVerdict { kPass, kFail, kHold };

enum class GoldenSetReason {
  kNotWorse,          // Pass: the bound is within the margin, and the floor is held.
  kNoStable,          // Pass: nothing to compare with, the floor is held.
  kBelowFloor,        // Fail.
  kWorseThanStable,   // Fail: the whole interval is beyond the margin.
  kNotShown,          // Fail: may be no worse, but these queries cannot show it.
  kJudgedDiffers,     // Hold: one arm's answers are judged less, so the metric is unfair to it.
  kDifferentQueries,  // Hold: the arms were not evaluated on the same queries.
  kNoResults,         // Hold: no data is not a pass.
  kInvalidResults,    // Hold: a value is not a number in [0, 1], or a query comes twice.
};

struct GoldenSetAssessment {
  GoldenSetVerdict verdict = GoldenSetVerdict::kHold;
  GoldenSetReason reason = GoldenSetReason::kNoResults;
  std::int64_t queries = 0;
  double candidate_mean = 0;
  std::optional<double> stable_mean = {};
  std::optional<PairedT> paired = {};
  std::optional<double> candidate_judged = {};
  std::optional<double> stable_judged = {};
  bool judges_wrong_answers = false;  // Only then does the judged share say anything by itself.
  std::string message = {};           // Names the metric, both values, the interval and the margin.
};

// `stable` is empty (nullopt) for the first revision of an index.
[[nodiscard]] GoldenSetAssessment judge_golden_set(
    const GoldenSetSettings& settings,
    const std::vector<QueryResult>& candidate,
    const std::optional<std::vector<QueryResult>>& stable);

[[nodiscard]] std::string_view to_string(GoldenSetVerdict verdict);  // "Pass", "Fail", "Hold".
[[nodiscard]] std::string_view to_string(GoldenSetReason reason);    // "WorseThanStable", …

}  // namespace sluice::analysis
