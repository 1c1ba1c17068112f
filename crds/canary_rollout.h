#pragma once
// CanaryRollout: how any new revision of a RagIndex reaches users, how it is judged, and when it is
// rolled back. A standing policy. The struct is the schema (base/describe.h); docs, defaults and
// bounds stand in canary_rollout.cc.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apiclient/types/meta.h"
#include "base/field.h"

namespace sluice::api {

enum class Inconclusive { kHold, kRollback, kAdvance };
enum class NoDataPolicy { kHold, kRollback, kIgnore };
enum class GoldenMetric { kNdcgAt10 };
enum class Promotion { kAutomatic, kManual };

struct IndexReference {
  std::string name = {};
  bool operator==(const IndexReference&) const = default;
};

struct EvaluateStep {
  bool operator==(const EvaluateStep&) const = default;
};

// Copies of stable's queries for the candidate; users see stable.
struct ShadowStep {
  Share share = kWhole;
  Duration min_duration = std::chrono::minutes(5);
  Duration max_duration = std::chrono::minutes(30);
  std::int32_t min_samples = 500;
  bool operator==(const ShadowStep&) const = default;
};

// Users who are to see one revision, whatever they ask.
struct StickyBy {
  std::string header = {};  // Names the user.
  bool operator==(const StickyBy&) const = default;
};

struct SplitStep {
  Share weight = {};
  Duration min_duration = std::chrono::minutes(5);
  Duration max_duration = std::chrono::minutes(30);
  std::int32_t min_samples = 0;
  std::optional<StickyBy> sticky_by = {};  // Not set: the weight is of queries.
  bool operator==(const SplitStep&) const = default;
};

// Waits for a person's approve, at the weight of the steps before.
struct PauseStep {
  std::optional<Duration> max_duration = {};  // Not set: for ever.
  bool operator==(const PauseStep&) const = default;
};

// Exactly one member is set.
struct Step {
  std::optional<EvaluateStep> evaluate = {};
  std::optional<ShadowStep> shadow = {};
  std::optional<SplitStep> split = {};
  std::optional<PauseStep> pause = {};
  bool operator==(const Step&) const = default;
};

struct ErrorRateObjective {
  std::optional<Share> max = {};  // Not set: 1 - slo.availability; neither set: no absolute test.
  Share worse_than_stable_by = Share{50};
  std::optional<Share> rollback_margin = {};  // Not set: a fifth of worse_than_stable_by.
  bool operator==(const ErrorRateObjective&) const = default;
};

struct LatencyObjective {
  double quantile = 0.95;
  std::optional<Duration> max = {};  // Not set: slo.latencyP95; neither set: no absolute test.
  Share worse_than_stable_by = Share{2000};  // Of time.
  bool operator==(const LatencyObjective&) const = default;
};

struct GoldenSetObjective {
  GoldenMetric metric = GoldenMetric::kNdcgAt10;
  std::optional<double> min = {};  // Not set: slo.ndcgAt10; neither set: no floor.
  double worse_than_stable_by = 0.02;
  bool operator==(const GoldenSetObjective&) const = default;
};

// How far candidate and stable name the same hits for the same query.
struct RankingOverlapObjective {
  std::int32_t at = 10;
  bool expect_equivalent = false;  // Gates; else it is only reported.
  bool operator==(const RankingOverlapObjective&) const = default;
};

// Exactly one of the kinds is set.
struct Objective {
  std::string name = {};
  std::optional<ErrorRateObjective> error_rate = {};
  std::optional<LatencyObjective> latency = {};
  std::optional<GoldenSetObjective> golden_set = {};
  std::optional<RankingOverlapObjective> ranking_overlap = {};
  NoDataPolicy on_no_data = NoDataPolicy::kHold;
  bool operator==(const Objective&) const = default;
};

struct Analysis {
  Duration block = std::chrono::seconds(10);
  Share false_rollback_rate = Share{100};
  Duration max_duration = std::chrono::hours(24);
  Inconclusive inconclusive = Inconclusive::kHold;
  Duration no_data_timeout = std::chrono::minutes(10);
  std::vector<Objective> objectives = {};
  bool operator==(const Analysis&) const = default;
};

struct RollbackOptions {
  Duration within = std::chrono::seconds(5);
  Duration keep_candidate_for = std::chrono::minutes(10);
  // After the promotion the old stable keeps its workers and a few users for so long, and takes all
  // back if the new one turns out worse. 0: it goes at once.
  Duration watch_after_promotion = {};
  // Revisions before stable whose artefacts are kept. Counts at once: it judges nobody.
  std::int32_t retain_revisions = 2;
  bool operator==(const RollbackOptions&) const = default;
};

struct CanaryRolloutSpec {
  IndexReference index_ref = {};
  std::vector<Step> steps = {};
  Analysis analysis = {};
  RollbackOptions rollback = {};
  Promotion promotion = Promotion::kAutomatic;
  bool paused = false;  // Counts at once, unlike all else here.
  bool operator==(const CanaryRolloutSpec&) const = default;
};

// The policy of one rollout, resolved at its start and kept in a ControllerRevision: later edits of
// the spec, of the slo and of the defaults count for the next rollout only.
struct ResolvedPolicy {
  std::vector<Step> steps = {};
  Analysis analysis = {};  // Objectives complete: filled from the slo.
  RollbackOptions rollback = {};
  Promotion promotion = Promotion::kAutomatic;
  bool operator==(const ResolvedPolicy&) const = default;
};

enum class RolloutPhase {
  kIdle,        // No candidate, nothing decided yet.
  kPending,     // A candidate exists and is not built yet, or waits for something named in message.
  kEvaluating,  // In an evaluate step.
  kProgressing,  // In a shadow or split step.
  kPaused,       // In a pause step, or past the last step of a policy with manual promotion.
  kPromoting,    // All steps passed; the index moves its stable role.
  kWatching,     // It is stable, and the old stable keeps a few users as the control.
  kPromoted,
  kRollingBack,  // Weight 0 is asked for and not yet confirmed.
  kRolledBack,
  kSuperseded,  // The spec moved on, or went back to stable's; the candidate was let go unjudged.
  kInvalid,     // The policy cannot be used; the message says why.
};

// As the status spells it.
[[nodiscard]] std::string_view name_of(RolloutPhase phase);

enum class TrafficMode { kNone, kShadow, kSplit, kPromote };

// What the RagIndex controller is asked to do. Written before anything is done.
struct DesiredTraffic {
  std::string index_uid = {};
  std::int64_t index_generation = 0;
  std::string candidate = {};
  TrafficMode mode = TrafficMode::kNone;
  Share weight = {};
  Share shadow_percent = {};                      // Of stable's queries, in mode Shadow.
  std::int64_t seq = 0;                           // Grows with every change.
  std::optional<std::string> sticky_header = {};  // In mode Split: the weight is of users.
  bool operator==(const DesiredTraffic&) const = default;
};

struct Interval {
  double low = 0;
  double high = 0;
  bool operator==(const Interval&) const = default;
};

enum class ObjectiveVerdict { kKeepLooking, kPass, kFail, kNoData };

struct ObjectiveStatus {
  std::string name = {};
  double stable = 0;
  double candidate = 0;
  double estimate = 0;  // Candidate minus stable, in the objective's own unit.
  Interval interval = {};
  double evidence = 0;   // ln E against the candidate; rolled back at `threshold`.
  double threshold = 0;  // ln(1 / falseRollbackRate).
  ObjectiveVerdict verdict = ObjectiveVerdict::kKeepLooking;
  std::int64_t samples = 0;  // Of the candidate.
  std::int64_t stable_samples = 0;
  std::string message = {};  // Requests and time still needed, or why it failed.
  bool operator==(const ObjectiveStatus&) const = default;
};

// One verdict with what it rests on. The same inputs give the same verdict again.
struct DecisionRecord {
  WallTime at = {};
  std::string candidate = {};
  std::int32_t step = 0;
  std::int64_t block = 0;
  std::string verdict = {};  // RolledBack, Advanced, Promoted, Held, Refused, Superseded.
  std::string reason = {};   // One CamelCase word.
  std::string message = {};
  std::string inputs = {};  // Compact JSON: counts, weights, margins, evidence.
  bool operator==(const DecisionRecord&) const = default;
};

struct CommandRecord {
  std::string id = {};
  std::string verb = {};
  std::string revision = {};
  std::string result = {};  // "accepted: …" or "refused: …".
  WallTime at = {};
  bool operator==(const CommandRecord&) const = default;
};

// What a person holds. None of this time counts for a limit of the step or the rollout.
struct PauseStatus {
  std::string command = {};            // Id of the pause command that no resume has ended yet.
  std::optional<WallTime> since = {};  // Held by spec.paused or that command since then.
  Duration in_step = {};               // Held before that, in the present step.
  Duration in_rollout = {};            // The same in this rollout, and spent in pause steps.
  bool operator==(const PauseStatus&) const = default;
};

struct RollbackRecord {
  std::string revision = {};
  std::string objective = {};
  std::string message = {};
  std::optional<WallTime> first_bad_answer_at = {};
  std::optional<WallTime> protected_at = {};  // When a router's quarantine began.
  std::optional<WallTime> verdict_at = {};
  std::optional<WallTime> traffic_restored_at = {};  // When all routers confirmed weight 0.
  bool operator==(const RollbackRecord&) const = default;
};

// What a shadow step's comparisons say of the rankings: histograms of the hits shared among the
// first ten, by tenths. Empty or eleven numbers.
struct RankingAgreement {
  std::vector<std::int64_t> candidate = {};  // With stable.
  std::vector<std::int64_t> stable = {};     // Another worker of stable with stable.
  std::int64_t rbo_sum = 0;                  // Of the candidate's, in ten-thousandths.
  std::int64_t incomparable = 0;             // Answers that do not name their hits.
  std::int64_t dropped = 0;                  // Queries that were not copied.
  bool operator==(const RankingAgreement&) const = default;
};

// The evidence so far and the counters it was computed from: one text in one write, so that no
// request is counted twice or lost when the operator dies.
struct EvidenceSnapshot {
  std::string state = {};  // analysis::State, base64; the ledger of counters is part of it.
  std::int64_t block = 0;
  std::optional<WallTime> block_ended_at = {};
  std::int32_t invalid_blocks = 0;  // In a row, up to now.
  std::optional<RankingAgreement> agreement = {};
  bool operator==(const EvidenceSnapshot&) const = default;
};

struct CanaryRolloutStatus {
  std::int64_t observed_generation = 0;
  std::vector<kube::Condition> conditions = {};
  RolloutPhase phase = RolloutPhase::kIdle;
  std::string message = {};
  std::int32_t step_index = 0;
  std::int32_t step_count = 0;
  std::string step_summary = {};  // "2/3 split 10%", for people.
  std::optional<WallTime> started_at = {};
  std::optional<WallTime> step_started_at = {};  // When the step's traffic was confirmed.
  std::string stable_revision = {};  // Whom it is compared with: while Watching the old stable.
  std::string candidate_revision = {};
  // With candidate_since what tells this candidate from one that came before or after it: a retry
  // has the same revision again, and while it is being built it has no revision yet.
  std::string candidate_config = {};  // RagIndex.status.candidate.configHash.
  std::optional<WallTime> candidate_since = {};
  Share desired_weight = {};
  Share observed_weight = {};
  std::string weight_summary = {};  // "10%/10%": observed/desired.
  std::string verdict = {};         // One line for `kubectl get`.
  DesiredTraffic desired = {};
  std::vector<ObjectiveStatus> objectives = {};
  std::vector<DecisionRecord> decisions = {};  // The last ten, newest first.
  std::string policy_revision = {};
  std::string index_uid = {};
  std::optional<CommandRecord> last_command = {};
  std::optional<PauseStatus> pause = {};
  std::optional<RollbackRecord> last_rollback = {};
  std::optional<EvidenceSnapshot> evidence = {};
  std::optional<WallTime> candidate_retired_at = {};
  bool operator==(const CanaryRolloutStatus&) const = default;
};

struct CanaryRollout {
  kube::ObjectMeta metadata = {};
  CanaryRolloutSpec spec = {};
  CanaryRolloutStatus status = {};
  bool operator==(const CanaryRollout&) const = default;
};

template <class Io>
void describe(Io& io, CanaryRolloutSpec& value);
template <class Io>
void describe(Io& io, CanaryRolloutStatus& value);
template <class Io>
void describe(Io& io, CanaryRollout& value);
template <class Io>
void describe(Io& io, RankingAgreement& value);
template <class Io>
void describe(Io& io, ResolvedPolicy& value);

}  // namespace sluice::api
