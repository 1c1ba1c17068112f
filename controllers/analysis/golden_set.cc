#include "controllers/analysis/golden_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string_view>

#include "base/check.h"
#include "controllers/analysis/student_t.h"

namespace sluice::analysis {
namespace {

using Results = std::map<std::string_view, const QueryResult*>;

bool is_share(double value) {
  return value >= 0 && value <= 1;
}

// The results by query; empty optional if one is not a number in [0, 1] or comes twice.
std::optional<Results> index(const std::vector<QueryResult>& results) {
  Results by_query;
  for (const QueryResult& result : results) {
    if (!is_share(result.value) || !is_share(result.judged) ||
        !by_query.emplace(result.query, &result).second) {
      return std::nullopt;
    }
  }
  return by_query;
}

struct Means {
  double value = 0;
  double judged = 0;
};

// Summed in the order of the queries' names, so that the order of the file does not matter.
Means means(const Results& results) {
  Means sum;
  for (const auto& [query, result] : results) {
    sum.value += result->value;
    sum.judged += result->judged;
  }
  const double n = static_cast<double>(results.size());
  return {.value = sum.value / n, .judged = sum.judged / n};
}

// Whether anybody judged answers that are wrong. A golden set that lists only the right ones shows
// nothing judged where nothing right was found: its judged share then repeats the metric, and a
// candidate that misses the right answers must not be held as if it were treated unfairly.
bool judges_wrong_answers(const Results& results) {
  return std::ranges::any_of(results, [](const auto& entry) {
    return entry.second->judged > 0 && entry.second->value == 0;
  });
}

bool same_queries(const Results& a, const Results& b) {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) { return x.first == y.first; });
}

GoldenSetAssessment& conclude(GoldenSetAssessment& assessment,
                              GoldenSetVerdict verdict,
                              GoldenSetReason reason,
                              std::string message) {
  assessment.verdict = verdict;
  assessment.reason = reason;
  assessment.message = std::move(message);
  return assessment;
}

std::string floor_text(const GoldenSetSettings& settings) {
  return settings.min ? fmt::format(", floor {:.4f}", *settings.min) : std::string();
}

// The verdict of the comparison, where both arms have the same valid queries.
GoldenSetAssessment& judge_pair(const GoldenSetSettings& settings,
                                GoldenSetAssessment& assessment) {
  const PairedT& paired = *assessment.paired;
  const double margin = settings.worse_than_stable_by;
  const std::string numbers = fmt::format(
      "{} {:.4f} against stable's {:.4f} on {} queries: difference {:+.4f} "
      "[{:+.4f}, {:+.4f}], margin {:.4f}{}",
      settings.metric,
      assessment.candidate_mean,
      *assessment.stable_mean,
      assessment.queries,
      paired.mean,
      paired.lower,
      paired.upper,
      margin,
      floor_text(settings));
  if (assessment.judges_wrong_answers &&
      std::fabs(*assessment.candidate_judged - *assessment.stable_judged) >
          settings.judged_difference_max) {
    return conclude(assessment,
                    GoldenSetVerdict::kHold,
                    GoldenSetReason::kJudgedDiffers,
                    fmt::format("{}; but {:.1f}% of the candidate's top answers are judged against "
                                "{:.1f}% of stable's, which makes the metric unfair: judge more "
                                "answers",
                                numbers,
                                100 * *assessment.candidate_judged,
                                100 * *assessment.stable_judged));
  }
  if (settings.min && assessment.candidate_mean < *settings.min) {
    return conclude(assessment,
                    GoldenSetVerdict::kFail,
                    GoldenSetReason::kBelowFloor,
                    numbers + "; below the floor");
  }
  if (paired.upper < -margin) {
    return conclude(assessment,
                    GoldenSetVerdict::kFail,
                    GoldenSetReason::kWorseThanStable,
                    numbers + "; worse than stable by more than the margin");
  }
  if (paired.lower > -margin) {
    return conclude(assessment,
                    GoldenSetVerdict::kPass,
                    GoldenSetReason::kNotWorse,
                    numbers + "; not worse than the margin");
  }
  return conclude(assessment,
                  GoldenSetVerdict::kFail,
                  GoldenSetReason::kNotShown,
                  numbers + "; these queries cannot show that it is within the margin");
}

}  // namespace

