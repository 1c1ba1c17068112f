#include "bench/calibration.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "controllers/analysis/rollout_analysis.h"
#include "controllers/analysis/two_arm.h"

namespace sluice::bench {
namespace {

using analysis::ArmCounts;

constexpr int kStablePods = 10;
constexpr std::array<std::int64_t, 4> kCandidatePods = {1, 1, 3, 5};

// Good and bad requests of one source, which are independent Poisson streams; the bad ones may come
// in clusters.
class Source {
 public:
  Source(double mean, double bad_rate, double cluster_mean)
      : good_(mean * (1 - bad_rate)),
        clusters_(mean * bad_rate / cluster_mean),
        cluster_ends_(1 / cluster_mean) {}

  [[nodiscard]] ArmCounts draw(Rng& rng) const {
    const std::int64_t good = good_.draw(rng);
    const std::int64_t clusters = clusters_.draw(rng);
    std::int64_t bad = clusters;
    for (std::int64_t i = 0; cluster_ends_ < 1 && i < clusters; ++i) {
      while (rng.unit() >= cluster_ends_) {
        ++bad;
      }
    }
    return {.n = good + bad, .bad = bad};
  }

 private:
  PoissonTable good_;
  PoissonTable clusters_;
  double cluster_ends_;
};

// The sources of one step of the schedule.
struct Step {
  Source candidate;
  Source stable;
  Source stable_pod;
};

// How each step goes: as planned, before the candidate turns bad, and in a shared outage.
struct Steps {
  std::vector<Step> planned;
  std::vector<Step> good;
  std::vector<Step> outage;
};

constexpr double kOutageSeconds = 60;
constexpr double kOutageBadRate = 0.2;

struct BadRates {
  double candidate = 0;
  double stable = 0;
  double cluster_mean = 1;
};

std::vector<Step> steps_at(const Traffic& traffic, const BadRates& bad) {
  std::vector<Step> steps;
  const double requests = traffic.requests_per_second * traffic.block_seconds;
  for (const double weight : traffic.weights) {
    const double stable = requests * (1 - weight);
    steps.push_back({.candidate = Source(requests * weight, bad.candidate, bad.cluster_mean),
                     .stable = Source(stable, bad.stable, bad.cluster_mean),
                     .stable_pod = Source(stable / kStablePods, bad.stable, bad.cluster_mean)});
  }
  return steps;
}

Steps steps_of(const Traffic& traffic) {
  const double stable = traffic.bad_rate_stable;
  const double cluster = traffic.cluster_mean;
  return {.planned = steps_at(traffic, {traffic.bad_rate_candidate, stable, cluster}),
          .good = steps_at(traffic, {stable, stable, cluster}),
          .outage = steps_at(traffic, {kOutageBadRate, kOutageBadRate, 1})};
}

// The step with this number as it goes in a block that begins at `seconds` from the first step.
const Step& step_in(const Traffic& traffic,
                    const Steps& steps,
                    std::size_t number,
                    double seconds) {
  const bool is_outage = std::ranges::any_of(traffic.shared_outages_at, [seconds](double at) {
    return seconds >= at && seconds < at + kOutageSeconds;
  });
  if (is_outage) {
    return steps.outage.at(number);
  }
  return (seconds < traffic.candidate_turns_bad_at ? steps.good : steps.planned).at(number);
}

std::int64_t blocks_of(const Traffic& traffic) {
  return std::llround(3600 * traffic.hours / traffic.block_seconds);
}

std::size_t step_at(const Traffic& traffic, std::int64_t block) {
  const auto steps = static_cast<std::int64_t>(traffic.weights.size());
  return static_cast<std::size_t>(block * steps / blocks_of(traffic));
}

analysis::TwoArmCounts two_arms(const ArmCounts& candidate, const ArmCounts& stable) {
  return {.n_candidate = static_cast<double>(candidate.n),
          .n_stable = static_cast<double>(stable.n),
          .bad_candidate = static_cast<double>(candidate.bad),
          .bad_stable = static_cast<double>(stable.bad)};
}

bool evidence_crosses(const Traffic& traffic,
                      const std::vector<Step>& steps,
                      double alpha,
                      Rng rng) {
  const analysis::EProcessSettings settings{
      .alpha = alpha, .horizon_blocks = blocks_of(traffic), .min_blocks = 3};
  analysis::EProcess process = analysis::new_e_process(analysis::kErrorRatios.size());
  std::array<double, analysis::kErrorRatios.size()> increments{};
  for (std::int64_t block = 0; block < settings.horizon_blocks; ++block) {
    const Step& step = steps[step_at(traffic, block)];
    const ArmCounts candidate = step.candidate.draw(rng);
    const ArmCounts stable = step.stable.draw(rng);
    analysis::two_arm_increment(two_arms(candidate, stable),
                                {.r0 = 1, .delta = 0, .phi = 1},
                                analysis::kErrorRatios,
                                increments);
    analysis::fold_block(process, settings, increments);
    if (analysis::ln_e(process) >= -std::log(alpha)) {
      return true;
    }
  }
  return false;
}

constexpr double kPromotionMargin = 0.001;
constexpr double kClusterMean = 5;

bool promotion_crosses(const Traffic& traffic,
                       const std::vector<Step>& steps,
                       double alpha,
                       Rng rng) {
  analysis::NonInferiority proof;
  for (std::int64_t block = 0; block < blocks_of(traffic); ++block) {
    const Step& step = steps[step_at(traffic, block)];
    const ArmCounts candidate = step.candidate.draw(rng);
    const ArmCounts stable = step.stable.draw(rng);
    analysis::fold_counts(proof, two_arms(candidate, stable), 1, 1);
    if (analysis::ln_m_below(proof, kPromotionMargin) >= -std::log(alpha)) {
      return true;
    }
  }
  return false;
}

analysis::Settings judge_settings(const Traffic& traffic, double alpha) {
  analysis::Settings settings;
  settings.errors = analysis::ErrorObjective{.max = 0.01, .worse_than_stable_by = 0.005};
  settings.false_rollback_rate = alpha;
  settings.block_seconds = traffic.block_seconds;
  settings.max_duration_seconds = 3600 * traffic.hours;
  return settings;
}

// A block of the whole cluster; without a candidate while stable is only learned from.
analysis::Block draw_block(const Step& step,
                           std::int64_t index,
                           std::int64_t candidate_pods,
                           Rng& rng) {
  analysis::Block block;
  block.index = index;
  if (candidate_pods > 0) {
    block.candidate = step.candidate.draw(rng);
  }
  block.candidate_pods = candidate_pods;
  for (int pod = 0; pod < kStablePods; ++pod) {
    const ArmCounts counts = step.stable_pod.draw(rng);
    block.stable_pods.push_back(
        {.pod = std::string(1, static_cast<char>('a' + pod)), .n = counts.n, .bad = counts.bad});
    block.stable.n += counts.n;
    block.stable.bad += counts.bad;
  }
  return block;
}

struct JudgeRun {
  bool is_rolled_back = false;
  std::int64_t blocks = 0;  // Until the rollback.
  std::int64_t bad = 0;     // Of the candidate, until then.
};

struct JudgePlan {
  Traffic traffic;
  double alpha = 0.01;
  std::int64_t blocks_to_learn = 0;
};

JudgeRun run_judge(const JudgePlan& plan, const Steps& steps, Rng rng) {
  const Traffic& traffic = plan.traffic;
  const analysis::Settings settings = judge_settings(traffic, plan.alpha);
  const double threshold = -std::log(plan.alpha);
  analysis::State state = analysis::new_state(settings);
  for (std::int64_t index = 0; index < plan.blocks_to_learn; ++index) {
    const double seconds =
        static_cast<double>(index - plan.blocks_to_learn) * traffic.block_seconds;
    const Step& step = step_in(traffic, steps, 0, seconds);
    analysis::learn_stable(settings, state, draw_block(step, index, 0, rng));
  }
  JudgeRun run;
  std::size_t present = traffic.weights.size();
  for (; run.blocks < blocks_of(traffic) && !run.is_rolled_back; ++run.blocks) {
    const std::size_t at = step_at(traffic, run.blocks);
    if (at != present) {
      analysis::reset_step(state, traffic.weights.at(at));
      present = at;
    }
    const double seconds = static_cast<double>(run.blocks) * traffic.block_seconds;
    const Step& step = step_in(traffic, steps, at, seconds);
    const analysis::Block block =
        draw_block(step, plan.blocks_to_learn + run.blocks, kCandidatePods.at(at), rng);
    run.bad += seconds < traffic.candidate_turns_bad_at ? 0 : block.candidate.bad;
    const analysis::Folded folded = analysis::fold_evidence(settings, state, block);
    CHECK(folded == analysis::Folded::kCounted);
    run.is_rolled_back = analysis::ln_e_of(settings, state) >= threshold;
  }
  return run;
}

double quantile(std::vector<double> values, double q) {
  if (values.empty()) {
    return 0;
  }
  std::ranges::sort(values);
  const auto last = static_cast<double>(values.size() - 1);
  return values[static_cast<std::size_t>(std::llround(q * last))];
}

bool is_judged(Row row) {
  return row != Row::kEvidence && row != Row::kPromotion;
}

bool is_shared(Row row) {
  return row == Row::kShared || row == Row::kSharedClustered ||
         row == Row::kSharedClusteredAtMargin;
}

bool is_clustered(Row row) {
  return row == Row::kClustered || row == Row::kUnlearned || row == Row::kSharedClustered ||
         row == Row::kSharedClusteredAtMargin;
}

bool is_learned_before(Row row) {
  return row == Row::kClustered || is_shared(row);
}

const std::vector<double> kOutages = {-300, 600, 2400};

std::int64_t blocks_to_learn(const Traffic& traffic) {
  constexpr double kLearnSeconds = 600;
  return std::llround(kLearnSeconds / traffic.block_seconds);
}

Traffic traffic_of(const Question& question) {
  Traffic traffic;
  traffic.block_seconds = question.block_seconds;
  if (question.row == Row::kPromotion) {
    traffic.bad_rate_candidate = traffic.bad_rate_stable + kPromotionMargin;
  } else if (is_judged(question.row)) {
    traffic.cluster_mean = is_clustered(question.row) ? kClusterMean : 1;
    const analysis::Settings settings = judge_settings(traffic, question.alpha);
    if (question.row != Row::kShared && question.row != Row::kSharedClustered) {
      traffic.bad_rate_candidate += analysis::rollback_margin(*settings.errors);
    }
    if (is_shared(question.row)) {
      traffic.shared_outages_at = kOutages;
    }
  }
  return traffic;
}

}  // namespace

PoissonTable::PoissonTable(double mean) {
  CHECK(mean > 0);
  const double reach = 14 * std::sqrt(mean) + 40;
  const auto mode = static_cast<std::int64_t>(mean);
  first_ = std::max<std::int64_t>(0, mode - std::llround(reach));
  const std::int64_t last = mode + std::llround(reach);
  // Relative to the mode, so that nothing underflows where it matters.
  std::vector<double> weights(static_cast<std::size_t>(last - first_ + 1));
  const auto at = [this](std::int64_t k) { return static_cast<std::size_t>(k - first_); };
  weights[at(mode)] = 1;
  for (std::int64_t k = mode; k < last; ++k) {
    weights[at(k + 1)] = weights[at(k)] * mean / static_cast<double>(k + 1);
  }
  for (std::int64_t k = mode; k > first_; --k) {
    weights[at(k - 1)] = weights[at(k)] * static_cast<double>(k) / mean;
  }
  double sum = 0;
  for (const double weight : weights) {
    sum += weight;
    cumulative_.push_back(sum);
  }
}

std::int64_t PoissonTable::draw(Rng& rng) const {
  const double target = rng.unit() * cumulative_.back();
  const auto found = std::ranges::upper_bound(cumulative_, target);
  const auto position =
      std::min<std::ptrdiff_t>(found - cumulative_.begin(), std::ssize(cumulative_) - 1);
  return first_ + position;
}

Rate wilson(std::int64_t crossed, std::int64_t runs) {
  CHECK(runs > 0);
  constexpr double kZ = 1.959963984540054;
  const auto n = static_cast<double>(runs);
  const double p = static_cast<double>(crossed) / n;
  const double centre = (p + kZ * kZ / (2 * n)) / (1 + kZ * kZ / n);
  const double half = kZ * std::sqrt(p * (1 - p) / n + kZ * kZ / (4 * n * n)) / (1 + kZ * kZ / n);
  return {.crossed = crossed,
          .runs = runs,
          .rate = p,
          .low = std::max(0.0, centre - half),
          .high = std::min(1.0, centre + half)};
}

Rate crossing_rate(const Question& question) {
  const Traffic traffic = traffic_of(question);
  const Steps steps = steps_of(traffic);
  const JudgePlan plan{
      .traffic = traffic,
      .alpha = question.alpha,
      .blocks_to_learn = is_learned_before(question.row) ? blocks_to_learn(traffic) : 0};
  Rng seeds(question.seed);
  std::int64_t crossed = 0;
  for (std::int64_t run = 0; run < question.runs; ++run) {
    const Rng rng = seeds.fork();
    bool has_crossed = false;
    switch (question.row) {
      case Row::kEvidence:
        has_crossed = evidence_crosses(traffic, steps.planned, question.alpha, rng);
        break;
      case Row::kPromotion:
        has_crossed = promotion_crosses(traffic, steps.planned, question.alpha, rng);
        break;
      case Row::kJudge:
      case Row::kClustered:
      case Row::kUnlearned:
      case Row::kShared:
      case Row::kSharedClustered:
      case Row::kSharedClusteredAtMargin:
        has_crossed = run_judge(plan, steps, rng).is_rolled_back;
        break;
    }
    crossed += has_crossed ? 1 : 0;
  }
  return wilson(crossed, question.runs);
}

std::string describe_row(Row row) {
  switch (row) {
    case Row::kEvidence:
      return "K1 equal arms, restart + cap";
    case Row::kPromotion:
      return "K1 down (promotion) at delta .001";
    case Row::kJudge:
      return "whole judge at the rollback margin";
    case Row::kClustered:
      return "the same, errors in clusters of 5";
    case Row::kUnlearned:
      return "the same, nothing learned before";
    case Row::kShared:
      return "whole judge, equal arms, shared outages";
    case Row::kSharedClustered:
      return "the same, errors in clusters of 5";
    case Row::kSharedClusteredAtMargin:
      return "the same, at the rollback margin";
  }
  return {};
}

Detection detection(const Regression& regression) {
  Traffic traffic;
  traffic.block_seconds = regression.block_seconds;
  traffic.bad_rate_candidate = regression.bad_rate;
  traffic.cluster_mean = regression.cluster_mean;
  if (regression.is_after_outage) {
    traffic.shared_outages_at = kOutages;
    traffic.candidate_turns_bad_at = 600 + kOutageSeconds;
  }
  const Steps steps = steps_of(traffic);
  const JudgePlan plan{
      .traffic = traffic, .alpha = 0.01, .blocks_to_learn = blocks_to_learn(traffic)};
  Rng seeds(regression.seed);
  std::vector<double> seconds;
  std::vector<double> bad;
  for (std::int64_t i = 0; i < regression.runs; ++i) {
    const JudgeRun run = run_judge(plan, steps, seeds.fork());
    if (run.is_rolled_back) {
      seconds.push_back(static_cast<double>(run.blocks) * traffic.block_seconds -
                        traffic.candidate_turns_bad_at);
      bad.push_back(static_cast<double>(run.bad));
    }
  }
  return {.rolled_back = wilson(std::ssize(seconds), regression.runs),
          .seconds_median = quantile(seconds, 0.5),
          .seconds_p95 = quantile(seconds, 0.95),
          .bad_median = quantile(bad, 0.5),
          .bad_p95 = quantile(bad, 0.95)};
}

}  // namespace sluice::bench
