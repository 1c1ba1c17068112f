#include "controllers/analysis/bernoulli_interval.h"

#include "base/check.h"
#include "base/portable_math.h"

namespace sluice::analysis {
namespace {

constexpr int kBisections = 100;

struct Posterior {
  double n = 0;
  double bad = 0;
  double ln_mixture = 0;  // ln of the beta mixture of likelihoods.
  double threshold = 0;
};

bool is_ruled_out(const Posterior& posterior, double p) {
  const double ln_likelihood = (posterior.bad > 0 ? posterior.bad * portable::log(p) : 0) +
                               (posterior.n - posterior.bad) * portable::log1p(-p);
  return posterior.ln_mixture - ln_likelihood >= posterior.threshold;
}

// The boundary between `outside`, which is ruled out, and `inside`, which is not.
double boundary(const Posterior& posterior, double outside, double inside) {
  for (int i = 0; i < kBisections; ++i) {
    const double middle = 0.5 * (outside + inside);
    (is_ruled_out(posterior, middle) ? outside : inside) = middle;
  }
  return 0.5 * (outside + inside);
}

}  // namespace

Interval bernoulli_cs(const ArmCounts& counts, double alpha, double phi) {
  CHECK(phi >= 1);
  if (counts.n <= 0) {
    return {0, 1};
  }
  Posterior posterior;
  posterior.n = static_cast<double>(counts.n) / phi;
  posterior.bad = static_cast<double>(counts.bad) / phi;
  posterior.ln_mixture =
      portable::log_beta(0.5 + posterior.bad, 0.5 + posterior.n - posterior.bad) -
      portable::log_beta(0.5, 0.5);
  posterior.threshold = portable::log(2 / alpha);
  const double rate = posterior.bad / posterior.n;
  return {.low = counts.bad == 0 ? 0 : boundary(posterior, 0, rate),
          .high = counts.bad == counts.n ? 1 : boundary(posterior, 1, rate)};
}

}  // namespace sluice::analysis
