#include "bench/calibration/report.h"

#include <fmt/format.h>

#include <string_view>

#include "base/json_writer.h"

namespace sluice::bench {
namespace {

constexpr std::string_view kHead =
    "| scenario | runs | Argo | Flagger | Kayenta | burn rate | Sluice |\n"
    "|---|---|---|---|---|---|---|\n";

std::string in_brackets(std::string_view reference) {
  return reference.empty() ? std::string() : fmt::format(" ({})", reference);
}

std::string false_rollback_cell(const Outcome& outcome) {
  return fmt::format("{:.3g}", 100 * outcome.rolled_back.rate);
}

// "95 %; 60/110; 6/9": the share that was found where it is not all, seconds, harm.
std::string detection_cell(const Outcome& outcome) {
  const std::string harm =
      fmt::format("{:.0f}/{:.0f}", outcome.harm_median.value, outcome.harm_p95.value);
  if (outcome.rolled_back.crossed == 0) {
    return "never; " + harm;
  }
  const std::string found =
      outcome.rolled_back.rate < 1 ? fmt::format("{:.3g} %; ", 100 * outcome.rolled_back.rate) : "";
  return fmt::format(
      "{}{:.0f}/{:.0f}; {}", found, outcome.seconds_median.value, outcome.seconds_p95.value, harm);
}

std::string row_of(const ScenarioResult& result, std::string (*cell)(const Outcome&)) {
  std::string row = fmt::format("| {} | {} |", result.scenario.name, result.size.runs);
  for (std::size_t i = 0; i < result.outcomes.size(); ++i) {
    const std::string_view reference =
        i < result.scenario.reference.size() ? result.scenario.reference.at(i) : "";
    row += fmt::format(" {}{} |", cell(result.outcomes[i]), in_brackets(reference));
  }
  return row + "\n";
}

void write_rate(JsonWriter& json, const Rate& rate) {
  json.member("runs", rate.runs)
      .member("crossed", rate.crossed)
      .member("rate", rate.rate)
      .member("low", rate.low)
      .member("high", rate.high);
}

void write_outcome(JsonWriter& json, const Outcome& outcome) {
  json.begin_object().member("rule", outcome.rule);
  write_rate(json, outcome.rolled_back);
  if (outcome.rolled_back.crossed > 0) {
    json.member("seconds_median", outcome.seconds_median.value)
        .member("seconds_p95", outcome.seconds_p95.value);
  }
  json.member("harm_median", outcome.harm_median.value)
      .member("harm_p95", outcome.harm_p95.value)
      .member("requests_mean", outcome.requests_mean.value)
      .end_object();
}

void write_scenarios(JsonWriter& json,
                     std::string_view key,
                     const std::vector<ScenarioResult>& results) {
  json.key(key).begin_array();
  for (const ScenarioResult& result : results) {
    json.begin_object()
        .member("scenario", result.scenario.name)
        .member("seed", result.size.seed)
        .member("block_seconds", result.scenario.block_seconds)
        .key("rules")
        .begin_array();
    for (const Outcome& outcome : result.outcomes) {
      write_outcome(json, outcome);
    }
    json.end_array().end_object();
  }
  json.end_array();
}

void write_criteria(JsonWriter& json, const std::vector<Criterion>& criteria) {
  json.key("criteria").begin_array();
  for (const Criterion& criterion : criteria) {
    json.begin_object()
        .member("number", criterion.number)
        .member("title", criterion.title)
        .member("met", is_met(criterion))
        .key("findings")
        .begin_array();
    for (const Finding& finding : criterion.findings) {
      json.begin_object()
          .member("text", finding.text)
          .member("value", finding.value)
          .member("bound", finding.bound)
          .member("met", finding.is_met)
          .member("waived", finding.waived)
          .end_object();
    }
    json.end_array().end_object();
  }
  json.end_array();
}

}  // namespace

std::string false_rollback_head() {
  return "False rollbacks, % of rollouts (in brackets: the reference)\n\n" + std::string(kHead);
}

std::string false_rollback_row(const ScenarioResult& result) {
  return row_of(result, false_rollback_cell);
}

std::string detection_head() {
  return "Seconds to rollback, median/p95; bad requests served by the candidate, median/p95 "
         "(in brackets: the reference)\n\n" +
         std::string(kHead);
}

std::string detection_row(const ScenarioResult& result) {
  return row_of(result, detection_cell);
}

std::string null_head() {
  return "Crossing rates where the null holds\n\n"
         "| null | alpha | rate | 95 % Wilson | crossed | reference |\n"
         "|---|---|---|---|---|---|\n";
}

std::string null_row(const NullResult& result) {
  return fmt::format("| {} | {:.2f} | {:.4f} | [{:.4f}, {:.4f}] | {} of {} | {:.4f} |\n",
                     result.name,
                     result.alpha,
                     result.rate.rate,
                     result.rate.low,
                     result.rate.high,
                     result.rate.crossed,
                     result.rate.runs,
                     result.reference);
}

std::string criterion_text(const Criterion& criterion) {
  std::string text = fmt::format("{} criterion {}: {}\n",
                                 is_met(criterion) ? "met   " : "MISSED",
                                 criterion.number,
                                 criterion.title);
  for (const Finding& finding : criterion.findings) {
    const std::string_view mark = finding.is_met           ? "  ok"
                                  : finding.waived.empty() ? "  NOT"
                                                           : "  --";
    text += fmt::format("{:6}{}", mark, finding.text);
    text += finding.is_met || finding.waived.empty()
                ? "\n"
                : fmt::format(" (waived: {})\n", finding.waived);
  }
  return text;
}

std::string to_json(const Results& results) {
  JsonWriter json;
  json.begin_object();
  write_scenarios(json, "healthy", results.healthy);
  write_scenarios(json, "faulty", results.faulty);
  json.key("nulls").begin_array();
  for (const NullResult& result : results.nulls) {
    json.begin_object().member("null", result.name).member("alpha", result.alpha);
    write_rate(json, result.rate);
    json.end_object();
  }
  json.end_array();
  write_criteria(json, results.criteria);
  json.end_object();
  return json.take();
}

}  // namespace sluice::bench
