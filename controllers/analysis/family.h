#pragma once
// Several tests, one budget: the weighted average of their capitals is again a capital, under any
// dependence between them, and better than Bonferroni. Weights are fixed before the data. Pure.

#include <array>
#include <cstddef>
#include <span>

namespace sluice::analysis {

// The tests of a rollout, always in this order: errors against stable and against their max,
// latencies against stable and against theirs.
inline constexpr std::size_t kTests = 4;
template <class T>
using ByTest = std::array<T, kTests>;

// Default weights; those of the tests that there are get rescaled to sum to 1.
inline constexpr ByTest<double> kTestWeights = {0.35, 0.15, 0.25, 0.15};

// ln of sum_j v_j E_j. Both spans have the same length; the weights sum to at most 1.
[[nodiscard]] double family_log_e(std::span<const double> ln_e, std::span<const double> weights);

}  // namespace sluice::analysis
