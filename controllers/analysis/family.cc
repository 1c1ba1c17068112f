#include "controllers/analysis/family.h"

#include <vector>

#include "base/check.h"
#include "base/portable_math.h"
#include "controllers/analysis/log_sum.h"

namespace sluice::analysis {

double family_log_e(std::span<const double> ln_e, std::span<const double> weights) {
  CHECK(ln_e.size() == weights.size());
  std::vector<double> terms;
  terms.reserve(ln_e.size());
  for (std::size_t j = 0; j < ln_e.size(); ++j) {
    terms.push_back(portable::log(weights[j]) + ln_e[j]);
  }
  return log_sum_exp(terms);
}

}  // namespace sluice::analysis
