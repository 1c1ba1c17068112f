#pragma once
// Whether stable itself breaks the objective just now. While it does, the candidate is not judged
// against the objective: it would be blamed for a shared outage. The mask looks at stable only,
// which is what keeps the masked test valid. Three small one-sided detectors, for a little, a lot
// and nearly everything. Plain state, pure functions.

#include <array>
#include <cstdint>

#include "controllers/analysis/counts.h"

namespace sluice::analysis {

inline constexpr std::array<double, 3> kMaskRatios = {1.5, 4, 60};

struct StableMask {
  std::array<double, 3> detectors{};
  std::int64_t clean_blocks = 0;  // Blocks in a row without a bad event on stable.
  bool operator==(const StableMask&) const = default;
};

// Folds stable's block; p0 in (0, 1) is the objective's greatest bad rate.
void fold_stable(StableMask& mask, const ArmCounts& stable, double p0);

[[nodiscard]] bool is_masked(const StableMask& mask);

}  // namespace sluice::analysis
