// The status of a CanaryRollout: what was decided, on what evidence, and what is asked of the
// index.

#include "base/describe.h"
#include "crds/canary_rollout.h"
#include "crds/status_fields.h"

namespace sluice {

template <>
struct EnumNames<api::RolloutPhase> {
  static constexpr std::array<std::string_view, 12> kNames{"Idle",
                                                           "Pending",
                                                           "Evaluating",
                                                           "Progressing",
                                                           "Paused",
                                                           "Promoting",
                                                           "Watching",
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

Field text_field(std::string_view doc) {
  return {.doc = doc, .max_length = 2048};
}

}  // namespace

std::string_view name_of(RolloutPhase phase) {
  return enum_name(phase);
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
  io.optional(
      "stickyHeader",
      value.sticky_header,
      {.doc = "Header that names the users of whom weight is the share.", .max_length = 64});
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
  io.defaulted("stableRevision",
               value.stable_revision,
               name_field("The revision it is compared with; while Watching the old stable."));
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

SLUICE_DESCRIBED(CanaryRolloutStatus);
SLUICE_DESCRIBED(RankingAgreement);

}  // namespace sluice::api
