#include "controllers/analysis/golden_set.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "base/rng.h"

namespace sluice::analysis {
namespace {

using Results = std::vector<QueryResult>;

// `queries` results around a mean; the same seed gives the same difficulty of the queries.
Results results(int queries, double mean, double noise, std::uint64_t seed) {
  Rng difficulty(1);
  Rng rng(seed);
  Results out;
  for (int i = 0; i < queries; ++i) {
    const double base = mean + 0.3 * (difficulty.unit() - 0.5);
    const double value = base + noise * (rng.unit() - 0.5);
    out.push_back({.query = "q" + std::to_string(i), .value = value, .judged = 0.9});
  }
  return out;
}

GoldenSetSettings settings() {
  return {.metric = "ndcgAt10", .min = 0.4, .worse_than_stable_by = 0.02};
}

TEST(GoldenSet, PassesACandidateThatIsAsGood) {
  const auto seen =
      judge_golden_set(settings(), results(300, 0.6, 0.1, 2), results(300, 0.6, 0.1, 3));
  EXPECT_EQ(seen.verdict, GoldenSetVerdict::kPass) << seen.message;
  EXPECT_EQ(seen.reason, GoldenSetReason::kNotWorse);
  EXPECT_GT(seen.paired->lower, -0.02);
  EXPECT_LT(seen.paired->p, 0.05);
}

TEST(GoldenSet, FailsACandidateThatIsClearlyWorseAndGivesTheNumbers) {
  const auto seen =
      judge_golden_set(settings(), results(300, 0.52, 0.1, 2), results(300, 0.6, 0.1, 3));
  EXPECT_EQ(seen.verdict, GoldenSetVerdict::kFail);
  EXPECT_EQ(seen.reason, GoldenSetReason::kWorseThanStable);
  EXPECT_EQ(seen.message.find("ndcgAt10 0.5"), 0U) << seen.message;
  EXPECT_NE(seen.message.find("on 300 queries: difference -0.0"), std::string::npos)
      << seen.message;
}

TEST(GoldenSet, FailsBelowTheFloorEvenIfNotWorseThanStable) {
  const auto seen =
      judge_golden_set(settings(), results(300, 0.3, 0.1, 2), results(300, 0.3, 0.1, 3));
  EXPECT_EQ(seen.reason, GoldenSetReason::kBelowFloor) << seen.message;
  EXPECT_EQ(seen.verdict, GoldenSetVerdict::kFail);
}

TEST(GoldenSet, FailsWhatTooFewQueriesCannotShow) {
  const auto seen = judge_golden_set(settings(), results(5, 0.6, 0.3, 2), results(5, 0.6, 0.3, 3));
  EXPECT_EQ(seen.reason, GoldenSetReason::kNotShown) << seen.message;
}

TEST(GoldenSet, HoldsWhenFewerAnswersAreJudged) {
  Results candidate = results(300, 0.595, 0.1, 2);
  for (QueryResult& result : candidate) {
    result.judged = 0.8;
  }
  candidate.front().value = 0;  // Judged and wrong: somebody judged wrong answers too.
  const auto seen = judge_golden_set(settings(), candidate, results(300, 0.6, 0.1, 3));
  EXPECT_EQ(seen.verdict, GoldenSetVerdict::kHold);
  EXPECT_EQ(seen.reason, GoldenSetReason::kJudgedDiffers) << seen.message;
}

// Known-item sets list only the right answer: missing it lowers the judged share as well.
TEST(GoldenSet, FailsAWorseCandidateWhoseRightAnswersAloneAreJudged) {
  Results candidate;
  Results stable;
  for (int i = 0; i < 100; ++i) {
    const bool is_found = i % 10 == 0;
    const std::string query = std::to_string(i);
    candidate.push_back({query, is_found ? 1.0 : 0.0, is_found ? 0.1 : 0.0});
    stable.push_back({query, 1.0, 0.1});
  }
  const auto seen = judge_golden_set(settings(), candidate, stable);
  EXPECT_EQ(seen.verdict, GoldenSetVerdict::kFail) << seen.message;
}

TEST(GoldenSet, TheFirstRevisionNeedsOnlyTheFloor) {
  const auto above = judge_golden_set(settings(), results(50, 0.6, 0.1, 2), std::nullopt);
  EXPECT_EQ(above.verdict, GoldenSetVerdict::kPass);
  EXPECT_EQ(above.reason, GoldenSetReason::kNoStable);
  const auto below = judge_golden_set(settings(), results(50, 0.2, 0.1, 2), std::nullopt);
  EXPECT_EQ(below.reason, GoldenSetReason::kBelowFloor);
}

TEST(GoldenSet, IdenticalResultsPassWithoutDoubt) {
  const Results same = results(30, 0.6, 0.1, 2);
  const auto seen = judge_golden_set(settings(), same, same);
  EXPECT_EQ(seen.reason, GoldenSetReason::kNotWorse);
  EXPECT_EQ(seen.paired->sd, 0);
  EXPECT_EQ(seen.paired->p, 0);
}

TEST(GoldenSet, TheOrderOfTheQueriesDoesNotMatter) {
  const Results candidate = results(100, 0.6, 0.2, 2);
  const Results reversed(candidate.rbegin(), candidate.rend());
  const Results stable = results(100, 0.6, 0.2, 3);
  EXPECT_EQ(judge_golden_set(settings(), candidate, stable).message,
            judge_golden_set(settings(), reversed, stable).message);
  EXPECT_EQ(judge_golden_set(settings(), candidate, stable).paired->t,
            judge_golden_set(settings(), reversed, stable).paired->t);
}

struct NoVerdict {
  const char* name;
  Results candidate;
  std::optional<Results> stable;
  GoldenSetReason reason;
};

TEST(GoldenSet, NothingPassesBecauseItWasAbsentOrBroken) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const Results good = results(10, 0.6, 0.1, 2);
  Results twice = good;
  twice.push_back(good.front());
  const std::vector<NoVerdict> cases = {
      {"no results", {}, good, GoldenSetReason::kNoResults},
      {"no results at all", {}, std::nullopt, GoldenSetReason::kNoResults},
      {"stable has none", good, Results{}, GoldenSetReason::kDifferentQueries},
      {"other queries", good, results(9, 0.6, 0.1, 3), GoldenSetReason::kDifferentQueries},
      {"one query",
       results(1, 0.6, 0, 2),
       results(1, 0.6, 0, 2),
       GoldenSetReason::kDifferentQueries},
      {"twice", twice, twice, GoldenSetReason::kInvalidResults},
      {"nan", {{.query = "q", .value = kNan}}, good, GoldenSetReason::kInvalidResults},
      {"above one", good, Results{{.query = "q", .value = 1.5}}, GoldenSetReason::kInvalidResults},
      {"judged nan",
       {{.query = "q", .value = 1, .judged = kNan}},
       {},
       GoldenSetReason::kInvalidResults}};
  for (const NoVerdict& c : cases) {
    const auto seen = judge_golden_set(settings(), c.candidate, c.stable);
    EXPECT_EQ(seen.verdict, GoldenSetVerdict::kHold) << c.name;
    EXPECT_EQ(seen.reason, c.reason) << c.name << ": " << seen.message;
  }
}

TEST(PairedT, RefusesWhatItCannotJudge) {
  const std::vector<double> one = {0.1};
  const std::vector<double> broken = {0.1, std::numeric_limits<double>::infinity()};
  const std::vector<double> fine = {0.1, 0.2};
  EXPECT_FALSE(paired_t_noninferiority({}, 0.02, 0.05));
  EXPECT_FALSE(paired_t_noninferiority(one, 0.02, 0.05));
  EXPECT_FALSE(paired_t_noninferiority(broken, 0.02, 0.05));
  EXPECT_FALSE(paired_t_noninferiority(fine, 0.02, 0));
  EXPECT_TRUE(paired_t_noninferiority(fine, 0.02, 0.05));
}

// At a true difference of exactly the margin the gate passes about alpha of the time, although most
// differences are zero.
TEST(PairedT, KeepsItsLevelWithManyZeroDifferences) {
  Rng rng(31);
  int passed = 0;
  constexpr int kRuns = 2000;
  for (int run = 0; run < kRuns; ++run) {
    std::vector<double> differences;
    for (int i = 0; i < 300; ++i) {
      const double changed = rng.unit();
      const double size = rng.unit();
      differences.push_back(changed < 0.2 ? size - 0.6 : 0);  // Mean -0.02.
    }
    passed += paired_t_noninferiority(differences, 0.02, 0.05)->p < 0.05 ? 1 : 0;
  }
  EXPECT_LE(passed, kRuns * 7 / 100);
  EXPECT_GE(passed, kRuns * 3 / 100);
}

}  // namespace
}  // namespace sluice::analysis
