#include "controllers/analysis/planning.h"

#include <algorithm>
#include <vector>

#include "base/check.h"
#include "base/portable_math.h"
#include "controllers/analysis/log_sum.h"

namespace sluice::analysis {

Eta eta(const EtaQuestion& question, std::span<const double> ratios) {
  std::vector<double> growth(ratios.size());
  two_arm_increment(question.per_block, question.margin, ratios, growth);
  Eta result;
  result.growth_per_block = *std::ranges::max_element(growth);
  const double missing = -portable::log(question.alpha) - question.ln_e;
  if (missing <= 0) {
    result.seconds = 0;
  } else if (result.growth_per_block > 0) {
    result.seconds = missing / result.growth_per_block * question.block_seconds;
  }
  return result;
}

std::optional<double> candidate_requests_needed(const ProofQuestion& question) {
  CHECK(question.weight > 0);
  CHECK(question.weight < 1);
  constexpr double kRequestsMax = 1e12;
  constexpr int kHalvings = 100;
  const double stable_share = (1 - question.weight) / question.weight;
  std::vector<double> growth(kDownRatios.size());  // For each candidate request.
  two_arm_increment({.n_candidate = 1,
                     .n_stable = stable_share,
                     .bad_candidate = question.rate,
                     .bad_stable = question.rate * stable_share},
                    {.r0 = 1, .delta = question.margin, .phi = 1},
                    kDownRatios,
                    growth);
  const double threshold =
      -portable::log(question.alpha) + portable::log(static_cast<double>(growth.size()));
  const auto is_enough = [&growth, threshold](double requests) {
    std::vector<double> capitals = growth;
    for (double& capital : capitals) {
      capital *= requests;
    }
    return log_sum_exp(capitals) >= threshold;
  };
  if (!is_enough(kRequestsMax)) {
    return std::nullopt;
  }
  double low = 0;
  double high = kRequestsMax;
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = 0.5 * (low + high);
    (is_enough(middle) ? high : low) = middle;
  }
  return high;
}

}  // namespace sluice::analysis
