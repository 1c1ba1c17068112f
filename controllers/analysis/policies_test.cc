#include <gtest/gtest.h>

#include <limits>
#include <vector>

#include "controllers/analysis/data_policy.h"
#include "controllers/analysis/hard_fail.h"
#include "controllers/analysis/planning.h"
#include "controllers/analysis/shared_breach.h"

namespace sluice::analysis {
namespace {

struct HealthCase {
  DataHealth health;
  BlockData expected;
};

TEST(DataPolicy, ABlockNeedsFreshScrapesOfBothArms) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<HealthCase> cases = {
      {{.candidate_age_seconds = 0, .stable_age_seconds = 10, .scrape_seconds = 5},
       BlockData::kValid},
      {{.candidate_age_seconds = 10.1, .stable_age_seconds = 1, .scrape_seconds = 5},
       BlockData::kCandidateBlind},
      {{.candidate_age_seconds = 1, .stable_age_seconds = 10.1, .scrape_seconds = 5},
       BlockData::kStableBlind},
      {{.candidate_age_seconds = {}, .stable_age_seconds = {}}, BlockData::kBothBlind},
      {{.candidate_age_seconds = {}, .stable_age_seconds = 1}, BlockData::kCandidateBlind},
      {{.candidate_age_seconds = kNan, .stable_age_seconds = 1}, BlockData::kCandidateBlind},
      {{.candidate_age_seconds = 1, .stable_age_seconds = 1, .worker_coverage = 1.0},
       BlockData::kValid},
      {{.candidate_age_seconds = 1, .stable_age_seconds = 1, .worker_coverage = 0.6},
       BlockData::kValid},
      {{.candidate_age_seconds = 1, .stable_age_seconds = 1, .worker_coverage = 0.4},
       BlockData::kCoverage},
      {{.candidate_age_seconds = 1, .stable_age_seconds = 1, .worker_coverage = 1.2},
       BlockData::kCoverage},
      {{.candidate_age_seconds = 1, .stable_age_seconds = 1, .worker_coverage = kNan},
       BlockData::kCoverage}};
  for (const HealthCase& c : cases) {
    EXPECT_EQ(judge_data(c.health), c.expected) << to_string(c.expected);
  }
}

TEST(HardFail, OnlyATotalOutageOfTheCandidateAloneCounts) {
  EXPECT_TRUE(all_requests_failing({20, 20}, {100, 0}));
  EXPECT_TRUE(all_requests_failing({20, 20}, {100, 49}));
  EXPECT_FALSE(all_requests_failing({19, 19}, {100, 0})) << "too few to be a rule";
  EXPECT_FALSE(all_requests_failing({20, 19}, {100, 0}));
  EXPECT_FALSE(all_requests_failing({20, 20}, {100, 50})) << "stable fails as well";
  EXPECT_FALSE(all_requests_failing({20, 20}, {0, 0})) << "nothing to compare with";
  EXPECT_FALSE(all_requests_failing({0, 0}, {100, 0}, 0));
}

TEST(HardFail, NamesTheFirstFact) {
  EXPECT_FALSE(hard_fail({}));
  EXPECT_EQ(hard_fail({.crash_loop = true, .no_ready_worker = true}), HardFail::kCrashLoop);
  EXPECT_EQ(hard_fail({.no_ready_worker = true}), HardFail::kNoReadyWorker);
  EXPECT_EQ(hard_fail({.all_requests_failing = true}), HardFail::kAllRequestsFailing);
}

struct BreachCase {
  const char* name;
  SharedBreach breach;
  bool expected;
};

TEST(SharedBreach, BlamesTheCandidateOnlySoonAfterARaise) {
  const std::vector<BreachCase> cases = {
      {"no breach", {.now = 1000, .breach_since = {}, .weight_raised_at = 0}, false},
      {"never raised", {.now = 1000, .breach_since = 0, .weight_raised_at = {}}, false},
      {"short", {.now = 220, .breach_since = 100, .weight_raised_at = 50}, false},
      {"long, soon after", {.now = 221, .breach_since = 100, .weight_raised_at = 50}, true},
      {"long, late", {.now = 900, .breach_since = 700, .weight_raised_at = 50}, false},
      {"before the raise", {.now = 900, .breach_since = 40, .weight_raised_at = 50}, false}};
  for (const BreachCase& c : cases) {
    EXPECT_EQ(candidate_may_harm_stable(c.breach, SharedBreachPolicy{}), c.expected) << c.name;
  }
}

struct ProofCase {
  double rate;
  double margin;
  double requests;
};

// Requests that were measured by simulation for equal arms (5 %, a weight of a few percent).
TEST(Planning, RequestsNeededComeNearTheMeasuredOnes) {
  const std::vector<ProofCase> cases = {{0.001, 0.05, 105},
                                        {0.001, 0.01, 642},
                                        {0.001, 0.005, 1503},
                                        {0.001, 0.002, 5436},
                                        {0.01, 0.01, 1665},
                                        {0.01, 0.005, 5393},
                                        {0.05, 0.02, 1697},
                                        {0.05, 0.01, 5721}};
  for (const ProofCase& c : cases) {
    const auto needed = candidate_requests_needed({c.rate, c.margin, 0.05, 0.05});
    ASSERT_TRUE(needed);
    EXPECT_GT(*needed, c.requests / 2) << c.rate << " " << c.margin;
    EXPECT_LT(*needed, c.requests * 2) << c.rate << " " << c.margin;
  }
}

TEST(Planning, AMarginOfNothingCannotBeShown) {
  EXPECT_FALSE(candidate_requests_needed({.rate = 0.01, .margin = 0, .weight = 0.1}));
}

TEST(Planning, EvidenceThatIsThereNeedsNoMoreTime) {
  const Eta now = eta({.per_block = {20, 1980, 0, 2}, .margin = {}, .ln_e = 5}, kErrorRatios);
  EXPECT_EQ(now.seconds, 0);
}

}  // namespace
}  // namespace sluice::analysis
