#include "controllers/analysis/outlook.h"

#include <algorithm>
#include <cmath>

#include "controllers/analysis/evidence.h"
#include "controllers/analysis/latency_evidence.h"

namespace sluice::analysis {
namespace {

constexpr int kBisections = 50;
constexpr double kFurtherBadSeconds = 60;

TwoArmCounts scaled(const TwoArmCounts& counts, double factor) {
  return {.n_candidate = counts.n_candidate * factor,
          .n_stable = counts.n_stable * factor,
          .bad_candidate = counts.bad_candidate * factor,
          .bad_stable = counts.bad_stable * factor};
}

EvidenceCounts mean_block(const RecentCounts& recent) {
  return {.live = scaled(recent.live, 1 / recent.weight),
          .pairs = scaled(recent.pairs, 1 / recent.weight)};
}

double candidate_requests(const EvidenceCounts& counts) {
  return counts.live.n_candidate + counts.pairs.n_candidate;
}

// The same traffic with this many bad events of the candidate in a block.
EvidenceCounts with_bad(EvidenceCounts counts, double bad) {
  counts.live.bad_candidate = counts.live.n_candidate > 0 ? bad : 0;
  counts.pairs.bad_candidate = counts.live.n_candidate > 0 ? 0 : bad;
  return counts;
}

// The fewest blocks for which `is_reached` holds. The capitals are convex in time, so that a
// threshold above the present value is passed once.
template <class Predicate>
std::optional<double> blocks_until(double blocks_max, const Predicate& is_reached) {
  if (is_reached(0)) {
    return 0;
  }
  if (!is_reached(blocks_max)) {
    return std::nullopt;
  }
  double low = 0;
  double high = blocks_max;
  for (int i = 0; i < kBisections; ++i) {
    const double middle = 0.5 * (low + high);
    (is_reached(middle) ? high : low) = middle;
  }
  return high;
}

class Projection {
 public:
  Projection(const Settings& settings, const State& state) : settings_(settings), state_(state) {}

  // Whether `blocks` more blocks of these counts would roll back, with the evidence on latencies as
  // it is.
  [[nodiscard]] bool rolls_back(const Increments& increments, double blocks) const {
    const EProcessSettings process = e_process_settings(settings_);
    ByTest<double> ln_e = ln_e_by_test(state_);
    ln_e[0] = projected_ln_e(state_.relative, process, increments.relative, blocks);
    ln_e[1] = has_absolute_test(settings_)
                  ? projected_ln_e(state_.absolute, process, increments.absolute, blocks)
                  : 0;
    return ln_e_family(settings_, ln_e) >= ln_rollback_threshold(settings_);
  }

  [[nodiscard]] Increments increments(const EvidenceCounts& counts) const {
    return increments_of(settings_, counts, state_.phi, is_masked(state_.mask));
  }

  // The fewest blocks of these counts after which the step's margin is proven.
  [[nodiscard]] std::optional<double> blocks_to_advance(const EvidenceCounts& counts) const {
    NonInferiority growth;
    fold_counts(growth, counts.live, 1, state_.phi);
    fold_counts(growth, counts.pairs, 1, state_.phi);
    const double margin = margin_at(settings_, state_.weight);
    return blocks_until(blocks_max(), [&](double blocks) {
      NonInferiority later = state_.step;
      for (std::size_t k = 0; k < later.down.a.size(); ++k) {
        later.down.a[k] += blocks * growth.down.a[k];
        later.down.w[k] += blocks * growth.down.w[k];
      }
      return ln_m_below(later, margin) >= ln_advance_threshold(settings_);
    });
  }

  // The same for latencies, at the rates of the last minutes; 0 without such an objective.
  [[nodiscard]] std::optional<double> blocks_to_latency_proof() const {
    if (!settings_.latency) {
      return 0;
    }
    const LatencyState& latency = state_.latency;
    if (latency.edges.empty()) {
      return std::nullopt;
    }
    const double margin = latency_margin_at(settings_, state_.weight);
    const NonInferiority gate = gate_growth();
    std::array<double, 6> limit{};
    if (settings_.latency->max_seconds) {
      add_to_limit_proof(limit, *settings_.latency, margin, limit_growth());
    }
    return blocks_until(blocks_max(), [&](double blocks) {
      NonInferiority later = latency.gate_proof;
      std::array<double, 6> later_limit = latency.limit_proof;
      for (std::size_t k = 0; k < later_limit.size(); ++k) {
        later.down.a[k] += blocks * gate.down.a[k];
        later.down.w[k] += blocks * gate.down.w[k];
        later_limit[k] += blocks * limit[k];
      }
      const double threshold = ln_advance_threshold(settings_);
      return ln_m_below(later, margin) >= threshold &&
             (!settings_.latency->max_seconds || ln_m_limit(later_limit) >= threshold);
    });
  }

