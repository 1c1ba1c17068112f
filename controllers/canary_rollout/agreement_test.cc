#include "controllers/canary_rollout/agreement.h"

#include <gtest/gtest.h>

namespace sluice::canary_rollout {
namespace {

using Counts = std::vector<std::int64_t>;

api::ResolvedPolicy policy_of(bool expect_equivalent) {
  api::ResolvedPolicy policy;
  policy.steps.resize(1);
  policy.steps[0].shadow.emplace();
  policy.analysis.objectives.push_back(
      {.name = "agreement",
       .ranking_overlap = api::RankingOverlapObjective{.expect_equivalent = expect_equivalent}});
  return policy;
}

// All of `n` answers have this many of ten hits in common.
Counts all_at(std::size_t tenths, std::int64_t n) {
  Counts counts(11);
  counts[tenths] = n;
  return counts;
}

bool says(const AgreementAssessment& seen, const std::string& text) {
  return seen.row.message.find(text) != std::string::npos;
}

TEST(Agreement, OnlyReportsUnlessEquivalenceIsExpected) {
  const auto seen = judge_agreement(
      policy_of(false), {.candidate = all_at(5, 1000), .stable = {}, .rbo_sum = 4'700'000});
  EXPECT_EQ(seen.verdict, AgreementVerdict::kReported);
  EXPECT_EQ(seen.row.verdict, api::ObjectiveVerdict::kPass);
  EXPECT_EQ(seen.row.candidate, 0.5);
  EXPECT_EQ(seen.row.estimate, -0.5);
  EXPECT_EQ(seen.row.samples, 1000);
  EXPECT_TRUE(says(seen, "50.0% of the first ten hits")) << seen.row.message;
  EXPECT_TRUE(says(seen, "rank-biased overlap 0.470")) << seen.row.message;
  EXPECT_TRUE(says(seen, "Only reported")) << seen.row.message;
}

TEST(Agreement, HasNoDataBeforeTheFirstComparison) {
  for (const bool is_gated : {false, true}) {
    const auto seen = judge_agreement(policy_of(is_gated), {.incomparable = 7});
    EXPECT_EQ(seen.row.verdict, api::ObjectiveVerdict::kNoData);
    EXPECT_TRUE(says(seen, "7 answers do not name their hits")) << seen.row.message;
  }
}

TEST(Agreement, GatesAgainstWhatStableHasWithItself) {
  struct Case {
    api::RankingAgreement compared;
    AgreementVerdict verdict;
  };

  const std::vector<Case> cases = {
      {{.candidate = all_at(10, 1000), .stable = all_at(10, 100)}, AgreementVerdict::kEquivalent},
      {{.candidate = all_at(5, 1000), .stable = all_at(10, 500)}, AgreementVerdict::kDiffers},
      // Stable differs from itself as much: an index with random ties.
      {{.candidate = all_at(5, 1000), .stable = all_at(5, 500)}, AgreementVerdict::kEquivalent},
      // Too few to show either.
      {{.candidate = all_at(10, 20), .stable = all_at(10, 100)}, AgreementVerdict::kKeepLooking},
      {{.candidate = all_at(5, 3), .stable = all_at(10, 500)}, AgreementVerdict::kKeepLooking},
      // What to ask for is not known.
      {{.candidate = all_at(5, 1000), .stable = all_at(10, 29)}, AgreementVerdict::kKeepLooking},
      {{.candidate = all_at(10, 1000)}, AgreementVerdict::kKeepLooking},
      // Between: less than stable, but not by five points for sure.
      {{.candidate = {0, 0, 0, 0, 0, 0, 0, 0, 0, 30, 70}, .stable = all_at(10, 100)},
       AgreementVerdict::kKeepLooking},
  };
  for (const Case& c : cases) {
    const auto seen = judge_agreement(policy_of(true), c.compared);
    EXPECT_EQ(seen.verdict, c.verdict) << seen.row.message;
  }
}

TEST(Agreement, TakesHistogramsOfAnyLength) {
  const auto seen = judge_agreement(policy_of(true), {.candidate = {1}, .stable = Counts(40, 1)});
  EXPECT_EQ(seen.row.samples, 1);
  EXPECT_EQ(seen.row.stable_samples, 11);
}

TEST(Agreement, AddsBlocks) {
  api::RankingAgreement sum;
  add_agreement(sum, {.candidate = all_at(3, 2), .rbo_sum = 5, .dropped = 1});
  add_agreement(sum, {.candidate = all_at(10, 4), .stable = all_at(1, 1), .rbo_sum = 6});
  EXPECT_EQ(compared_answers(sum), 6);
  EXPECT_EQ(sum.rbo_sum, 11);
  EXPECT_EQ(sum.stable.at(1), 1);
  EXPECT_EQ(sum.dropped, 1);
}

}  // namespace
}  // namespace sluice::canary_rollout
