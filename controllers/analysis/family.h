#pragma once
// Several tests, one budget: the weighted average of their capitals is again a capital, under any
// dependence between them, and better than Bonferroni. Weights are fixed before the data. Pure.

#include <span>

namespace sluice::analysis {

// Default weights of the groups; those present are rescaled to sum to 1.
inline constexpr double kErrorsRelativeWeight = 0.35;
inline constexpr double kErrorsAbsoluteWeight = 0.15;

// ln of sum_j v_j E_j. Both spans have the same length; the weights sum to at most 1.
[[nodiscard]] double family_log_e(std::span<const double> ln_e, std::span<const double> weights);

}  // namespace sluice::analysis