Result<PairedT> paired_t_noninferiority(std::span<const double> differences,
                                        double delta,
                                        double alpha) {
  if (differences.size() < 2) {
    return fail(ErrorCode::kInvalid, "fewer than two paired queries");
  }
  const bool is_level = alpha > 0 && alpha < 1;
  if (!is_level || !std::isfinite(delta)) {
    return fail(ErrorCode::kInvalid, "alpha is not in (0, 1) or the margin is not a number");
  }
  const double n = static_cast<double>(differences.size());
  double sum = 0;
  for (const double difference : differences) {
    sum += difference;
  }
  const double mean = sum / n;
  double squares = 0;
  for (const double difference : differences) {
    squares += (difference - mean) * (difference - mean);
  }
  if (!std::isfinite(squares)) {
    return fail(ErrorCode::kInvalid, "a difference is not a number");
  }
  PairedT result;
  result.queries = static_cast<std::int64_t>(differences.size());
  result.mean = mean;
  result.sd = std::sqrt(squares / (n - 1));
  const double standard_error = result.sd / std::sqrt(n);
  if (standard_error == 0) {
    // All differences are equal, so there is nothing left to doubt.
    const double infinity = std::numeric_limits<double>::infinity();
    result.t = mean + delta > 0 ? infinity : -infinity;
    result.p = mean + delta > 0 ? 0 : 1;
    result.lower = mean;
    result.upper = mean;
    return result;
  }
  const double quantile = student_t_quantile(1 - alpha, n - 1);
  result.t = (mean + delta) / standard_error;
  result.p = student_t_upper(result.t, n - 1);
  result.lower = mean - quantile * standard_error;
  result.upper = mean + quantile * standard_error;
  return result;
}

GoldenSetAssessment judge_golden_set(const GoldenSetSettings& settings,
                                     const std::vector<QueryResult>& candidate,
                                     const std::optional<std::vector<QueryResult>>& stable) {
  GoldenSetAssessment assessment;
  const std::optional<Results> ours = index(candidate);
  const std::optional<Results> theirs = stable ? index(*stable) : Results{};
  if (!ours || !theirs) {
    return conclude(assessment,
                    GoldenSetVerdict::kHold,
                    GoldenSetReason::kInvalidResults,
                    fmt::format("the {}'s {} results name a query twice or hold a value outside "
                                "[0, 1]",
                                ours ? "stable" : "candidate",
                                settings.metric));
  }
  assessment.queries = static_cast<std::int64_t>(ours->size());
  if (ours->empty()) {
    return conclude(assessment,
                    GoldenSetVerdict::kHold,
                    GoldenSetReason::kNoResults,
                    fmt::format("no {} results for the candidate", settings.metric));
  }
  const Means candidate_means = means(*ours);
  assessment.candidate_mean = candidate_means.value;
  assessment.candidate_judged = candidate_means.judged;
  if (!stable) {
    const std::string numbers = fmt::format("{} {:.4f} on {} queries{}",
                                            settings.metric,
                                            candidate_means.value,
                                            ours->size(),
                                            floor_text(settings));
    const bool is_below = settings.min && candidate_means.value < *settings.min;
    return conclude(assessment,
                    is_below ? GoldenSetVerdict::kFail : GoldenSetVerdict::kPass,
                    is_below ? GoldenSetReason::kBelowFloor : GoldenSetReason::kNoStable,
                    numbers + (is_below ? "; below the floor" : "; no stable to compare with"));
  }
  if (!same_queries(*ours, *theirs) || ours->size() < 2) {
    return conclude(assessment,
                    GoldenSetVerdict::kHold,
                    GoldenSetReason::kDifferentQueries,
                    fmt::format("the candidate was evaluated on {} queries and stable on {}, which "
                                "are not the same two or more: evaluate both on one golden set",
                                ours->size(),
                                theirs->size()));
  }
  const Means stable_means = means(*theirs);
  assessment.stable_mean = stable_means.value;
  assessment.stable_judged = stable_means.judged;
  assessment.judges_wrong_answers = judges_wrong_answers(*ours) || judges_wrong_answers(*theirs);
  std::vector<double> differences;
  differences.reserve(ours->size());
  for (auto a = ours->begin(), b = theirs->begin(); a != ours->end(); ++a, ++b) {
    differences.push_back(a->second->value - b->second->value);
  }
  const Result<PairedT> paired =
      paired_t_noninferiority(differences, settings.worse_than_stable_by, settings.alpha);
  CHECK(paired);
  assessment.paired = *paired;
  return judge_pair(settings, assessment);
}

std::string_view to_string(GoldenSetVerdict verdict) {
  switch (verdict) {
    case GoldenSetVerdict::kPass:
      return "Pass";
    case GoldenSetVerdict::kFail:
      return "Fail";
    case GoldenSetVerdict::kHold:
      return "Hold";
  }
  return "Hold";
}

std::string_view to_string(GoldenSetReason reason) {
  switch (reason) {
    case GoldenSetReason::kNotWorse:
      return "NotWorse";
    case GoldenSetReason::kNoStable:
      return "NoStable";
    case GoldenSetReason::kBelowFloor:
      return "BelowFloor";
    case GoldenSetReason::kWorseThanStable:
      return "WorseThanStable";
    case GoldenSetReason::kNotShown:
      return "NotShown";
    case GoldenSetReason::kJudgedDiffers:
      return "JudgedDiffers";
    case GoldenSetReason::kDifferentQueries:
      return "DifferentQueries";
    case GoldenSetReason::kNoResults:
      return "NoResults";
    case GoldenSetReason::kInvalidResults:
      return "InvalidResults";
  }
  return "InvalidResults";
}

}  // namespace sluice::analysis
