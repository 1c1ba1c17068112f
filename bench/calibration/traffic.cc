#include "bench/calibration/traffic.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "controllers/analysis/latency_buckets.h"

namespace sluice::bench {
namespace {

constexpr double kMedianSeconds = 0.08;
constexpr double kSigma = 0.6;
// Answers beyond these are one in 100,000, and are counted in the outermost buckets.
constexpr double kReach = 4.3;
constexpr double kSharedSlowSeconds = 60;

double share_within(double seconds, double median) {
  return 0.5 * std::erfc(-std::log(seconds / median) / kSigma / std::sqrt(2));
}

// Poisson arrivals fall into the buckets independently. The bucket that the objective lies in is
// drawn in two parts.
void add_answers(Seen& seen, Rng& rng, double requests, double median) {
  seen.histogram.resize(static_cast<std::size_t>(analysis::kLatencyBuckets));
  const std::int64_t first = analysis::buckets_around(median * std::exp(-kReach * kSigma)).above;
  const std::int64_t last = analysis::buckets_around(median * std::exp(kReach * kSigma)).above;
  double below = 0;
  for (std::int64_t bucket = first; bucket <= last; ++bucket) {
    const double edge = analysis::latency_edge_seconds(bucket);
    const double within = bucket == last ? 1 : share_within(edge, median);
    double fast = within;
    if (edge > kLatencyMaxSeconds) {
      fast = std::clamp(share_within(kLatencyMaxSeconds, median), below, within);
    }
    std::int64_t count = fast > below ? draw_small_poisson(rng, requests * (fast - below)) : 0;
    if (within > fast) {
      const std::int64_t slow = draw_small_poisson(rng, requests * (within - fast));
      seen.slow += slow;
      count += slow;
    }
    seen.histogram[static_cast<std::size_t>(bucket)] += count;
    seen.counts.n += count;
    below = within;
  }
}

void add(Seen& sum, const Seen& seen) {
  sum.counts.n += seen.counts.n;
  sum.counts.bad += seen.counts.bad;
  sum.slow += seen.slow;
  if (sum.histogram.empty()) {
    sum.histogram = seen.histogram;
    return;
  }
  for (std::size_t i = 0; i < seen.histogram.size(); ++i) {
    sum.histogram[i] += seen.histogram[i];
  }
}

}  // namespace

Traffic::Traffic(const Scenario& scenario, PoissonTables& tables, Rng rng)
    : scenario_(scenario), tables_(tables), rng_(rng), stable_(), candidate_(), baseline_() {}

void Traffic::draw(double begins, const Step& step, Tick& tick) {
  CHECK(step.candidate_pods >= 1);
  CHECK(step.candidate_pods <= std::ssize(candidate_));
  move_pods();
  const BadRates bad = bad_rates(scenario_, begins);
  const double requests = requests_in_block(scenario_, begins);
  tick.begins = begins;
  tick.seconds = scenario_.block_seconds;
  tick.weight = step.weight;
  tick.candidate_pods = step.weight > 0 ? step.candidate_pods : 0;
  tick.candidate = {};
  tick.baseline = {};
  const Slowness slowness = scenario_.slowness.value_or(Slowness{});
  const bool is_shared = slowness.both_at >= 0 && begins >= slowness.both_at &&
                         begins < slowness.both_at + kSharedSlowSeconds;
  const double both = is_shared ? slowness.both : 1;
  const auto pods = static_cast<std::size_t>(tick.candidate_pods);
  for (std::size_t pod = 0; pod < pods; ++pod) {
    const double mean = requests * step.weight / static_cast<double>(pods);
    add(tick.candidate,
        draw_pod(mean, bad.candidate, candidate_.at(pod), both * slowness.candidate));
    add(tick.baseline, draw_pod(mean, bad.stable, baseline_.at(pod), both));
  }
  const double mean = requests * (1 - step.weight) / static_cast<double>(kStablePods);
  for (std::size_t pod = 0; pod < kStablePods; ++pod) {
    tick.stable_pods.at(pod) = draw_pod(mean, bad.stable, stable_.at(pod), both);
  }
}

// Speeds and bursts one block later.
void Traffic::move_pods() {
  const bool wanders = scenario_.slowness && scenario_.slowness->pod_sd > 0;
  if (!wanders && scenario_.pod_bursts_per_hour <= 0) {
    return;
  }
  for (auto* pods : {&stable_, &candidate_, &baseline_}) {
    for (Pod& pod : *pods) {
      if (wanders) {
        const double keep = std::exp(-scenario_.block_seconds / scenario_.slowness->pod_seconds);
        pod.log_speed = keep * pod.log_speed +
                        scenario_.slowness->pod_sd * std::sqrt(1 - keep * keep) * draw_normal(rng_);
      }
      pod.bursts = rng_.unit() < scenario_.pod_bursts_per_hour * scenario_.block_seconds / 3600;
    }
  }
}

Seen Traffic::draw_pod(double mean, double bad_rate, const Pod& pod, double slower) {
  Seen seen;
  if (scenario_.slowness) {
    add_answers(seen, rng_, mean, kMedianSeconds * slower * std::exp(pod.log_speed));
    seen.counts.bad = std::min(seen.counts.n, tables_.draw(mean * bad_rate, rng_));
  } else {
    const double cluster_ends = 1 / scenario_.cluster_mean;
    const std::int64_t clusters = tables_.draw(mean * bad_rate * cluster_ends, rng_);
    seen.counts.bad = clusters;
    for (std::int64_t i = 0; cluster_ends < 1 && i < clusters; ++i) {
      while (rng_.unit() >= cluster_ends) {
        ++seen.counts.bad;
      }
    }
    seen.counts.n = seen.counts.bad + tables_.draw(mean * (1 - bad_rate), rng_);
  }
  if (pod.bursts) {
    seen.counts.bad = seen.counts.n;
  }
  return seen;
}

}  // namespace sluice::bench
