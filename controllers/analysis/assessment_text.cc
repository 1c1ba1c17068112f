#include "controllers/analysis/assessment_text.h"

#include <fmt/format.h>

#include "base/check.h"
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

// Three digits, and never an exponent.
std::string milliseconds_number(double seconds_value) {
  const double value = 1000 * seconds_value;
  return value < 100 ? fmt::format("{:.3g}", value) : fmt::format("{:.0f}", value);
}

std::string milliseconds(double seconds_value) {
  return milliseconds_number(seconds_value) + " ms";
}

// "between 74 and 290 ms", at edges of buckets.
std::string quantile_text(const QuantileSeconds& quantile) {
  if (quantile.above && quantile.at_most) {
    return fmt::format(
        "between {} and {}", milliseconds_number(*quantile.above), milliseconds(*quantile.at_most));
  }
  if (quantile.above) {
    return "above " + milliseconds(*quantile.above);
  }
  return quantile.at_most ? "at most " + milliseconds(*quantile.at_most) : "not known yet";
}

// "12.1% of its answers took longer than 316 ms, 5% allowed; stable 0.8%".
std::string slow_shares(const LatencyAssessment& latency) {
  return fmt::format("{} of the candidate's answers took longer than {}{}; stable {}",
                     percent(latency.candidate.rate),
                     milliseconds(latency.edge_seconds),
                     latency.max_seconds
                         ? fmt::format(", {} allowed", percent(1 - latency.quantile))
                         : std::string(),
                     percent(latency.stable.rate));
}

// "38% of the candidate's answers took longer than 4.36 ms, 14% of stable's longer than 4 ms".
std::string contrast_text(const LatencyContrast& contrast) {
  return fmt::format(
      "{} of the candidate's answers took longer than {}, {} of stable's longer than {}",
      percent(contrast.candidate),
      milliseconds(contrast.candidate_edge_seconds),
      percent(contrast.stable),
      milliseconds(contrast.stable_edge_seconds));
}

// "The candidate's p95 is above 316 ms, stable's between 74 and 290 ms."
std::string quantiles(const LatencyAssessment& latency) {
  return fmt::format("The candidate's p{:.3g} is {}, stable's {}.",
                     100 * latency.quantile,
                     quantile_text(latency.candidate_quantile),
                     quantile_text(latency.stable_quantile));
}

// "12.1% over 316 ms vs 0.8%", or against stable "38% over 4.36 ms vs 14% over 4 ms".
std::string slow_text(const LatencyAssessment& latency, std::string_view culprit) {
  if (culprit == kLatencyVsObjective) {
    return fmt::format("{} over {} vs {}",
                       percent(latency.candidate.rate),
                       milliseconds(latency.edge_seconds),
                       percent(latency.stable.rate));
  }
  const LatencyContrast& contrast = latency.contrast;
  return fmt::format("{} over {} vs {} over {}",
                     percent(contrast.candidate),
                     milliseconds(contrast.candidate_edge_seconds),
                     percent(contrast.stable),
                     milliseconds(contrast.stable_edge_seconds));
}

bool has_answers(const std::optional<LatencyAssessment>& latency) {
  return latency && latency->is_planned && latency->candidate.counts.n > 0;
}

std::string margin_text(const Assessment& assessment) {
  for (const MetricAssessment& metric : assessment.metrics) {
    if (metric.name == assessment.culprit) {
      return fmt::format("{} {}", metric.name, percent(metric.margin));
    }
  }
  return "its margins";
}

// Why evidence rolls back, the shares first: that is what a person at night has to know.
std::string evidence_cause(const Settings& settings, const Assessment& assessment) {
  const std::string budget =
      fmt::format("a false alarm has a budget of {}.", percent(settings.false_rollback_rate));
  if (!is_latency_test(assessment.culprit) || !has_answers(assessment.latency)) {
    return fmt::format("Shown to be worse than {}; {}", margin_text(assessment), budget);
  }
  const LatencyAssessment& latency = *assessment.latency;
  if (assessment.culprit == kLatencyVsStable) {
    return fmt::format("Too slow: {}. Shown to be slower than stable; {}",
                       contrast_text(latency.contrast),
                       budget);
  }
  return fmt::format("Too slow: {}. Shown to be slower than the p{:.3g} of {} that is allowed; {}",
                     slow_shares(latency),
                     100 * latency.quantile,
                     milliseconds(latency.max_seconds.value_or(0)),
                     budget);
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
  const bool is_open = (assessment.noninferiority && !assessment.noninferiority->shown) ||
                       (assessment.latency && !is_latency_shown(*assessment.latency));
  if (is_open) {
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
      return evidence_cause(settings, assessment);
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

// What there is to say of latencies, beside the evidence.
std::string latency_sentence(const LatencyAssessment& latency) {
  if (!latency.is_planned) {
    return "Latencies wait until stable has answered some 200 queries.";
  }
  if (latency.candidate.counts.n == 0) {
    return "No latency of the candidate is known yet.";
  }
  return slow_shares(latency) + ".";
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
  if (assessment.latency && assessment.culprit != kLatencyVsObjective) {
    text += " " + latency_sentence(*assessment.latency);
  }
  if (is_waiting(assessment)) {
    text += expectation(assessment);
  }
  return text;
}

std::string one_line_of(const Settings& settings, const Assessment& assessment) {
  std::string text =
      fmt::format("{} {}", to_string(assessment.verdict), to_string(assessment.reason));
  if (is_latency_test(assessment.culprit) && has_answers(assessment.latency)) {
    text += fmt::format(": {}, evidence {}, {} answers",
                        slow_text(*assessment.latency, assessment.culprit),
                        odds(assessment.ln_e_family),
                        assessment.latency->candidate.counts.n);
  } else if (settings.errors && assessment.candidate.counts.n > 0) {
    text += fmt::format(": {}, evidence {}, {}",
                        rates(assessment),
                        odds(assessment.ln_e_family),
                        samples(assessment));
  }
  return text;
}

std::string latency_message_of(const Assessment& assessment) {
  CHECK(assessment.latency);
  const LatencyAssessment& latency = *assessment.latency;
  std::string text = latency_sentence(latency);
  if (!has_answers(assessment.latency)) {
    return text;
  }
  text += fmt::format(" {} Evidence that it is too slow {} (needs {})",
                      quantiles(latency),
                      odds(assessment.latency_evidence.ln_e),
                      odds(assessment.latency_evidence.threshold));
  text += fmt::format(", that it is at most {} pt slower than stable {} (needs {})",
                      points(latency.vs_stable.margin),
                      odds(latency.vs_stable.ln_m),
                      odds(latency.vs_stable.threshold));
  if (latency.vs_objective) {
    text += fmt::format(", that at most {} are slow {} (needs {})",
                        percent(1 - latency.quantile + latency.vs_objective->margin),
                        odds(latency.vs_objective->ln_m),
                        odds(latency.vs_objective->threshold));
  }
  if (latency.stable_in_breach) {
    text += "; stable itself is too slow, so nobody is judged by the objective";
  }
  return text + ".";
}

}  // namespace sluice::analysis
