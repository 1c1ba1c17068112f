#pragma once

// Student's t distribution, with the same bits everywhere. Pure functions.

namespace sluice::analysis {

// P(T > t) with `df` > 0 degrees of freedom.
[[nodiscard]] double student_t_upper(double t, double df);
// The t with P(T <= t) = p, for p in (0, 1).
[[nodiscard]] double student_t_quantile(double p, double df);

}  // namespace sluice::analysis
