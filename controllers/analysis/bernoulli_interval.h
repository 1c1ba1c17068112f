#pragma once
// The interval shown beside a rate: Robbins' beta-binomial confidence sequence, valid at every
// look. For people to read; no verdict rests on it. Pure.

#include "controllers/analysis/counts.h"

namespace sluice::analysis {

// All p that `bad` of `n` (both divided by phi) do not rule out at level 1 - alpha; [0, 1] for
// n = 0.
[[nodiscard]] Interval bernoulli_cs(const ArmCounts& counts, double alpha, double phi);

}  // namespace sluice::analysis
