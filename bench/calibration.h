#pragma once
// Random rollouts that ask how often a rule errs where it must not: the crossing rate over a
// whole rollout, with its Wilson interval. Traffic is Poisson; each run has a seed of its own, so
// that a row gives the same figures everywhere. Used by the benchmark (full size) and by a test
// (reduced size).

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "base/rng.h"

namespace sluice::bench {

// Exact Poisson draws from a table of the distribution (within 14 standard deviations).
class PoissonTable {
 public:
  explicit PoissonTable(double mean);
  [[nodiscard]] std::int64_t draw(Rng& rng) const;

 private:
  std::int64_t first_ = 0;
  std::vector<double> cumulative_;
};

// One hour at 200 requests a second; the candidate has 1, 5, 25 and 50 % for a quarter each.
struct Traffic {
  double requests_per_second = 200;
  double block_seconds = 5;
  double hours = 1;
  std::array<double, 4> weights = {0.01, 0.05, 0.25, 0.5};
  double bad_rate_candidate = 0.001;
  double bad_rate_stable = 0.001;
  double cluster_mean = 1;  // Bad requests come in groups of this mean (geometric), in one pod.
  // Both arms fail for a minute at 20 %: at these seconds, counted from the first step on, so that
  // those below 0 fall into what is learned before it.
  std::vector<double> shared_outages_at = {};
  double candidate_turns_bad_at = 0;  // Until then it is as good as stable. Seconds.
};

enum class Row {
  kEvidence,   // K1 at margin 0, restart mixture and cap, against equal arms.
  kPromotion,  // K1 downwards at margin 0.001 over the hour, against a candidate exactly at it.
  kJudge,      // The whole judge, learned dispersion and all, against a candidate exactly at its
               // rollback margin (objective: max 1 %, worse than stable by 0.5 %).
  kClustered,  // The same with bad requests in clusters of 5, after ten minutes of stable alone.
  kUnlearned,  // The same without those ten minutes.
  kShared,     // Arms as good as each other and three shared outages, one of them while learning.
  kSharedClustered,          // The same with clusters of 5.
  kSharedClusteredAtMargin,  // And with a candidate exactly at its rollback margin.
};

struct Question {
  Row row = Row::kEvidence;
  double alpha = 0.01;
  double block_seconds = 5;
  std::int64_t runs = 5000;
  std::uint64_t seed = 1;
};

struct Rate {
  std::int64_t crossed = 0;
  std::int64_t runs = 0;
  double rate = 0;
  double low = 0;  // 95 % Wilson interval.
  double high = 0;
};

[[nodiscard]] Rate wilson(std::int64_t crossed, std::int64_t runs);
// The share of runs in which the rule crosses its threshold at any look.
[[nodiscard]] Rate crossing_rate(const Question& question);
[[nodiscard]] std::string describe_row(Row row);

// How fast the whole judge rolls a candidate back that fails at `bad_rate`, after ten minutes of
// stable alone; stable fails at 0.1 %.
struct Regression {
  double bad_rate = 0.05;
  double cluster_mean = 1;
  double block_seconds = 5;
  // Bad only from the end of a shared outage on, with outages as in Row::kShared; times count from
  // there.
  bool is_after_outage = false;
  std::int64_t runs = 1000;
  std::uint64_t seed = 1;
};

// Medians and 95th percentiles over the runs that were rolled back within the hour.
struct Detection {
  Rate rolled_back;
  double seconds_median = 0;
  double seconds_p95 = 0;
  double bad_median = 0;  // Bad requests that the candidate had served by then.
  double bad_p95 = 0;
};

[[nodiscard]] Detection detection(const Regression& regression);

}  // namespace sluice::bench
