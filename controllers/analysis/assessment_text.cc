#include "controllers/analysis/assessment_text.h"

#include <fmt/format.h>

#include "base/portable_math.h"

namespace sluice::analysis {
namespace {

std::string percent(double share) {
  return fmt::format("{:.3g}%", 100 * share);
}

std::string points(double share) {
  return fmt::format("{:.3g}", 100 * share);
}

// "545:1" for the capital e^ln_e, "1:12" below one.
std::string odds(double ln_e) {
  constexpr double kReadable = 50;
  if (ln_e > kReadable) {
    return fmt::format("over 1e21:1");
  }
  if (ln_e < -kReadable) {
    return fmt::format("under 1:1e21");
  }
  return ln_e >= 0 ? fmt::format("{:.3g}:1", portable::exp(ln_e))
                   : fmt::format("1:{:.3g}", portable::exp(-ln_e));
}

std::string seconds(double value) {
  if (value < 120) {
    return fmt::format("{:.0f} s", value);
  }
  return value < 7200 ? fmt::format("{:.0f} min", value / 60)
                      : fmt::format("{:.1f} h", value / 3600);
}

// "errors 4.8% vs 0.1% (excess 4.7 [1.6, 10.1] pt)".
std::string rates(const Assessment& assessment) {
  return fmt::format("errors {} vs {} (excess {} [{}, {}] pt)",
                     percent(assessment.candidate.rate),
                     percent(assessment.stable.rate),
                     points(assessment.excess),
                     points(assessment.excess_interval.low),
                     points(assessment.excess_interval.high));
}

std::string samples(const Assessment& assessment) {
  return fmt::format(
      "{} bad of {}", assessment.candidate.counts.bad, assessment.candidate.counts.n);
}

std::string margin_text(const Assessment& assessment) {
  for (const MetricAssessment& metric : assessment.metrics) {
    if (metric.name == assessment.culprit) {
      return fmt::format("{} {}", metric.name, percent(metric.margin));
    }
  }
  return "its margins";
}

// What the caller can expect next, as a sentence of its own; empty when nothing is known.
std::string expectation(const Assessment& assessment) {
  const Outlook& outlook = assessment.outlook;
  std::string text;
  if (outlook.further_bad) {
    text += fmt::format(" {} bad of the next {} candidate requests would roll back.",
                        *outlook.further_bad,
                        outlook.further_bad_of);
  }
  if (outlook.clean_needed && *outlook.clean_needed > 0) {
    text += fmt::format(" {} clean candidate requests would advance.", *outlook.clean_needed);
  }
  if (assessment.noninferiority && !assessment.noninferiority->shown) {
    text += outlook.advance_seconds ? fmt::format(" Advance in about {} at present rates.",
                                                  seconds(*outlook.advance_seconds))
                                    : std::string(" No advance at present rates.");
  }
  return text;
}

std::string numbers(const Settings& settings, const Assessment& assessment) {
  if (!settings.errors) {
    return {};
  }
  std::string text = fmt::format("{}, {}, evidence for rollback {} (needs {})",
                                 rates(assessment),
                                 samples(assessment),
                                 odds(assessment.ln_e_family),
                                 odds(assessment.ln_e_threshold));
  if (assessment.noninferiority) {
    text += fmt::format(", that it is within {} pt {} (needs {})",
                        points(assessment.noninferiority->margin),
                        odds(assessment.noninferiority->ln_m),
                        odds(assessment.noninferiority->threshold));
  }
  return text + ".";
}

std::string cause(const Settings& settings,
                  const Assessment& assessment,
                  std::string_view data_detail) {
  switch (assessment.reason) {
    case Reason::kCollecting:
      return "Collecting evidence.";
    case Reason::kLowTraffic:
      return "No candidate request in this block: low traffic, the evidence waits.";
    case Reason::kEvidenceAgainst:
      return "Within the margin, but a test leans towards a rollback.";
    case Reason::kBlockInvalid:
      return fmt::format("This block does not count: {}.", data_detail);
    case Reason::kStaleBlock:
      return "This block was judged before.";
    case Reason::kNonInferior:
      return "Shown to be within the margin.";
    case Reason::kNothingToProve:
      return "No objective gates this step.";
    case Reason::kEvidence:
      return fmt::format("Shown to be worse than {}; a false alarm has a budget of {}.",
                         margin_text(assessment),
                         percent(settings.false_rollback_rate));
    case Reason::kCrashLoop:
      return "Rule: a candidate pod is in a crash loop.";
    case Reason::kNoReadyWorker:
      return "Rule: the candidate has no ready worker.";
    case Reason::kAllRequestsFailing:
      return "Rule: every candidate request fails.";
    case Reason::kAnyBadIsBreach:
      return "Rule: the objective allows no bad request, and the candidate had one.";
    case Reason::kNoCandidateData:
      return fmt::format("Rule: no data of the candidate for {}, while stable's arrive.",
                         seconds(settings.data.no_data_abort_seconds));
    case Reason::kSharedBreachAfterStep:
      return fmt::format(
          "Rule: stable has broken its objective for {}, beginning within {} of a raise of the "
          "weight: the candidate may be what harms it.",
          seconds(settings.shared_breach.lasts_seconds),
          seconds(settings.shared_breach.after_raise_seconds));
    case Reason::kStableInBreach:
      return "Stable itself breaks the objective: the candidate is not to blame, and not advanced.";
    case Reason::kQuarantined:
      return "The candidate is in quarantine: users are kept from it while it is judged by pairs.";
    case Reason::kDataStale:
      return fmt::format(
          "No valid block for {} blocks or more: {}.", settings.data.stale_blocks, data_detail);
    case Reason::kInternal:
      return "The arithmetic failed on this block's counts; it does not count.";
  }
  return {};
}

bool is_waiting(const Assessment& assessment) {
  return assessment.verdict == Verdict::kKeepLooking || assessment.verdict == Verdict::kHold;
}

}  // namespace

std::string message_of(const Settings& settings,
                       const Assessment& assessment,
                       std::string_view data_detail) {
  std::string text = cause(settings, assessment, data_detail);
  if (settings.errors && assessment.candidate.counts.n > 0) {
    std::string detail = numbers(settings, assessment);
    detail.front() = 'E';  // A sentence of its own: "Errors 4.8% …".
    text += " " + detail;
  }
  if (is_waiting(assessment)) {
    text += expectation(assessment);
  }
  return text;
}

std::string one_line_of(const Settings& settings, const Assessment& assessment) {
  std::string text =
      fmt::format("{} {}", to_string(assessment.verdict), to_string(assessment.reason));
  if (settings.errors && assessment.candidate.counts.n > 0) {
    text += fmt::format(": {}, evidence {}, {}",
                        rates(assessment),
                        odds(assessment.ln_e_family),
                        samples(assessment));
  }
  return text;
}

}  // namespace sluice::analysis
