#include "controllers/analysis/latency_evidence.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "base/portable_math.h"
#include "controllers/analysis/latency_buckets.h"
#include "controllers/analysis/log_sum.h"
#include "controllers/analysis/one_arm.h"
#include "controllers/analysis/two_arm.h"

namespace sluice::analysis {
namespace {

constexpr std::int64_t kLastBucket = kLatencyBuckets - 1;
// Shares of slower answers beside the objective's: a candidate that is slower throughout shows
// there first.
constexpr double kBodyShare = 0.35;
constexpr double kShoulderShare = 0.15;

std::size_t at(std::int64_t index) {
  return static_cast<std::size_t>(index);
}

double number(std::int64_t count) {
  return static_cast<double>(count);
}

// The bucket beyond whose edge stable's share is nearest to `share`; the earliest of equals.
std::int64_t nearest_bucket(std::span<const std::int64_t> histogram, std::int64_t n, double share) {
  std::int64_t nearest = 0;
  double smallest = 2;
  std::int64_t above = n;
  for (std::int64_t bucket = 0; bucket < std::ssize(histogram); ++bucket) {
    above -= histogram[at(bucket)];
    const double distance = std::fabs(number(above) / number(n) - share);
    if (distance < smallest) {
      smallest = distance;
      nearest = bucket;
    }
  }
  return nearest;
}

std::int64_t position_of(const std::vector<LatencyEdge>& edges, std::int64_t bucket) {
  return std::ranges::find(edges, bucket, &LatencyEdge::bucket) - edges.begin();
}

// What the tests at one edge are fed with.
struct Arms {
  TwoArmCounts live;
  TwoArmCounts pairs;
};

Arms arms_of(const LatencyBlock& block, const SlowCounts& live, const SlowCounts& paired) {
  return {.live = {.n_candidate = number(block.candidate.n),
                   .n_stable = number(block.stable.n),
                   .bad_candidate = number(live.candidate),
                   .bad_stable = number(live.stable)},
          .pairs = {.n_candidate = number(block.pairs),
                    .n_stable = number(block.pairs),
                    .bad_candidate = number(paired.candidate),
                    .bad_stable = number(paired.stable)}};
}

void fold_relative(LatencyEdge& edge, const Arms& arms, const LatencyFold& fold) {
  const TwoArmMargin margin{.r0 = 1, .delta = rollback_margin(fold.objective), .phi = edge.phi};
  std::array<double, kLatencyRatios.size()> live{};
  std::array<double, kLatencyRatios.size()> pairs{};
  two_arm_increment(arms.live, margin, kLatencyRatios, live);
  two_arm_increment(arms.pairs, margin, kLatencyRatios, pairs);
  for (std::size_t k = 0; k < live.size(); ++k) {
    live[k] += pairs[k];
  }
  fold_block(edge.relative, fold.process, live);
}

void fold_proof(NonInferiority& proof, const Arms& arms, double phi) {
  fold_counts(proof, arms.live, 1, phi);
  fold_counts(proof, arms.pairs, 1, phi);
}

// Neither says anything of the candidate while stable itself is beyond the max.
void fold_limit(LatencyState& state, const LatencyBlock& block, const LatencyFold& fold) {
  std::array<double, kObjectiveRatios.size()> increments{};
  const double phi = state.edges[at(state.limit)].phi;
  const double n = number(block.candidate.n + block.pairs);
  if (!is_masked(state.mask)) {
    one_arm_increment({.n = n, .bad = number(block.live.limit + block.paired.limit)},
                      {.p0 = 1 - fold.objective.quantile, .phi = phi},
                      kObjectiveRatios,
                      increments);
    add_to_limit_proof(
        state.limit_proof,
        fold.objective,
        fold.step_margin,
        {.n = n, .possibly = number(block.live.possibly + block.paired.possibly), .phi = phi});
  }
  fold_block(state.absolute, fold.process, increments);
}

SlowCounts sum_of(const SlowCounts& a, const SlowCounts& b) {
  return {.candidate = a.candidate + b.candidate, .stable = a.stable + b.stable};
}

void fold_totals(LatencyState& state, const LatencyBlock& block) {
  LatencyCounts& totals = state.totals;
  for (std::size_t i = 0; i < totals.edges.size(); ++i) {
    totals.edges[i] = sum_of(totals.edges[i], sum_of(block.live.edges[i], block.paired.edges[i]));
  }
  totals.gate += block.live.gate + block.paired.gate;
  totals.limit += block.live.limit + block.paired.limit;
  totals.possibly += block.live.possibly + block.paired.possibly;
  state.candidate_answers += block.candidate.n + block.pairs;
  state.stable_answers += block.stable.n + block.pairs;
}

void fold_recent(LatencyState& state, const LatencyBlock& block, double decay) {
  const std::size_t gate = at(state.gate);
  RecentSlow& recent = state.recent;
  recent.gate_candidate =
      recent.gate_candidate * decay + number(block.live.gate + block.paired.gate);
  recent.gate_stable = recent.gate_stable * decay +
                       number(block.live.edges[gate].stable + block.paired.edges[gate].stable);
  recent.possibly = recent.possibly * decay + number(block.live.possibly + block.paired.possibly);
}

void fold_dispersion(LatencyState& state, std::span<const PodCounts> stable_pods) {
  std::vector<PodCounts> pods(stable_pods.begin(), stable_pods.end());
  for (std::size_t i = 0; i < state.edges.size(); ++i) {
    for (PodCounts& pod : pods) {
      pod.bad = pod.slow[i];
    }
    fold_pods(state.edges[i].dispersion, pods);
  }
}

// The mask looks at stable only, so the present block may be in it.
void fold_mask(LatencyState& state, const LatencyBlock& block, const LatencyObjective& objective) {
  if (objective.max_seconds) {
    const std::size_t limit = at(state.limit);
    fold_stable(state.mask,
                {.n = block.stable.n + block.pairs,
                 .bad = block.live.edges[limit].stable + block.paired.edges[limit].stable},
                1 - objective.quantile);
  }
}

void fold_evidence_at_edges(LatencyState& state,
                            const LatencyBlock& block,
                            const LatencyFold& fold) {
  for (std::size_t i = 0; i < state.edges.size(); ++i) {
    LatencyEdge& edge = state.edges[i];
    edge.phi = current_phi(edge.dispersion,
                           {.traffic_ratio = fold.traffic_ratio,
                            .stable_pods = static_cast<std::int64_t>(block.stable_pods.size()),
                            .prior = fold.phi_prior});
    fold_relative(edge, arms_of(block, block.live.edges[i], block.paired.edges[i]), fold);
  }
  const auto stable_at = [&block](std::int64_t edge, std::int64_t live, std::int64_t paired) {
    return arms_of(block,
                   {.candidate = live, .stable = block.live.edges[at(edge)].stable},
                   {.candidate = paired, .stable = block.paired.edges[at(edge)].stable});
  };
  fold_proof(state.gate_proof,
             stable_at(state.gate, block.live.gate, block.paired.gate),
             state.edges[at(state.gate)].phi);
  fold_proof(state.limit_excess,
             stable_at(state.limit, block.live.limit, block.paired.limit),
             state.edges[at(state.limit)].phi);
}

SlowReading reading(std::span<const std::int64_t> histogram,
                    std::int64_t bucket,
                    std::int64_t& target) {
  return {.value = count_above(histogram, std::min(bucket, kLastBucket)), .target = &target};
}

}  // namespace

bool plan_edges(LatencyState& state,
                const LatencyObjective& objective,
                std::span<const std::int64_t> stable_histogram) {
  const std::int64_t n = count_above(stable_histogram, -1);
  if (!state.edges.empty() || n < kAnswersToPlan) {
    return false;
  }
  const std::int64_t gate = nearest_bucket(stable_histogram, n, 1 - objective.quantile);
  const std::int64_t limit = objective.max_seconds ? limit_buckets(objective).surely : gate;
  std::vector<std::int64_t> buckets = {nearest_bucket(stable_histogram, n, kBodyShare),
                                       nearest_bucket(stable_histogram, n, kShoulderShare),
                                       gate,
                                       limit};
  std::ranges::sort(buckets);
  const auto repeated = std::ranges::unique(buckets);
  buckets.erase(repeated.begin(), repeated.end());
  for (const std::int64_t bucket : buckets) {
    state.edges.push_back({.bucket = bucket, .relative = new_e_process(kLatencyRatios.size())});
  }
  state.gate = position_of(state.edges, gate);
  state.limit = position_of(state.edges, limit);
  if (objective.max_seconds) {
    state.absolute = new_e_process(kObjectiveRatios.size());
  }
  return true;
}

std::vector<SlowReading> candidate_readings(const LatencyState& state,
                                            const LatencyObjective& objective,
                                            std::span<const std::int64_t> histogram,
                                            LatencyCounts& counts) {
  std::vector<SlowReading> readings;
  if (state.edges.empty()) {
    return readings;
  }
  const std::int64_t shift = rollback_shift(objective);
  for (std::size_t i = 0; i < state.edges.size(); ++i) {
    readings.push_back(
        reading(histogram, state.edges[i].bucket + shift, counts.edges[i].candidate));
  }
  readings.push_back(reading(
      histogram, state.edges[at(state.gate)].bucket + promotion_shift(objective), counts.gate));
  readings.push_back(reading(histogram, state.edges[at(state.limit)].bucket, counts.limit));
  if (objective.max_seconds) {
    readings.push_back(reading(histogram, limit_buckets(objective).possibly, counts.possibly));
  }
  return readings;
}

std::vector<SlowReading> stable_readings(const LatencyState& state,
                                         std::span<const std::int64_t> histogram,
                                         LatencyCounts& counts) {
  std::vector<SlowReading> readings;
  readings.reserve(state.edges.size());
  for (std::size_t i = 0; i < state.edges.size(); ++i) {
    readings.push_back(reading(histogram, state.edges[i].bucket, counts.edges[i].stable));
  }
  return readings;
}

LatencyState with_block(const LatencyState& state,
                        const LatencyBlock& block,
                        const LatencyFold& fold) {
  CHECK(!state.edges.empty());
  LatencyState next = state;
  fold_mask(next, block, fold.objective);
  if (fold.is_judged) {
    fold_evidence_at_edges(next, block, fold);
    if (fold.objective.max_seconds) {
      fold_limit(next, block, fold);
    }
    fold_totals(next, block);
    fold_recent(next, block, fold.recent_decay);
  }
  fold_dispersion(next, block.stable_pods);
  return next;
}

bool is_finite(const LatencyState& state) {
  const auto is_number = [](double value) { return std::isfinite(value); };
  const auto is_sound = [&is_number](const NonInferiority& proof) {
    return std::ranges::all_of(proof.down.a, is_number) &&
           std::ranges::all_of(proof.down.w, is_number) &&
           std::ranges::all_of(proof.up.a, is_number) && std::ranges::all_of(proof.up.w, is_number);
  };
  // Capital may be nothing (minus infinity), but not without end.
  const auto is_capital = [](const EProcess& process) {
    const double capital = ln_e(process);
    return !std::isnan(capital) && capital < std::numeric_limits<double>::infinity();
  };
  return is_sound(state.gate_proof) && is_sound(state.limit_excess) &&
         std::ranges::all_of(state.limit_proof, is_number) && is_capital(state.absolute) &&
         std::ranges::all_of(state.edges,
                             [&](const LatencyEdge& edge) { return is_capital(edge.relative); });
}

double ln_e_relative(const LatencyState& state) {
  if (state.edges.empty()) {
    return 0;
  }
  std::array<double, kLatencyEdgesMax> capitals{};
  for (std::size_t i = 0; i < state.edges.size(); ++i) {
    capitals[i] = ln_e(state.edges[i].relative);
  }
  return log_sum_exp({capitals.data(), state.edges.size()}) -
         portable::log(static_cast<double>(state.edges.size()));
}

double ln_m_limit(const std::array<double, 6>& proof) {
  return log_sum_exp(proof) - portable::log(static_cast<double>(proof.size()));
}

void add_to_limit_proof(std::array<double, 6>& proof,
                        const LatencyObjective& objective,
                        double step_margin,
                        const LimitGrowth& growth) {
  std::array<double, 6> increments{};
  one_arm_increment({.n = growth.n, .bad = growth.possibly},
                    {.p0 = 1 - objective.quantile + step_margin, .phi = growth.phi},
                    kDownRatios,
                    increments);
  for (std::size_t k = 0; k < proof.size(); ++k) {
    proof[k] += increments[k];
  }
}

void reset_latency_step(LatencyState& state) {
  state.gate_proof = {};
  state.limit_excess = {};
  state.limit_proof = {};
  state.totals = {};
  state.candidate_answers = 0;
  state.stable_answers = 0;
  state.recent = {};
}

}  // namespace sluice::analysis
