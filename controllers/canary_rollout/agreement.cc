#include "controllers/canary_rollout/agreement.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/check.h"
#include "base/describe.h"
#include "controllers/analysis/bounded_mean.h"
#include "controllers/canary_rollout/policy.h"
#include "controllers/canary_rollout/turn.h"

namespace sluice::canary_rollout {

// What a verdict on the rankings rests on; all of it.
struct AgreementInputs {
  std::string method = "agreement/1";
  api::RankingAgreement compared = {};
  double tolerance = 0;
  double alpha = 0;  // Of the verdict against the candidate.
  std::string verdict = {};
};

template <class Io>
void describe(Io& io, AgreementInputs& value) {
  io.required("method", value.method);
  io.required("compared", value.compared);
  io.defaulted("tolerance", value.tolerance);
  io.defaulted("alpha", value.alpha);
  io.required("verdict", value.verdict);
}

namespace {

constexpr double kTolerance = 0.05;
constexpr double kDisplayAlpha = 0.05;
constexpr double kPassAlpha = 0.05;
// Fewer comparisons of stable with itself say too little of what to ask for.
constexpr std::int64_t kStableAnswersMin = 30;

// The floor is not known but measured: the verdict against the candidate takes its lower end.
struct Measured {
  analysis::GridMean candidate;
  analysis::GridMean stable;
  analysis::Interval shown;
};

AgreementVerdict verdict_of(const Measured& seen,
                            const api::RankingAgreement& compared,
                            double false_rollback_rate) {
  if (seen.candidate.n == 0 || seen.stable.n < kStableAnswersMin) {
    return AgreementVerdict::kKeepLooking;
  }
  // Each end has half of its interval's alpha, so the two together have `alpha`.
  const double alpha = kAgreementBudget * false_rollback_rate;
  const double most = analysis::mean_interval(compared.candidate, alpha).high;
  if (most < analysis::mean_interval(compared.stable, alpha).low - kTolerance) {
    return AgreementVerdict::kDiffers;
  }
  const double least = analysis::mean_interval(compared.candidate, kPassAlpha).low;
  return least >= seen.stable.value - kTolerance ? AgreementVerdict::kEquivalent
                                                 : AgreementVerdict::kKeepLooking;
}

std::string_view text_of(AgreementVerdict verdict) {
  switch (verdict) {
    case AgreementVerdict::kReported:
      return "Reported";
    case AgreementVerdict::kKeepLooking:
      return "KeepLooking";
    case AgreementVerdict::kEquivalent:
      return "Equivalent";
    case AgreementVerdict::kDiffers:
      return "Differs";
  }
  return "KeepLooking";
}

api::ObjectiveVerdict row_verdict(AgreementVerdict verdict, bool has_data) {
  if (!has_data) {
    return api::ObjectiveVerdict::kNoData;
  }
  switch (verdict) {
    case AgreementVerdict::kReported:
    case AgreementVerdict::kEquivalent:
      return api::ObjectiveVerdict::kPass;
    case AgreementVerdict::kKeepLooking:
      return api::ObjectiveVerdict::kKeepLooking;
    case AgreementVerdict::kDiffers:
      return api::ObjectiveVerdict::kFail;
  }
  return api::ObjectiveVerdict::kKeepLooking;
}

std::string gate_text(const Measured& seen, AgreementVerdict verdict) {
  if (seen.stable.n < kStableAnswersMin) {
    return fmt::format(
        " What two workers of stable have in common is not known yet: {} of {} comparisons.",
        seen.stable.n,
        kStableAnswersMin);
  }
  const std::string floor = fmt::format(
      " It is to be at least {:.1f}%, which is what two workers of stable have in "
      "common ({:.1f}% of {} answers) less {:.0f} points",
      100 * (seen.stable.value - kTolerance),
      100 * seen.stable.value,
      seen.stable.n,
      100 * kTolerance);
  switch (verdict) {
    case AgreementVerdict::kEquivalent:
      return floor + ": shown.";
    case AgreementVerdict::kDiffers:
      return floor + ": it is shown to be less.";
    case AgreementVerdict::kReported:
    case AgreementVerdict::kKeepLooking:
      break;
  }
  return floor + ": not yet shown.";
}

std::string message_of(const Measured& seen,
                       const api::RankingAgreement& compared,
                       AgreementVerdict verdict) {
  std::string text = "No answers were compared yet.";
  if (seen.candidate.n > 0) {
    text = fmt::format(
        "Candidate and stable have {:.1f}% of the first ten hits in common (between {:.1f}% and "
        "{:.1f}%, {} answers; rank-biased overlap {:.3f}).",
        100 * seen.candidate.value,
        100 * seen.shown.low,
        100 * seen.shown.high,
        seen.candidate.n,
        static_cast<double>(compared.rbo_sum) / 10'000 / static_cast<double>(seen.candidate.n));
    text += verdict == AgreementVerdict::kReported
                ? " Only reported: a better index ranks differently."
                : gate_text(seen, verdict);
  }
  if (compared.incomparable > 0) {
    text += fmt::format(" {} answers do not name their hits.", compared.incomparable);
  }
  if (compared.dropped > 0) {
    text += fmt::format(" {} queries were not copied: routers had too many copies on their way.",
                        compared.dropped);
  }
  return text;
}

void add(std::vector<std::int64_t>& sum, const std::vector<std::int64_t>& more) {
  sum.resize(std::max(sum.size(), more.size()));
  for (std::size_t i = 0; i < more.size(); ++i) {
    sum[i] += more[i];
  }
}

// A stored status may have been written by hand.
std::vector<std::int64_t> eleven(std::vector<std::int64_t> counts) {
  counts.resize(11);
  return counts;
}

}  // namespace

bool gates_on_agreement(const api::ResolvedPolicy& policy) {
  const api::Objective* objective = agreement_objective(policy);
  return objective != nullptr && objective->ranking_overlap->expect_equivalent;
}

AgreementAssessment judge_agreement(const api::ResolvedPolicy& policy,
                                    const api::RankingAgreement& stored) {
  const api::Objective* objective = agreement_objective(policy);
  CHECK(objective != nullptr);
  api::RankingAgreement compared = stored;
  compared.candidate = eleven(std::move(compared.candidate));
  compared.stable = eleven(std::move(compared.stable));
  const Measured seen{.candidate = analysis::grid_mean(compared.candidate),
                      .stable = analysis::grid_mean(compared.stable),
                      .shown = analysis::mean_interval(compared.candidate, kDisplayAlpha)};
  const double false_rollback_rate = policy.analysis.false_rollback_rate.fraction();
  const AgreementVerdict verdict = gates_on_agreement(policy)
                                       ? verdict_of(seen, compared, false_rollback_rate)
                                       : AgreementVerdict::kReported;
  // Where stable was not compared with itself it is taken to agree.
  const double stable = seen.stable.n > 0 ? seen.stable.value : 1;
  AgreementAssessment result{.verdict = verdict};
  result.row = {.name = objective->name,
                .stable = stable,
                .candidate = seen.candidate.value,
                .estimate = seen.candidate.n > 0 ? seen.candidate.value - stable : 0,
                .interval = {.low = seen.shown.low - stable, .high = seen.shown.high - stable},
                .verdict = row_verdict(verdict, seen.candidate.n > 0),
                .samples = seen.candidate.n,
                .stable_samples = seen.stable.n,
                .message = bounded(message_of(seen, compared, verdict), kTextMax)};
  result.inputs = to_json(AgreementInputs{.compared = std::move(compared),
                                          .tolerance = kTolerance,
                                          .alpha = kAgreementBudget * false_rollback_rate,
                                          .verdict = std::string(text_of(verdict))});
  return result;
}

void add_agreement(api::RankingAgreement& sum, const api::RankingAgreement& more) {
  add(sum.candidate, more.candidate);
  add(sum.stable, more.stable);
  sum.rbo_sum += more.rbo_sum;
  sum.incomparable += more.incomparable;
  sum.dropped += more.dropped;
}

std::int64_t compared_answers(const api::RankingAgreement& compared) {
  return std::accumulate(compared.candidate.begin(), compared.candidate.end(), std::int64_t{0});
}

}  // namespace sluice::canary_rollout
