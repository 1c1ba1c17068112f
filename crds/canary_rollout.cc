#include "crds/canary_rollout.h"

#include <chrono>

#include "base/describe.h"

namespace sluice {

template <>
struct EnumNames<api::Inconclusive> {
  static constexpr std::array<std::string_view, 3> kNames{"Hold", "Rollback", "Advance"};
};

template <>
struct EnumNames<api::NoDataPolicy> {
  static constexpr std::array<std::string_view, 3> kNames{"Hold", "Rollback", "Ignore"};
};

template <>
struct EnumNames<api::GoldenMetric> {
  static constexpr std::array<std::string_view, 1> kNames{"ndcgAt10"};
};

template <>
struct EnumNames<api::Promotion> {
  static constexpr std::array<std::string_view, 2> kNames{"Automatic", "Manual"};
};

template <>
struct EnumNames<api::RolloutPhase> {
  static constexpr std::array<std::string_view, 11> kNames{"Idle",
                                                           "Pending",
                                                           "Evaluating",
                                                           "Progressing",
                                                           "Paused",
                                                           "Promoting",
                                                           "Promoted",
                                                           "RollingBack",
                                                           "RolledBack",
                                                           "Superseded",
                                                           "Invalid"};
};

template <>
struct EnumNames<api::TrafficMode> {
  static constexpr std::array<std::string_view, 4> kNames{"None", "Shadow", "Split", "Promote"};
};

template <>
struct EnumNames<api::ObjectiveVerdict> {
  static constexpr std::array<std::string_view, 4> kNames{"KeepLooking", "Pass", "Fail", "NoData"};
};

}  // namespace sluice

