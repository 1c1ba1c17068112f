#include "controllers/analysis/rollout_analysis.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/check.h"
#include "controllers/analysis/evidence.h"
#include "controllers/analysis/latency_evidence.h"
#include "controllers/analysis/one_arm.h"

namespace sluice::analysis {
namespace {

// More requests in a block than any cluster serves: such counts come from another world.
constexpr std::int64_t kBlockRequestsMax = 1'000'000'000'000;
constexpr double kRecentSeconds = 300;
// A longer gap than this says nothing about present rates.
constexpr std::int64_t kGapBlocksMax = 1000;

bool is_possible(std::int64_t n, std::int64_t bad) {
  return bad >= 0 && bad <= n && n <= kBlockRequestsMax;
}

bool is_possible(const LatencyCounts& slow, std::int64_t candidate, std::int64_t stable) {
  return is_possible(candidate, slow.gate) && is_possible(candidate, slow.limit) &&
         is_possible(candidate, slow.possibly) &&
         std::ranges::all_of(slow.edges, [=](const SlowCounts& edge) {
           return is_possible(candidate, edge.candidate) && is_possible(stable, edge.stable);
         });
}

bool is_possible(const PodCounts& pod) {
  return is_possible(pod.n, pod.bad) && std::ranges::all_of(pod.slow, [&pod](std::int64_t slow) {
           return is_possible(pod.n, slow);
         });
}

bool has_possible_counts(const Block& block) {
  return is_possible(block.candidate.n, block.candidate.bad) &&
         is_possible(block.stable.n, block.stable.bad) &&
         is_possible(block.pairs.n, block.pairs.bad_candidate) &&
         is_possible(block.pairs.n, block.pairs.bad_stable) && block.candidate_pods >= 0 &&
         (!block.latency || (is_possible(block.latency->live, block.candidate.n, block.stable.n) &&
                             is_possible(block.latency->pairs, block.pairs.n, block.pairs.n))) &&
         std::ranges::all_of(block.stable_pods,
                             [](const PodCounts& pod) { return is_possible(pod); });
}

ArmCounts stable_total(const Block& block) {
  return {.n = block.stable.n + block.pairs.n, .bad = block.stable.bad + block.pairs.bad_stable};
}

EvidenceCounts evidence_counts(const Block& block) {
  const auto number = [](std::int64_t count) { return static_cast<double>(count); };
  return {.live = {.n_candidate = number(block.candidate.n),
                   .n_stable = number(block.stable.n),
                   .bad_candidate = number(block.candidate.bad),
                   .bad_stable = number(block.stable.bad)},
          .pairs = {.n_candidate = number(block.pairs.n),
                    .n_stable = number(block.pairs.n),
                    .bad_candidate = number(block.pairs.bad_candidate),
                    .bad_stable = number(block.pairs.bad_stable)}};
}

StableMask next_mask(const Settings& settings, const StableMask& mask, const Block& block) {
  StableMask next = mask;
  if (has_absolute_test(settings)) {
    fold_stable(next, stable_total(block), *settings.errors->max);
  }
  return next;
}

void set_mask(State& state, const StableMask& mask, std::int64_t index) {
  state.mask = mask;
  if (!is_masked(mask) && !is_masked(state.latency.mask)) {
    state.marks.masked_since = -1;
  } else if (state.marks.masked_since < 0) {
    state.marks.masked_since = index;
  }
}

void mark_invalid(State& state, const Block& block, BlockData data) {
  state.block_index = block.index;
  ++state.blocks_invalid;
  ++state.invalid_in_a_row;
  if (state.marks.blind_since < 0) {
    state.marks.blind_since = block.index;
  }
  if (data != BlockData::kCandidateBlind) {
    state.marks.candidate_blind_since = -1;
  } else if (state.marks.candidate_blind_since < 0) {
    state.marks.candidate_blind_since = block.index;
  }
}

void mark_valid(State& state, std::int64_t index) {
  state.block_index = index;
  state.invalid_in_a_row = 0;
  state.marks.blind_since = -1;
  state.marks.candidate_blind_since = -1;
}

TwoArmCounts decayed_sum(const TwoArmCounts& sum, double decay, const TwoArmCounts& counts) {
  return {.n_candidate = sum.n_candidate * decay + counts.n_candidate,
          .n_stable = sum.n_stable * decay + counts.n_stable,
          .bad_candidate = sum.bad_candidate * decay + counts.bad_candidate,
          .bad_stable = sum.bad_stable * decay + counts.bad_stable};
}

// What is left of the counts so many intervals ago.
double recent_decay(const Settings& settings, std::int64_t intervals) {
  const double keep = std::max(0.0, 1 - settings.block_seconds / kRecentSeconds);
  double decay = 1;
  for (std::int64_t i = 0; i < intervals; ++i) {
    decay *= keep;
  }
  return decay;
}

// Means for each interval of the clock: a block that covers a gap counts for as many intervals.
void fold_recent(RecentCounts& recent,
                 const EvidenceCounts& counts,
                 double decay,
                 std::int64_t intervals) {
  recent.weight = recent.weight * decay + static_cast<double>(intervals);
  recent.live = decayed_sum(recent.live, decay, counts.live);
  recent.pairs = decayed_sum(recent.pairs, decay, counts.pairs);
}

// How many intervals of the clock a valid block speaks for: all since the last valid one.
std::int64_t intervals_covered(const State& state, std::int64_t index) {
  if (state.block_index < 0) {
    return 1;
  }
  const std::int64_t first =
      state.marks.blind_since >= 0 ? state.marks.blind_since : state.block_index + 1;
  return std::min(kGapBlocksMax, index - first + 1);
}

void fold_totals(StepTotals& totals, const Block& block) {
  ++totals.blocks;
  totals.candidate.n += block.candidate.n;
  totals.candidate.bad += block.candidate.bad;
  totals.stable.n += block.stable.n;
  totals.stable.bad += block.stable.bad;
  totals.pairs.n += block.pairs.n;
  totals.pairs.bad_candidate += block.pairs.bad_candidate;
  totals.pairs.bad_stable += block.pairs.bad_stable;
}

bool are_finite(const Increments& increments) {
  const auto is_finite = [](double value) { return std::isfinite(value); };
  return std::ranges::all_of(increments.relative, is_finite) &&
         std::ranges::all_of(increments.absolute, is_finite);
}

bool are_finite(const NonInferiority& step) {
  const auto is_finite = [](double value) { return std::isfinite(value); };
  return std::ranges::all_of(step.down.a, is_finite) &&
         std::ranges::all_of(step.down.w, is_finite) && std::ranges::all_of(step.up.a, is_finite) &&
         std::ranges::all_of(step.up.w, is_finite);
}

// A state that was kept under other objectives begins the tests that it lacks.
void begin_missing_tests(const Settings& settings, State& state) {
  if (settings.errors && state.relative.points != kErrorRatios.size()) {
    state.relative = new_e_process(kErrorRatios.size());
  }
  if (has_absolute_test(settings) && state.absolute.points != kObjectiveRatios.size()) {
    state.absolute = new_e_process(kObjectiveRatios.size());
  }
}

// Evidence of a valid block; false, and nothing changed, if the arithmetic fails.
bool fold_errors(const Settings& settings,
                 State& state,
                 const EvidenceCounts& counts,
                 bool masked) {
  const Increments increments = increments_of(settings, counts, state.phi, masked);
  NonInferiority step = state.step;
  fold_counts(step, counts.live, 1, state.phi);
  fold_counts(step, counts.pairs, 1, state.phi);
  if (!are_finite(increments) || !are_finite(step)) {
    return false;
  }
  const EProcessSettings process = e_process_settings(settings);
  fold_block(state.relative, process, increments.relative);
  if (has_absolute_test(settings)) {
    fold_block(state.absolute, process, increments.absolute);
  }
  state.step = step;
  return true;
}

// How a block is folded into the latency tests.
struct LatencyTurn {
  double traffic_ratio = 1;
  double recent_decay = 1;
  bool is_judged = true;
};

// The latency tests with this block in them; as they are where there is nothing to fold.
LatencyState next_latency(const Settings& settings,
                          const State& state,
                          const Block& block,
                          const LatencyTurn& turn) {
  if (!settings.latency || !block.latency || state.latency.edges.empty()) {
    return state.latency;
  }
  return with_block(state.latency,
                    {.candidate = block.candidate,
                     .stable = block.stable,
                     .pairs = block.pairs.n,
                     .live = block.latency->live,
                     .paired = block.latency->pairs,
                     .stable_pods = block.stable_pods},
                    {.objective = *settings.latency,
                     .process = e_process_settings(settings),
                     .traffic_ratio = turn.traffic_ratio,
                     .phi_prior = settings.phi_prior,
                     .step_margin = latency_margin_at(settings, state.weight),
                     .recent_decay = turn.recent_decay,
                     .is_judged = turn.is_judged});
}

}  // namespace

State new_state(const Settings& settings) {
  CHECK(validate(settings));
  State state;
  begin_missing_tests(settings, state);
  return state;
}

bool plan_latency(const Settings& settings,
                  State& state,
                  std::span<const std::int64_t> stable_histogram) {
  return settings.latency && plan_edges(state.latency, *settings.latency, stable_histogram);
}

void learn_stable(const Settings& settings, State& state, const Block& block) {
  if (block.index <= state.block_index || block.data != BlockData::kValid ||
      !has_possible_counts(block)) {
    return;
  }
  state.latency = next_latency(settings, state, block, {.is_judged = false});
  mark_valid(state, block.index);
  set_mask(state, next_mask(settings, state.mask, block), block.index);
  fold_pods(state.dispersion, block.stable_pods);
}

Folded fold_evidence(const Settings& settings, State& state, const Block& block) {
  begin_missing_tests(settings, state);
  if (block.index <= state.block_index) {
    return Folded::kStale;
  }
  const bool is_possible_block = has_possible_counts(block);
  if (block.data != BlockData::kValid || !is_possible_block) {
    mark_invalid(state, block, is_possible_block ? block.data : BlockData::kBadCounts);
    return Folded::kInvalid;
  }
  const EvidenceCounts counts = evidence_counts(block);
  const auto stable_pods = static_cast<std::int64_t>(block.stable_pods.size());
  // How much traffic there was may be known before what came of it; the rest of phi is from earlier
  // blocks, and the mask looks at stable only: that is what keeps the tests valid.
  const TrafficRatio traffic =
      blend(state.dispersion.traffic,
            {.candidate_n = block.candidate.n + block.pairs.n,
             .candidate_pods = block.candidate_pods,
             .stable_n = block.stable.n + (block.is_shadow ? block.pairs.n : 0),
             .stable_pods = stable_pods});
  const StableMask mask = next_mask(settings, state.mask, block);
  const std::int64_t intervals = intervals_covered(state, block.index);
  const double decay = recent_decay(settings, intervals);
  LatencyState latency =
      next_latency(settings, state, block, {.traffic_ratio = traffic.value, .recent_decay = decay});
  const double phi_before = state.phi;
  state.phi = current_phi(
      state.dispersion,
      {.traffic_ratio = traffic.value, .stable_pods = stable_pods, .prior = settings.phi_prior});
  if (!is_finite(latency) ||
      (settings.errors && !fold_errors(settings, state, counts, is_masked(mask)))) {
    state.phi = phi_before;
    mark_invalid(state, block, BlockData::kBadCounts);
    return Folded::kInternal;
  }
  ++state.blocks_used;
  state.latency = std::move(latency);
  fold_recent(state.recent, counts, decay, intervals);
  fold_totals(state.totals, block);
  mark_valid(state, block.index);
  set_mask(state, mask, block.index);
  state.dispersion.traffic = traffic;
  fold_pods(state.dispersion, block.stable_pods);
  return Folded::kCounted;
}

double ln_e_of(const Settings& settings, const State& state) {
  return ln_e_family(settings, ln_e_by_test(state));
}

void reset_step(State& state, double weight) {
  CHECK(weight >= 0);
  CHECK(weight <= 1);
  if (weight > state.weight) {
    state.marks.weight_raised_at = state.block_index + 1;
  }
  state.weight = weight;
  state.step = {};
  state.totals = {};
  state.recent = {};
  reset_latency_step(state.latency);
}

}  // namespace sluice::analysis
