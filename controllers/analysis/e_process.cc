#include "controllers/analysis/e_process.h"

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "base/portable_math.h"
#include "controllers/analysis/log_sum.h"

namespace sluice::analysis {
namespace {

// Half of the capital bets from the first block on.
constexpr double kStartShare = 0.5;

double restart_share(const EProcessSettings& settings) {
  return (1 - kStartShare) / static_cast<double>(settings.horizon_blocks - 1);
}

double total(std::span<const double> start, std::span<const double> restart) {
  std::array<double, 2 * kGridPointsMax> all{};
  const auto end =
      std::copy(restart.begin(), restart.end(), std::copy(start.begin(), start.end(), all.begin()));
  return log_sum_exp({all.begin(), end});
}

}  // namespace

EProcess new_e_process(std::size_t points) {
  CHECK(points >= 1);
  CHECK(points <= kGridPointsMax);
  EProcess process;
  process.points = static_cast<std::uint32_t>(points);
  process.ln_start.fill(kMinusInfinity);
  process.ln_restart.fill(kMinusInfinity);
  return process;
}

BlockCaps block_caps(const EProcessSettings& settings) {
  CHECK(settings.horizon_blocks >= 2);
  CHECK(settings.min_blocks >= 1);
  const double ln_threshold = -portable::log(settings.alpha);
  const double blocks = settings.min_blocks - 0.5;
  return {.start = (ln_threshold - portable::log(kStartShare)) / blocks,
          .restart = (ln_threshold - portable::log(restart_share(settings))) / blocks};
}

void fold_block(EProcess& process,
                const EProcessSettings& settings,
                std::span<const double> increments) {
  CHECK(increments.size() == process.points);
  const BlockCaps caps = block_caps(settings);
  const double points = static_cast<double>(process.points);
  ++process.blocks;
  if (process.blocks == 1) {
    for (std::size_t k = 0; k < increments.size(); ++k) {
      process.ln_start[k] = portable::log(kStartShare / points);
    }
  } else if (process.blocks <= settings.horizon_blocks) {
    const double joining = portable::log(restart_share(settings) / points);
    for (std::size_t k = 0; k < increments.size(); ++k) {
      process.ln_restart[k] = log_add(process.ln_restart[k], joining);
    }
  }
  for (std::size_t k = 0; k < increments.size(); ++k) {
    process.ln_start[k] += std::min(caps.start, increments[k]);
    process.ln_restart[k] += std::min(caps.restart, increments[k]);
  }
}

double ln_e(const EProcess& process) {
  if (process.blocks == 0) {
    return 0;
  }
  return total({process.ln_start.data(), process.points},
               {process.ln_restart.data(), process.points});
}

double projected_ln_e(const EProcess& process,
                      const EProcessSettings& settings,
                      std::span<const double> increments,
                      double blocks) {
  CHECK(increments.size() == process.points);
  if (process.blocks == 0) {
    return 0;
  }
  const BlockCaps caps = block_caps(settings);
  std::array<double, kGridPointsMax> start = process.ln_start;
  std::array<double, kGridPointsMax> restart = process.ln_restart;
  for (std::size_t k = 0; k < increments.size(); ++k) {
    start[k] += blocks * std::min(caps.start, increments[k]);
    restart[k] += blocks * std::min(caps.restart, increments[k]);
  }
  return total({start.data(), process.points}, {restart.data(), process.points});
}

}  // namespace sluice::analysis
