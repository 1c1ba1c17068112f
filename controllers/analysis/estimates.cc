#include "controllers/analysis/estimates.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "controllers/analysis/bernoulli_interval.h"
#include "controllers/analysis/evidence.h"
#include "controllers/analysis/latency_buckets.h"
#include "controllers/analysis/latency_evidence.h"
#include "controllers/analysis/noninferiority.h"

namespace sluice::analysis {
namespace {

// Where the quantile lies, by what exceeded the edges that are judged.
QuantileSeconds quantile_of(const Settings& settings,
                            std::vector<Exceedance> exceedances,
                            std::int64_t n,
                            double phi) {
  std::ranges::sort(exceedances, {}, &Exceedance::edge);
  const QuantileInterval interval = quantile_interval(
      exceedances,
      {.n = n, .q = settings.latency->quantile, .alpha = settings.interval_alpha, .phi = phi});
  return {.above = interval.low, .at_most = interval.high};
}

double edge_at(std::int64_t bucket) {
  return latency_edge_seconds(std::min(bucket, kLatencyBuckets - 1));
}

double share_of(std::int64_t count, std::int64_t n) {
  return n > 0 ? static_cast<double>(count) / static_cast<double>(n) : 0;
}

// At the edge with the most evidence.
LatencyContrast contrast_of(const Settings& settings, const LatencyState& state) {
  const auto strongest = std::ranges::max_element(
      state.edges, {}, [](const LatencyEdge& edge) { return ln_e(edge.relative); });
  const SlowCounts& slow =
      state.totals.edges[static_cast<std::size_t>(strongest - state.edges.begin())];
  return {.candidate = share_of(slow.candidate, state.candidate_answers),
          .candidate_edge_seconds = edge_at(strongest->bucket + rollback_shift(*settings.latency)),
          .stable = share_of(slow.stable, state.stable_answers),
          .stable_edge_seconds = edge_at(strongest->bucket)};
}

void add_quantiles(const Settings& settings,
                   const LatencyState& state,
                   LatencyAssessment& latency) {
  std::vector<Exceedance> candidate;
  std::vector<Exceedance> stable;
  double phi = 1;
  for (std::size_t i = 0; i < state.edges.size(); ++i) {
    const std::int64_t bucket = state.edges[i].bucket;
    phi = std::max(phi, state.edges[i].phi);
    stable.push_back({.edge = edge_at(bucket), .slow = state.totals.edges[i].stable});
    candidate.push_back({.edge = edge_at(bucket + rollback_shift(*settings.latency)),
                         .slow = state.totals.edges[i].candidate});
  }
  const std::int64_t gate = state.edges[static_cast<std::size_t>(state.gate)].bucket;
  candidate.push_back(
      {.edge = edge_at(gate + promotion_shift(*settings.latency)), .slow = state.totals.gate});
  candidate.push_back({.edge = latency.edge_seconds, .slow = state.totals.limit});
  latency.candidate_quantile =
      quantile_of(settings, std::move(candidate), state.candidate_answers, phi);
  latency.stable_quantile = quantile_of(settings, std::move(stable), state.stable_answers, phi);
}

}  // namespace

RateEstimate rate_estimate(const Settings& settings, const ArmCounts& counts, double phi) {
  RateEstimate result;
  result.counts = counts;
  if (counts.n > 0) {
    result.rate = static_cast<double>(counts.bad) / static_cast<double>(counts.n);
    result.interval = bernoulli_cs(counts, settings.interval_alpha, phi);
  }
  return result;
}

NonInferiorityAssessment proof_of(double ln_m, double margin, double threshold) {
  return {.margin = margin, .ln_m = ln_m, .threshold = threshold, .shown = ln_m >= threshold};
}

LatencyAssessment assess_latency(const Settings& settings, const State& whole) {
  const LatencyState& state = whole.latency;
  LatencyAssessment latency;
  latency.quantile = settings.latency->quantile;
  latency.max_seconds = settings.latency->max_seconds;
  latency.vs_stable.threshold = ln_advance_threshold(settings);
  if (latency.max_seconds) {
    latency.vs_objective = latency.vs_stable;
  }
  if (state.edges.empty()) {
    return latency;
  }
  latency.is_planned = true;
  const auto limit = static_cast<std::size_t>(state.limit);
  const double phi = state.edges[limit].phi;
  latency.edge_seconds = latency_edge_seconds(state.edges[limit].bucket);
  latency.candidate =
      rate_estimate(settings, {.n = state.candidate_answers, .bad = state.totals.limit}, phi);
  latency.stable = rate_estimate(
      settings, {.n = state.stable_answers, .bad = state.totals.edges[limit].stable}, phi);
  if (state.candidate_answers > 0 && state.stable_answers > 0) {
    latency.excess = latency.candidate.rate - latency.stable.rate;
  }
  latency.excess_interval = excess_interval(state.limit_excess, settings.interval_alpha);
  latency.contrast = contrast_of(settings, state);
  add_quantiles(settings, state, latency);
  latency.stable_in_breach = is_masked(state.mask);
  if (is_in_step(whole)) {
    const double margin = latency_margin_at(settings, whole.weight);
    const double threshold = ln_advance_threshold(settings);
    latency.vs_stable = proof_of(ln_m_below(state.gate_proof, margin), margin, threshold);
    if (latency.max_seconds) {
      latency.vs_objective = proof_of(ln_m_limit(state.limit_proof), margin, threshold);
    }
  }
  return latency;
}

}  // namespace sluice::analysis