namespace sluice::api {
namespace {

Field name_field(std::string_view doc) {
  return {.doc = doc, .max_length = 253};
}

Field text_field(std::string_view doc) {
  return {.doc = doc, .max_length = 2048};
}

Field count_field(std::string_view doc) {
  return {.doc = doc, .min = 0};
}

}  // namespace

std::string_view name_of(RolloutPhase phase) {
  return enum_name(phase);
}

template <class Io>
void describe(Io& io, IndexReference& value) {
  io.required("name",
              value.name,
              {.doc = "A RagIndex of this namespace.",
               .min_length = 1,
               .max_length = 40,
               .pattern = "^[a-z]([-a-z0-9]*[a-z0-9])?$"});
}

template <class Io>
void describe(Io&, EvaluateStep&) {}

template <class Io>
void describe(Io& io, ShadowStep& value) {
  io.defaulted("share", value.share, {.doc = "Share of the queries that is copied."});
  io.defaulted("minDuration",
               value.min_duration,
               {.doc = "The step lasts at least this long, whatever the evidence."});
  io.defaulted("maxDuration",
               value.max_duration,
               {.doc = "Without a verdict after this time, analysis.inconclusive decides."});
  io.defaulted(
      "minSamples",
      value.min_samples,
      {.doc = "This many answers must have been compared.", .min = 0, .max = 1'000'000'000});
  io.rule("self.share != '0%' && self.share != '0.0%' && self.share != '0.00%'",
          "share must be above 0%",
          value.share.ten_thousandths > 0);
  io.rule("duration(self.minDuration) <= duration(self.maxDuration)",
          "minDuration must not be above maxDuration",
          value.min_duration <= value.max_duration);
}

template <class Io>
void describe(Io& io, SplitStep& value) {
  io.required("weight", value.weight, {.doc = "The candidate's share of live queries."});
  io.defaulted("minDuration",
               value.min_duration,
               {.doc = "The step lasts at least this long, whatever the evidence."});
  io.defaulted("maxDuration",
               value.max_duration,
               {.doc = "Without a verdict after this time, analysis.inconclusive decides."});
  io.defaulted("minSamples",
               value.min_samples,
               {.doc = "The candidate must have answered this many queries.",
                .min = 0,
                .max = 1'000'000'000});
  io.rule("self.weight != '0%' && self.weight != '0.0%' && self.weight != '0.00%'",
          "weight must be above 0%",
          value.weight.ten_thousandths > 0);
  io.rule("duration(self.minDuration) <= duration(self.maxDuration)",
          "minDuration must not be above maxDuration",
          value.min_duration <= value.max_duration);
}

template <class Io>
void describe(Io& io, PauseStep& value) {
  io.optional("maxDuration",
              value.max_duration,
              {.doc = "Without an approve after this time, analysis.inconclusive decides. Not set: "
                      "it waits for ever."});
  io.rule("!has(self.maxDuration) || duration(self.maxDuration) > duration('0s')",
          "maxDuration must be above 0s",
          !value.max_duration || *value.max_duration > Duration::zero());
}

template <class Io>
void describe(Io& io, Step& value) {
  io.optional("evaluate",
              value.evaluate,
              {.doc = "Judge the candidate on the golden set, before any user sees it."});
  io.optional("shadow",
              value.shadow,
              {.doc = "Copy live queries to the candidate and compare its answers with stable's, "
                      "which users get."});
  io.optional("split", value.split, {.doc = "Give the candidate a share of live queries."});
  io.optional("pause",
              value.pause,
              {.doc = "Wait for a person's approve, at the weight of the steps before. What rolls "
                      "back elsewhere rolls back here too."});
  io.exactly_one();
}

template <class Io>
void describe(Io& io, ErrorRateObjective& value) {
  io.optional("max",
              value.max,
              {.doc = "Share of failed queries that is never acceptable, at most 15%. Not set: "
                      "taken from slo.availability."});
  io.defaulted("worseThanStableBy",
               value.worse_than_stable_by,
               {.doc = "Promotion needs evidence that the candidate fails at most this much more "
                       "than stable."});
  io.optional("rollbackMargin",
              value.rollback_margin,
              {.doc = "Rolled back on evidence that it fails more than stable by more than this. "
                      "Not set: a fifth of worseThanStableBy."});
  io.rule("!has(self.max) || double(self.max.replace('%', '')) <= 15.0",
          "max must be at most 15%",
          !value.max || value.max->ten_thousandths <= 1500);
}

template <class Io>
void describe(Io& io, LatencyObjective& value) {
  io.defaulted("quantile",
               value.quantile,
               {.doc = "Which share of the answers is looked at: 0.95 is the p95.",
                .min = 0.9,
                .max = 0.99});
  io.optional("max",
              value.max,
              {.doc = "Time that the quantile may not exceed, like 300ms. Not set: taken from "
                      "slo.latencyP95 (for a quantile of 0.95)."});
  io.defaulted("worseThanStableBy",
               value.worse_than_stable_by,
               {.doc = "Promotion needs evidence that the candidate is slower than stable by at "
                       "most this share of time. Rolled back on evidence that it is slower by more "
                       "than a fifth of it."});
  io.rule(
      "!has(self.max) || (duration(self.max) >= duration('1ms') && duration(self.max) <= "
      "duration('60s'))",
      "max must be between 1ms and 60s",
      !value.max ||
          (*value.max >= std::chrono::milliseconds(1) && *value.max <= std::chrono::seconds(60)));
  io.rule("!(self.worseThanStableBy in ['0%', '0.0%', '0.00%'])",
          "worseThanStableBy must be above 0%",
          value.worse_than_stable_by.ten_thousandths > 0);
}

template <class Io>
void describe(Io& io, GoldenSetObjective& value) {
  io.defaulted("metric", value.metric, {.doc = "The metric that is compared."});
  io.optional("min", value.min, {.doc = "Floor. Not set: slo.ndcgAt10.", .min = 0, .max = 1});
  io.defaulted(
      "worseThanStableBy",
      value.worse_than_stable_by,
      {.doc = "Passing needs evidence that the candidate's mean is at most this much below "
              "stable's, paired query by query.",
       .min = 0,
       .max = 1});
}

template <class Io>
void describe(Io& io, RankingOverlapObjective& value) {
  io.defaulted(
      "at", value.at, {.doc = "Of how many hits the overlap is taken; 10.", .min = 10, .max = 10});
  io.defaulted(
      "expectEquivalent",
      value.expect_equivalent,
      {.doc = "The candidate is meant to rank as stable does: its overlap with stable must "
              "be at most 0.05 below what two workers of stable have with each other. "
              "Otherwise the overlap is only reported, since a better index ranks "
              "differently."});
}

template <class Io>
void describe(Io& io, Objective& value) {
  io.required("name",
              value.name,
              {.doc = "Names the objective in status and events.",
               .min_length = 1,
               .max_length = 63,
               .pattern = "^[a-z]([-a-z0-9]*[a-z0-9])?$"});
  io.optional(
      "errorRate", value.error_rate, {.doc = "Failed queries, against stable and a limit."});
  io.optional("latency", value.latency, {.doc = "Slow answers, against stable and a limit."});
  io.optional("goldenSet", value.golden_set, {.doc = "Quality on the golden set."});
  io.optional("rankingOverlap",
              value.ranking_overlap,
              {.doc = "Rankings compared query by query, in a shadow step."});
  io.defaulted("onNoData",
               value.on_no_data,
               {.doc = "What analysis.noDataTimeout without data of the candidate means."});
  io.rule(
      "(has(self.errorRate) ? 1 : 0) + (has(self.goldenSet) ? 1 : 0) + "
      "(has(self.latency) ? 1 : 0) + (has(self.rankingOverlap) ? 1 : 0) == 1",
      "exactly one of errorRate, goldenSet, latency, rankingOverlap must be set",
      (value.error_rate ? 1 : 0) + (value.golden_set ? 1 : 0) + (value.latency ? 1 : 0) +
              (value.ranking_overlap ? 1 : 0) ==
          1);
}

template <class Io>
void describe(Io& io, Analysis& value) {
  io.defaulted("block", value.block, {.doc = "Evidence is taken block by block: 5s to 5m."});
  io.defaulted(
      "falseRollbackRate",
      value.false_rollback_rate,
      {.doc = "Probability of rolling back a healthy candidate, over the whole rollout and "
              "all objectives together."});
  io.defaulted("maxDuration", value.max_duration, {.doc = "Of a whole rollout."});
  io.defaulted("inconclusive",
               value.inconclusive,
               {.doc = "When a step runs out of time without a verdict."});
  io.defaulted("noDataTimeout",
               value.no_data_timeout,
               {.doc = "Time without data after which onNoData decides."});
  io.defaulted(
      "objectives",
      value.objectives,
      {.doc = "What is judged. Left out: errorRate, latency and goldenSet from the index's slo.",
       .max_items = 8,
       .map_key = "name"});
  io.rule("duration(self.block) >= duration('5s') && duration(self.block) <= duration('5m')",
          "block must be between 5s and 5m",
          value.block >= std::chrono::seconds(5) && value.block <= std::chrono::minutes(5));
  io.rule(
      "!(self.falseRollbackRate in ['0%', '0.0%', '0.00%']) && "
      "double(self.falseRollbackRate.replace('%', '')) <= 20.0",
      "falseRollbackRate must be above 0% and at most 20%",
      value.false_rollback_rate.ten_thousandths > 0 &&
          value.false_rollback_rate.ten_thousandths <= 2000);
}

template <class Io>
void describe(Io& io, RollbackOptions& value) {
  io.defaulted("within",
               value.within,
               {.doc = "Promised time from a verdict to weight 0 confirmed by every router; longer "
                       "sets the condition TrafficUnconfirmed."});
  io.defaulted(
      "keepCandidateFor",
      value.keep_candidate_for,
      {.doc = "A rolled-back candidate's workers are kept this long, for a look at them."});
}

template <class Io>
void describe(Io& io, CanaryRolloutSpec& value) {
  io.required("indexRef",
              value.index_ref,
              {.doc = "The index whose revisions this policy rolls out.", .immutable = true});
  io.required("steps",
              value.steps,
              {.doc = "Walked in order by every new revision.", .min_items = 1, .max_items = 20});
  io.defaulted("analysis", value.analysis, {.doc = "How a candidate is judged."});
  io.defaulted("rollback", value.rollback, {.doc = "How a candidate is rolled back."});
  io.defaulted(
      "promotion",
      value.promotion,
      {.doc = "After the last step: Automatic makes the candidate stable, Manual waits for "
              "the command promote."});
  io.defaulted(
      "paused",
      value.paused,
      {.doc = "Holds a rollout where it is, at once: no step ends and no weight rises, and "
              "what rolls back still does."});
}

template <class Io>
void describe(Io& io, ResolvedPolicy& value) {
  io.required("steps", value.steps);
  io.defaulted("analysis", value.analysis);
  io.defaulted("rollback", value.rollback);
  io.defaulted("promotion", value.promotion);
}

template <class Io>
void describe(Io& io, DesiredTraffic& value) {
  io.defaulted("indexUID", value.index_uid, name_field("UID of the index it is meant for."));
  io.defaulted("indexGeneration",
               value.index_generation,
               {.doc = "metadata.generation of the index that it is meant for."});
  io.defaulted("candidate", value.candidate, name_field("Revision that it is meant for."));
  io.defaulted("mode", value.mode, {.doc = "None, Shadow, Split or Promote."});
  io.defaulted("weight", value.weight, {.doc = "The candidate's share."});
  io.defaulted(
      "shadowPercent", value.shadow_percent, {.doc = "Share of stable's queries to be copied."});
  io.defaulted("seq", value.seq, {.doc = "Grows with every change."});
}

template <class Io>
void describe(Io& io, Interval& value) {
  io.defaulted("low", value.low);
  io.defaulted("high", value.high);
}

template <class Io>
void describe(Io& io, ObjectiveStatus& value) {
  io.required("name", value.name, name_field("The objective."));
  io.defaulted(
      "stable",
      value.stable,
      {.doc = "Measured on stable; of latencies the share of answers that took too long."});
  io.defaulted("candidate", value.candidate, {.doc = "The same of the candidate."});
  io.defaulted("estimate", value.estimate, {.doc = "Candidate minus stable."});
  io.defaulted("interval", value.interval, {.doc = "95 % interval of the estimate, at any look."});
  io.defaulted("evidence", value.evidence, {.doc = "ln of the e-value against the candidate."});
  io.defaulted("threshold", value.threshold, {.doc = "Evidence at which it is rolled back."});
  io.defaulted("verdict", value.verdict, {.doc = "KeepLooking, Pass, Fail or NoData."});
  io.defaulted("samples", value.samples, count_field("Queries of the candidate."));
  io.defaulted("stableSamples", value.stable_samples, count_field("Queries of stable."));
  io.defaulted("message", value.message, text_field("What is still needed, or why it failed."));
}

template <class Io>
void describe(Io& io, DecisionRecord& value) {
  io.required("at", value.at);
  io.defaulted("candidate", value.candidate, name_field("Whom it judged."));
  io.defaulted("step", value.step);
  io.defaulted("block", value.block);
  io.defaulted("verdict", value.verdict, name_field("What was decided."));
  io.defaulted("reason", value.reason, name_field("One word for programs."));
  io.defaulted("message", value.message, text_field("A sentence for people."));
  io.defaulted(
      "inputs", value.inputs, {.doc = "What it rests on, as JSON text.", .max_length = 8192});
}

template <class Io>
void describe(Io& io, CommandRecord& value) {
  io.defaulted("id", value.id, name_field("The id that the command carried."));
  io.defaulted("verb", value.verb, name_field("approve, promote, pause, resume, abort or retry."));
  io.defaulted("revision", value.revision, name_field("The revision that it names."));
  io.defaulted("result", value.result, text_field("What came of it."));
  io.required("at", value.at);
}

template <class Io>
void describe(Io& io, PauseStatus& value) {
  io.defaulted("command", value.command, name_field("Id of the pause command in force."));
  io.optional("since", value.since, {.doc = "Held by spec.paused or a command since then."});
  io.defaulted("inStep", value.in_step, {.doc = "Held before, in the present step."});
  io.defaulted("inRollout",
               value.in_rollout,
               {.doc = "Held before and spent in pause steps, in this rollout."});
}

template <class Io>
void describe(Io& io, RollbackRecord& value) {
  io.defaulted("revision", value.revision, name_field("Who was rolled back."));
  io.defaulted("objective", value.objective, name_field("The objective that failed."));
  io.defaulted("message", value.message, text_field("Why."));
  io.optional("firstBadAnswerAt",
              value.first_bad_answer_at,
              {.doc = "When a router first saw it fail a query."});
  io.optional("protectedAt",
              value.protected_at,
              {.doc = "When a router's quarantine took its traffic away."});
  io.optional("verdictAt", value.verdict_at, {.doc = "When the evidence was there."});
  io.optional("trafficRestoredAt",
              value.traffic_restored_at,
              {.doc = "When every router had confirmed weight 0."});
}

template <class Io>
void describe(Io& io, RankingAgreement& value) {
  io.defaulted("candidate",
               value.candidate,
               {.doc = "Compared answers by tenths of the first ten hits that are stable's too.",
                .max_items = 11});
  io.defaulted(
      "stable", value.stable, {.doc = "The same of two workers of stable.", .max_items = 11});
  io.defaulted("rboSum", value.rbo_sum, {.doc = "Rank-biased overlap, in ten-thousandths."});
  io.defaulted("incomparable", value.incomparable, {.doc = "Answers that do not name their hits."});
  io.defaulted("dropped", value.dropped, {.doc = "Queries that were not copied."});
}

template <class Io>
void describe(Io& io, EvidenceSnapshot& value) {
  io.defaulted("state",
               value.state,
               {.doc = "Evidence so far and the counters behind it, base64.", .max_length = 65536});
  io.defaulted("block", value.block, {.doc = "Blocks so far."});
  io.optional("blockEndedAt", value.block_ended_at, {.doc = "When the last one ended."});
  io.defaulted("invalidBlocks", value.invalid_blocks, {.doc = "Without usable data, in a row."});
  io.optional("agreement", value.agreement, {.doc = "What the shadow step compared so far."});
}

template <class Io>
void describe(Io& io, CanaryRolloutStatus& value) {
  io.defaulted("observedGeneration",
               value.observed_generation,
               {.doc = "metadata.generation that this status speaks of."});
  io.defaulted("conditions",
               value.conditions,
               {.doc = "Ready, Progressing, Paused, RolledBack and more; see the guide.",
                .max_items = 32,
                .map_key = "type"});
  io.defaulted("phase", value.phase, {.doc = "Where the rollout is."});
  io.defaulted("message", value.message, text_field("What it waits for."));
  io.defaulted("stepIndex", value.step_index, {.doc = "The present step, from 0."});
  io.defaulted("stepCount", value.step_count, {.doc = "Steps in all."});
  io.defaulted("stepSummary", value.step_summary, name_field("The present step, for people."));
  io.optional("startedAt", value.started_at, {.doc = "When this rollout began."});
  io.optional("stepStartedAt",
              value.step_started_at,
              {.doc = "When the present step's traffic was confirmed."});
  io.defaulted("stableRevision", value.stable_revision, name_field("What users get."));
  io.defaulted("candidateRevision", value.candidate_revision, name_field("What is being tried."));
  io.defaulted("candidateConfig",
               value.candidate_config,
               name_field("Hash of its config, known before it has a name."));
  io.optional("candidateSince", value.candidate_since, {.doc = "When the index first saw it."});
  io.defaulted("desiredWeight", value.desired_weight, {.doc = "The candidate's share, as asked."});
  io.defaulted("observedWeight",
               value.observed_weight,
               {.doc = "The candidate's share, as every router confirmed it."});
  io.defaulted("weightSummary", value.weight_summary, name_field("Observed/desired."));
  io.defaulted("verdict", value.verdict, text_field("One line."));
  io.defaulted("desired", value.desired, {.doc = "What the index is asked to do."});
  io.defaulted("objectives",
               value.objectives,
               {.doc = "Each objective as it stands.", .max_items = 8, .map_key = "name"});
  io.defaulted(
      "decisions", value.decisions, {.doc = "The last ten, newest first.", .max_items = 10});
  io.defaulted("policyRevision",
               value.policy_revision,
               name_field("ControllerRevision with the policy of this rollout."));
  io.defaulted("indexUID", value.index_uid, name_field("UID of the index."));
  io.optional("lastCommand", value.last_command, {.doc = "The last command handled."});
  io.optional("pause", value.pause, {.doc = "How long a person has held this rollout."});
  io.optional("lastRollback", value.last_rollback, {.doc = "The last rollback, with its times."});
  io.optional("evidence", value.evidence, {.doc = "What a restart of the operator goes on from."});
  io.optional("candidateRetiredAt",
              value.candidate_retired_at,
              {.doc = "When the candidate lost its traffic for good."});
}

template <class Io>
void describe(Io& io, CanaryRollout& value) {
  io.defaulted("metadata", value.metadata);
  io.required("spec", value.spec, {.doc = "How new revisions reach users."});
  io.defaulted("status", value.status, {.doc = "How the present one fares, written by Sluice."});
}

SLUICE_DESCRIBED(CanaryRolloutSpec);
SLUICE_DESCRIBED(CanaryRolloutStatus);
SLUICE_DESCRIBED(CanaryRollout);
SLUICE_DESCRIBED(RankingAgreement);
SLUICE_DESCRIBED(ResolvedPolicy);

}  // namespace sluice::api
