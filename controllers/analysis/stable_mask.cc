#include "controllers/analysis/stable_mask.h"

#include <algorithm>

#include "controllers/analysis/one_arm.h"

namespace sluice::analysis {
namespace {

constexpr double kStepMax = 3;    // No block adds more: one bad block masks, it does not mask long.
constexpr double kCeiling = 6;    // Forgets a long breach within a few good blocks.
constexpr double kThreshold = 3;  // Masked from here on.
constexpr std::int64_t kCleanBlocks = 30;

}  // namespace

void fold_stable(StableMask& mask, const ArmCounts& stable, double p0) {
  if (stable.n == 0) {
    return;
  }
  std::array<double, kMaskRatios.size()> increments{};
  one_arm_increment({.n = static_cast<double>(stable.n), .bad = static_cast<double>(stable.bad)},
                    {.p0 = p0, .phi = 1},
                    kMaskRatios,
                    increments);
  for (std::size_t k = 0; k < increments.size(); ++k) {
    const double raised = mask.detectors[k] + std::min(kStepMax, increments[k]);
    mask.detectors[k] = std::min(kCeiling, std::max(0.0, raised));
  }
  mask.clean_blocks = stable.bad == 0 ? mask.clean_blocks + 1 : 0;
  if (mask.clean_blocks >= kCleanBlocks) {
    mask.detectors.fill(0);
  }
}

bool is_masked(const StableMask& mask) {
  return std::ranges::any_of(mask.detectors, [](double g) { return g >= kThreshold; });
}

}  // namespace sluice::analysis
