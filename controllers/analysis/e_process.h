#pragma once
// Evidence that may be looked at after every block. Half of the capital starts with the first
// block, the rest is spread over all later ones up to a horizon, so that a regression that begins
// after twelve healthy hours is found as quickly as one at the start. What a single block may add
// is capped, so that fewer than `min_blocks` blocks never decide: a burst is one event, not a
// thousand. Under the null the capital E passes 1/alpha with probability at most alpha, ever.
// Plain state, pure functions.

#include <array>
#include <cstdint>
#include <span>

#include "controllers/analysis/two_arm.h"

namespace sluice::analysis {

struct EProcessSettings {
  double alpha = 0.01;
  std::int64_t horizon_blocks = 360;  // >= 2. No capital is added after it.
  double min_blocks = 3;              // >= 1.
};

struct EProcess {
  std::int64_t blocks = 0;  // Valid blocks folded so far.
  std::uint32_t points = 0;
  std::array<double, kGridPointsMax> ln_start{};    // Capital that has bet since block 1 (S0).
  std::array<double, kGridPointsMax> ln_restart{};  // Capital that joined later (SR).
  bool operator==(const EProcess&) const = default;
};

// A process without capital in play yet; it has as many points as its grid.
[[nodiscard]] EProcess new_e_process(std::size_t points);

// The most that one block may add to either kind of capital (c0 and c1).
struct BlockCaps {
  double start = 0;
  double restart = 0;
};

[[nodiscard]] BlockCaps block_caps(const EProcessSettings& settings);

// Folds one block's increments (one a grid point).
void fold_block(EProcess& process,
                const EProcessSettings& settings,
                std::span<const double> increments);

// ln E; 0 before the first block.
[[nodiscard]] double ln_e(const EProcess& process);

// ln E after `blocks` more blocks that each bring `increments` (fractions of a block allowed; the
// capital that would join meanwhile is left out). For estimates of time only.
[[nodiscard]] double projected_ln_e(const EProcess& process,
                                    const EProcessSettings& settings,
                                    std::span<const double> increments,
                                    double blocks);

}  // namespace sluice::analysis