  [[nodiscard]] double blocks_max() const { return static_cast<double>(horizon_blocks(settings_)); }

 private:
  [[nodiscard]] const LatencyEdge& edge(std::int64_t index) const {
    return state_.latency.edges[static_cast<std::size_t>(index)];
  }

  [[nodiscard]] double per_block(double recent) const { return recent / state_.recent.weight; }

  // Live and pairs together: close enough for an estimate.
  [[nodiscard]] NonInferiority gate_growth() const {
    const EvidenceCounts mean = mean_block(state_.recent);
    NonInferiority growth;
    fold_counts(growth,
                {.n_candidate = candidate_requests(mean),
                 .n_stable = mean.live.n_stable + mean.pairs.n_stable,
                 .bad_candidate = per_block(state_.latency.recent.gate_candidate),
                 .bad_stable = per_block(state_.latency.recent.gate_stable)},
                1,
                edge(state_.latency.gate).phi);
    return growth;
  }

  [[nodiscard]] LimitGrowth limit_growth() const {
    return {.n = candidate_requests(mean_block(state_.recent)),
            .possibly = per_block(state_.latency.recent.possibly),
            .phi = edge(state_.latency.limit).phi};
  }

  const Settings& settings_;
  const State& state_;
};

// The fewest further bad events among `of` requests, spread over `blocks` blocks, that roll back.
std::optional<std::int64_t> further_bad(const Projection& projection,
                                        const EvidenceCounts& mean,
                                        double blocks,
                                        std::int64_t of) {
  const auto rolls_back = [&](std::int64_t bad) {
    const EvidenceCounts counts = with_bad(mean, static_cast<double>(bad) / blocks);
    return projection.rolls_back(projection.increments(counts), blocks);
  };
  if (!rolls_back(of)) {
    return std::nullopt;
  }
  std::int64_t too_few = -1;
  std::int64_t enough = of;
  while (enough - too_few > 1) {
    const std::int64_t middle = too_few + (enough - too_few) / 2;
    (rolls_back(middle) ? enough : too_few) = middle;
  }
  return enough;
}

}  // namespace

Outlook outlook_of(const Settings& settings, const State& state) {
  Outlook outlook;
  if (!settings.errors || state.recent.weight <= 0) {
    return outlook;
  }
  const EvidenceCounts mean = mean_block(state.recent);
  if (candidate_requests(mean) <= 0) {
    return outlook;
  }
  const Projection projection(settings, state);
  const Increments at_mean = projection.increments(mean);
  const auto to_rollback = blocks_until(projection.blocks_max(), [&](double blocks) {
    return projection.rolls_back(at_mean, blocks);
  });
  if (to_rollback) {
    outlook.rollback_seconds = *to_rollback * settings.block_seconds;
  }
  const double soon =
      std::max(settings.min_blocks, std::ceil(kFurtherBadSeconds / settings.block_seconds));
  outlook.further_bad_of = std::max<std::int64_t>(1, std::llround(soon * candidate_requests(mean)));
  outlook.further_bad = further_bad(projection, mean, soon, outlook.further_bad_of);
  if (is_in_step(state)) {
    const auto errors = projection.blocks_to_advance(mean);
    const auto latency = projection.blocks_to_latency_proof();
    if (errors && latency) {
      outlook.advance_seconds = std::max(*errors, *latency) * settings.block_seconds;
    }
    if (const auto blocks = projection.blocks_to_advance(with_bad(mean, 0))) {
      outlook.clean_needed =
          static_cast<std::int64_t>(std::ceil(*blocks * candidate_requests(mean)));
    }
  }
  return outlook;
}

}  // namespace sluice::analysis
