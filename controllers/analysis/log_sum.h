#pragma once
// Sums of capitals that are kept as logarithms. Minus infinity is capital zero and is skipped, so
// that nothing overflows and no NaN arises from (-inf) - (-inf).

#include <limits>
#include <span>

namespace sluice::analysis {

inline constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

// ln(e^a + e^b).
[[nodiscard]] double log_add(double a, double b);
// ln of the sum of e^v; minus infinity for none.
[[nodiscard]] double log_sum_exp(std::span<const double> values);

}  // namespace sluice::analysis
