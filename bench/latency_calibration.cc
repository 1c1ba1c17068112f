#include "bench/latency_calibration.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "base/check.h"
#include "controllers/analysis/latency_buckets.h"
#include "controllers/analysis/latency_evidence.h"
#include "controllers/analysis/rollout_analysis.h"

namespace sluice::bench {
namespace {

using Histogram = std::vector<std::int64_t>;

constexpr std::size_t kStablePods = 10;
constexpr std::array<double, 4> kWeights = {0.01, 0.05, 0.25, 0.5};
constexpr std::array<std::size_t, 4> kCandidatePods = {1, 1, 3, 5};
constexpr double kLearnSeconds = 600;
constexpr double kRolloutSeconds = 3600;
constexpr double kSharedSeconds = 60;
constexpr double kMedianSeconds = 0.08;
constexpr double kSigma = 0.6;
// Answers beyond these are one in 100,000, and are counted in the outermost buckets.
constexpr double kReach = 4.3;

double normal(Rng& rng) {
  const double u = 1 - rng.unit();
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * rng.unit());
}

// Knuth's method: exact, and quick for the small means of single buckets.
std::int64_t poisson(Rng& rng, double mean) {
  const double limit = std::exp(-mean);
  std::int64_t count = 0;
  double product = rng.unit();
  while (product > limit) {
    ++count;
    product *= rng.unit();
  }
  return count;
}

double share_within(double seconds, double median) {
  return 0.5 * std::erfc(-std::log(seconds / median) / kSigma / std::sqrt(2));
}

// Poisson arrivals fall into the buckets independently.
void add_answers(Histogram& histogram, Rng& rng, double requests, double slower) {
  const double median = kMedianSeconds * slower;
  const std::int64_t first = analysis::buckets_around(median * std::exp(-kReach * kSigma)).above;
  const std::int64_t last = analysis::buckets_around(median * std::exp(kReach * kSigma)).above;
  double below = 0;
  for (std::int64_t bucket = first; bucket <= last; ++bucket) {
    const double within =
        bucket == last ? 1 : share_within(analysis::latency_edge_seconds(bucket), median);
    histogram[static_cast<std::size_t>(bucket)] += poisson(rng, requests * (within - below));
    below = within;
  }
}

Histogram empty_histogram() {
  return Histogram(static_cast<std::size_t>(analysis::kLatencyBuckets));
}

// Pods whose speed wanders.
class Pods {
 public:
  Pods(const LatencyScene& scene, std::size_t count)
      : scene_(scene), keep_(std::exp(-scene.block_seconds / scene.pod_seconds)), logs_(count) {}

  // Speeds one block later; `slower` for all of them.
  double next(Rng& rng, std::size_t pod, double slower) {
    double& log = logs_.at(pod);
    log = keep_ * log + scene_.pod_sd * std::sqrt(1 - keep_ * keep_) * normal(rng);
    return slower * std::exp(log);
  }

 private:
  const LatencyScene& scene_;
  double keep_;
  std::vector<double> logs_;
};

analysis::Settings settings_of(const LatencyScene& scene) {
  analysis::Settings settings;
  settings.errors = analysis::ErrorObjective{.max = 0.01, .worse_than_stable_by = 0.005};
  settings.latency = analysis::LatencyObjective{.max_seconds = 0.3, .worse_than_stable_by = 0.2};
  settings.block_seconds = scene.block_seconds;
  settings.max_duration_seconds = kRolloutSeconds;
  return settings;
}

void take(const std::vector<analysis::SlowReading>& readings) {
  for (const analysis::SlowReading& reading : readings) {
    *reading.target += reading.value;
  }
}

class Run {
 public:
  Run(const LatencyScene& scene, Rng rng)
      : scene_(scene),
        rng_(rng),
        settings_(settings_of(scene)),
        state_(analysis::new_state(settings_)),
        stable_(scene, kStablePods),
        candidate_(scene, kCandidatePods.back()) {}

  // Seconds until the rollback; negative when there was none.
  double play() {
    learn();
    const double threshold = -std::log(settings_.false_rollback_rate);
    const auto blocks = std::llround(kRolloutSeconds / scene_.block_seconds);
    const auto steps = static_cast<std::int64_t>(kWeights.size());
    std::int64_t present = -1;
    for (std::int64_t i = 0; i < blocks; ++i) {
      const std::int64_t step = i * steps / blocks;
      if (step != present) {
        analysis::reset_step(state_, kWeights.at(static_cast<std::size_t>(step)));
        present = step;
      }
      const analysis::Block block =
          draw(static_cast<double>(i) * scene_.block_seconds, static_cast<std::size_t>(step));
      slow_ += block.latency->live.limit;
      CHECK(analysis::fold_evidence(settings_, state_, block) == analysis::Folded::kCounted);
      if (analysis::ln_e_of(settings_, state_) >= threshold) {
        return static_cast<double>(i + 1) * scene_.block_seconds;
      }
    }
    return -1;
  }

