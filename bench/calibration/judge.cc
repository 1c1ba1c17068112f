#include "bench/calibration/judge.h"

#include <cmath>
#include <string>

#include "base/check.h"
#include "controllers/analysis/latency_buckets.h"
#include "controllers/analysis/latency_evidence.h"

namespace sluice::bench {
namespace {

// So long stable's answers are gathered before the edges of latencies are fixed.
constexpr double kPlanSeconds = 600;

void take(const std::vector<analysis::SlowReading>& readings) {
  for (const analysis::SlowReading& reading : readings) {
    *reading.target += reading.value;
  }
}

}  // namespace

analysis::Settings judge_settings(const Scenario& scenario) {
  analysis::Settings settings;
  settings.errors = analysis::ErrorObjective{.max = 0.01, .worse_than_stable_by = 0.005};
  if (scenario.slowness) {
    settings.latency =
        analysis::LatencyObjective{.max_seconds = kLatencyMaxSeconds, .worse_than_stable_by = 0.2};
  }
  settings.false_rollback_rate = 0.01;
  settings.block_seconds = scenario.block_seconds;
  settings.max_duration_seconds = 3600 * scenario.hours;
  return settings;
}

Judge::Judge(const Scenario& scenario)
    : settings_(judge_settings(scenario)), state_(analysis::new_state(settings_)) {}

void Judge::learn(const Tick& tick) {
  if (settings_.latency && state_.latency.edges.empty()) {
    // What the edges are planned by is no part of a later block.
    before_.resize(static_cast<std::size_t>(analysis::kLatencyBuckets));
    for (const Seen& pod : tick.stable_pods) {
      for (std::size_t bucket = 0; bucket < pod.histogram.size(); ++bucket) {
        before_.at(bucket) += pod.histogram[bucket];
      }
    }
    planned_seconds_ += tick.seconds;
    if (planned_seconds_ >= kPlanSeconds) {
      CHECK(analysis::plan_latency(settings_, state_, before_));
    }
    return;
  }
  analysis::learn_stable(settings_, state_, block_of(tick));
}

bool Judge::rolls_back(const Tick& tick) {
  begin_step(tick.weight);
  const analysis::Folded folded = analysis::fold_evidence(settings_, state_, block_of(tick));
  CHECK(folded == analysis::Folded::kCounted);
  return analysis::ln_e_of(settings_, state_) >= -std::log(settings_.false_rollback_rate);
}

analysis::Assessment Judge::assess(const Tick& tick) {
  begin_step(tick.weight);
  return analysis::fold(settings_, state_, block_of(tick));
}

void Judge::begin_step(double weight) {
  if (weight < weight_ || weight > weight_) {
    analysis::reset_step(state_, weight);
    weight_ = weight;
  }
}

analysis::Block Judge::block_of(const Tick& tick) {
  analysis::Block block;
  block.index = state_.block_index + 1;
  block.candidate = tick.candidate.counts;
  block.candidate_pods = tick.candidate_pods;
  block.stable_pods.reserve(kStablePods);
  for (std::size_t pod = 0; pod < kStablePods; ++pod) {
    const analysis::ArmCounts& counts = tick.stable_pods.at(pod).counts;
    block.stable_pods.push_back(
        {.pod = std::string(1, static_cast<char>('a' + pod)), .n = counts.n, .bad = counts.bad});
    block.stable.n += counts.n;
    block.stable.bad += counts.bad;
  }
  if (settings_.latency) {
    add_latencies(tick, block);
  }
  return block;
}

void Judge::add_latencies(const Tick& tick, analysis::Block& block) {
  analysis::LatencyTaken& taken = block.latency.emplace();
  for (std::size_t pod = 0; pod < kStablePods; ++pod) {
    analysis::LatencyCounts counts;
    take(analysis::stable_readings(state_.latency, tick.stable_pods.at(pod).histogram, counts));
    for (std::size_t edge = 0; edge < counts.edges.size(); ++edge) {
      block.stable_pods.at(pod).slow.at(edge) = counts.edges.at(edge).stable;
      taken.live.edges.at(edge).stable += counts.edges.at(edge).stable;
    }
  }
  if (tick.candidate_pods > 0) {
    take(analysis::candidate_readings(
        state_.latency, *settings_.latency, tick.candidate.histogram, taken.live));
  }
}

}  // namespace sluice::bench
