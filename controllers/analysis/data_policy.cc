#include "controllers/analysis/data_policy.h"

namespace sluice::analysis {
namespace {

bool is_fresh(std::optional<double> age_seconds, double scrape_seconds) {
  return age_seconds && *age_seconds <= 2 * scrape_seconds;
}

}  // namespace

std::string_view to_string(BlockData data) {
  switch (data) {
    case BlockData::kValid:
      return "Valid";
    case BlockData::kCandidateBlind:
      return "CandidateBlind";
    case BlockData::kStableBlind:
      return "StableBlind";
    case BlockData::kBothBlind:
      return "BothBlind";
    case BlockData::kCoverage:
      return "Coverage";
    case BlockData::kBadCounts:
      return "BadCounts";
  }
  return "BadCounts";
}

BlockData judge_data(const DataHealth& health) {
  constexpr double kCoverageMin = 0.5;
  constexpr double kCoverageMax = 1.1;
  const bool sees_candidate = is_fresh(health.candidate_age_seconds, health.scrape_seconds);
  const bool sees_stable = is_fresh(health.stable_age_seconds, health.scrape_seconds);
  if (!sees_candidate) {
    return sees_stable ? BlockData::kCandidateBlind : BlockData::kBothBlind;
  }
  if (!sees_stable) {
    return BlockData::kStableBlind;
  }
  const double coverage = health.worker_coverage.value_or(1);
  const bool is_covered = coverage >= kCoverageMin && coverage <= kCoverageMax;
  if (!is_covered) {  // Also when it is not a number.
    return BlockData::kCoverage;
  }
  return BlockData::kValid;
}

}  // namespace sluice::analysis
