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

}  // namespace sluice

namespace sluice::api {
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

// Of a shadow or split step.
template <class Io, class Timed>
void describe_times(Io& io, Timed& value) {
  io.defaulted("minDuration",
               value.min_duration,
               {.doc = "The step lasts at least this long, whatever the evidence."});
  io.defaulted("maxDuration",
               value.max_duration,
               {.doc = "Without a verdict after this time, analysis.inconclusive decides."});
}

template <class Io, class Timed>
void require_time_order(Io& io, const Timed& value) {
  io.rule("duration(self.minDuration) <= duration(self.maxDuration)",
          "minDuration must not be above maxDuration",
          value.min_duration <= value.max_duration);
}

template <class Io>
void describe(Io& io, ShadowStep& value) {
  io.defaulted("share", value.share, {.doc = "Share of the queries that is copied."});
  describe_times(io, value);
  io.defaulted(
      "minSamples",
      value.min_samples,
      {.doc = "This many answers must have been compared.", .min = 0, .max = 1'000'000'000});
  io.rule("self.share != '0%' && self.share != '0.0%' && self.share != '0.00%'",
          "share must be above 0%",
          value.share.ten_thousandths > 0);
  require_time_order(io, value);
}

template <class Io>
void describe(Io& io, StickyBy& value) {
  io.required("header",
              value.header,
              {.doc = "Request header that names the user, like X-User-Id. A query without it, or "
                      "with more than 256 bytes in it, is given to either revision by chance.",
               .min_length = 1,
               .max_length = 64,
               .pattern = "^[A-Za-z][-A-Za-z0-9]*$"});
}

template <class Io>
void describe(Io& io, SplitStep& value) {
  io.required("weight", value.weight, {.doc = "The candidate's share of live queries."});
  describe_times(io, value);
  io.defaulted("minSamples",
               value.min_samples,
               {.doc = "The candidate must have answered this many queries.",
                .min = 0,
                .max = 1'000'000'000});
  io.optional("stickyBy",
              value.sticky_by,
              {.doc = "Gives the candidate its share of the users, and each user one revision for "
                      "as long as the weight does not fall. Not set: its share of the queries."});
  io.rule("self.weight != '0%' && self.weight != '0.0%' && self.weight != '0.00%'",
          "weight must be above 0%",
          value.weight.ten_thousandths > 0);
  require_time_order(io, value);
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
  io.defaulted(
      "watchAfterPromotion",
      value.watch_after_promotion,
      {.doc = "After a promotion the old stable keeps its workers and 5% of the users for this "
              "long, and takes all back, without a build, if the new one turns out worse. 0s: it "
              "goes at once."});
  io.defaulted(
      "retainRevisions",
      value.retain_revisions,
      {.doc = "How many promoted revisions before stable are kept with their artefacts, so "
              "that going back to one needs no build. 0: none, and no pod that holds them.",
       .min = 0,
       .max = 10});
  io.rule("duration(self.watchAfterPromotion) <= duration('168h')",
          "watchAfterPromotion must be at most 168h",
          value.watch_after_promotion <= std::chrono::hours(168));
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
void describe(Io& io, CanaryRollout& value) {
  io.defaulted("metadata", value.metadata);
  io.required("spec", value.spec, {.doc = "How new revisions reach users."});
  io.defaulted("status", value.status, {.doc = "How the present one fares, written by Sluice."});
}

SLUICE_DESCRIBED(CanaryRolloutSpec);
SLUICE_DESCRIBED(CanaryRollout);
SLUICE_DESCRIBED(ResolvedPolicy);

}  // namespace sluice::api