  [[nodiscard]] std::int64_t slow() const { return slow_; }

 private:
  void learn() {
    Histogram before = empty_histogram();
    for (int i = 0; i < 100; ++i) {
      add_answers(before, rng_, 1000, 1);
    }
    CHECK(analysis::plan_latency(settings_, state_, before));
    const auto blocks = std::llround(kLearnSeconds / scene_.block_seconds);
    for (std::int64_t i = -blocks; i < 0; ++i) {
      analysis::learn_stable(
          settings_, state_, draw(static_cast<double>(i) * scene_.block_seconds, kWeights.size()));
    }
  }

  // A block that begins at `seconds`; beyond the last step stable is alone.
  analysis::Block draw(double seconds, std::size_t step) {
    const bool is_alone = step == kWeights.size();
    const double weight = is_alone ? 0 : kWeights.at(step);
    const bool is_shared = scene_.shared_at >= 0 && seconds >= scene_.shared_at &&
                           seconds < scene_.shared_at + kSharedSeconds;
    const double all = is_shared ? scene_.stable_slower : 1;
    const double requests = scene_.requests_per_second * scene_.block_seconds;
    analysis::Block block;
    block.index = state_.block_index + 1;
    block.latency.emplace();
    for (std::size_t pod = 0; pod < kStablePods; ++pod) {
      Histogram histogram = empty_histogram();
      add_answers(histogram,
                  rng_,
                  requests * (1 - weight) / static_cast<double>(kStablePods),
                  stable_.next(rng_, pod, all));
      add_stable_pod(block, histogram, pod);
    }
    if (!is_alone) {
      Histogram histogram = empty_histogram();
      const std::size_t pods = kCandidatePods.at(step);
      for (std::size_t pod = 0; pod < pods; ++pod) {
        add_answers(histogram,
                    rng_,
                    requests * weight / static_cast<double>(pods),
                    candidate_.next(rng_, pod, all * scene_.slower));
      }
      block.candidate.n = analysis::count_above(histogram, -1);
      block.candidate_pods = static_cast<std::int64_t>(pods);
      take(analysis::candidate_readings(
          state_.latency, *settings_.latency, histogram, block.latency->live));
    }
    return block;
  }

  void add_stable_pod(analysis::Block& block, const Histogram& histogram, std::size_t pod) const {
    analysis::LatencyCounts counts;
    take(analysis::stable_readings(state_.latency, histogram, counts));
    analysis::PodCounts seen{.pod = std::to_string(pod), .n = analysis::count_above(histogram, -1)};
    block.stable.n += seen.n;
    for (std::size_t i = 0; i < seen.slow.size(); ++i) {
      seen.slow[i] = counts.edges[i].stable;
      block.latency->live.edges[i].stable += counts.edges[i].stable;
    }
    block.stable_pods.push_back(seen);
  }

  const LatencyScene& scene_;
  Rng rng_;
  analysis::Settings settings_;
  analysis::State state_;
  Pods stable_;
  Pods candidate_;
  std::int64_t slow_ = 0;
};

double quantile(std::vector<double> values, double q) {
  if (values.empty()) {
    return 0;
  }
  std::ranges::sort(values);
  const auto last = static_cast<double>(values.size() - 1);
  return values[static_cast<std::size_t>(std::llround(q * last))];
}

}  // namespace

LatencyOutcome latency_outcome(const LatencyScene& scene) {
  Rng seeds(scene.seed);
  std::vector<double> seconds;
  std::vector<double> slow;
  for (std::int64_t i = 0; i < scene.runs; ++i) {
    Run run(scene, seeds.fork());
    const double until = run.play();
    if (until >= 0) {
      seconds.push_back(until);
      slow.push_back(static_cast<double>(run.slow()));
    }
  }
  return {.rolled_back = wilson(std::ssize(seconds), scene.runs),
          .seconds_median = quantile(seconds, 0.5),
          .seconds_p95 = quantile(seconds, 0.95),
          .slow_median = quantile(slow, 0.5),
          .slow_p95 = quantile(slow, 0.95)};
}

}  // namespace sluice::bench
