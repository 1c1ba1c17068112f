#pragma once
// Turn: one call of decide() under way. Internal to the core. The parts read `seen` and change
// `decision`; what several of them need stands here.

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "controllers/rag_index/decision.h"
#include "controllers/rag_index/observation.h"
#include "controllers/rag_index/render.h"

namespace sluice::rag_index {

// What the index waits for or suffers from; decides the conditions. Set by the part that finds it.
struct Outcome {
  std::string reason = {};  // Empty: nothing keeps it from Ready.
  std::string message = {};
  bool is_stalled = false;  // It will not go on by itself.
};

// A revision that is being rejected, and why.
struct Rejection {
  std::string revision = {};
  std::string message = {};
};

struct Turn {
  const Observation& seen;
  WallTime now;     // As fine as the clock: for measured times and for telling candidates apart.
  WallTime second;  // Cut to seconds: for conditions.
  Decision decision = {};
  // The attached CanaryRollout; null when there is none.
  const api::CanaryRollout* rollout = nullptr;
  bool is_policy_lost = false;       // status.policyUID names one that is gone.
  const Revision* stable = nullptr;  // Of status.stableRevision; null: none, or its record is lost.
  api::RevisionConfig wanted = {};
  Outcome model_trouble = {};  // Why nothing is built with the model that the spec names.
  Outcome outcome = {};
  std::optional<Rejection> rejection = {};
  bool is_returning = false;  // From the present stable, while it is watched, to the previous one.
  const Revision* retried = nullptr;          // A rejected one that a person asked to try again.
  std::string lost = {};                      // Why a revision's artefacts cannot be had any more.
  std::optional<WallTime> manual_until = {};  // The route is a person's until then.

  [[nodiscard]] api::RagIndexStatus& status() { return decision.status; }

  [[nodiscard]] const api::RagIndexStatus& status() const { return decision.status; }

  [[nodiscard]] const api::RagIndex& index() const { return seen.index; }

  [[nodiscard]] const api::RagIndexSpec& spec() const { return seen.index.spec; }

  // Null when there is none.
  [[nodiscard]] api::CandidateStatus* candidate();
  [[nodiscard]] const api::CandidateStatus* candidate() const;

  [[nodiscard]] bool has_stable() const { return !status().stable_revision.empty(); }

  [[nodiscard]] bool is_suspended() const { return spec().serving.replicas == 0; }

  // A candidate would be judged by a CanaryRollout: not the first revision, not Direct.
  [[nodiscard]] bool is_judged() const {
    return has_stable() && spec().changeover == api::Changeover::kRollout;
  }
};

// Applies what differs from what was applied last: `known` is the object's metadata, or null.
void apply(Turn& turn, Manifest manifest, const kube::ObjectMeta* known);
void remove(Turn& turn, const kube::ResourceKind& kind, const kube::ObjectMeta& known);
// Applies what is known by its name alone: Services, budgets, accounts and the like.
void keep(Turn& turn, Manifest manifest);
// A PodDisruptionBudget from two pods on: of a single one it would only forbid to drain its node.
void keep_budget(Turn& turn, Manifest budget, std::int32_t pods);
void announce(Turn& turn, bool is_warning, std::string_view reason, std::string note);
// Look again no later than in `delay` (never sooner than 50 ms).
void look_again_in(Turn& turn, Duration delay);
// The first to speak wins.
void hold(Turn& turn, bool is_stalled, std::string_view reason, std::string_view message);
// A condition of the index, of this generation; the message is bounded.
void set_condition(Turn& turn,
                   std::string_view type,
                   kube::ConditionStatus status,
                   const Outcome& why);
void set_condition(Turn& turn, std::string_view type, bool is_true, const Outcome& why);
// At most 2,000 bytes, cut between characters: the schema bounds what is stored.
[[nodiscard]] std::string bounded(std::string_view text);

// The candidate as the attached rollout knows it: the rollout's status speaks of this very one.
[[nodiscard]] bool is_judging_candidate(const Turn& turn);
// Why the attached rollout decided against this revision, in its own words.
[[nodiscard]] std::string verdict_of(const Turn& turn, const std::string& revision);
// The attached rollout has decided against the present candidate.
[[nodiscard]] bool is_rolled_back(const Turn& turn);
// What the attached rollout asks for, as far as it may be obeyed: else mode None.
[[nodiscard]] api::DesiredTraffic obeyed(const Turn& turn);
// How long the workers of a rejected revision are kept.
[[nodiscard]] Duration keep_candidate_for(const Turn& turn);
// The resolved policy of the rollout in progress; null when it is not in the cache.
[[nodiscard]] const api::ResolvedPolicy* policy_of(const Turn& turn);

// A revision's source with the credentials that the spec names now, if both are the same URL: they
// are no part of what the documents are, and a Secret may be replaced by another.
[[nodiscard]] api::DocumentSource present_source(const Turn& turn, api::DocumentSource stored);

// Documents' digest of stable; empty when there is no stable or it is not known.
[[nodiscard]] std::string stable_documents(const Turn& turn);
// Of the candidate: its own new ones, else stable's.
[[nodiscard]] std::string candidate_documents(const Turn& turn);
// Of the candidate: stable's where its documents are new, else the one that the spec asks for.
[[nodiscard]] const api::RevisionConfig& candidate_config(const Turn& turn);
// Stable's record is there and has the config that the spec asks for now.
[[nodiscard]] bool is_stable_wanted(const Turn& turn);
// No other config is on its way: stable has it, or it was rejected and nobody asks for it again.
[[nodiscard]] bool is_config_settled(const Turn& turn);
// The candidate is one that the spec asks for now.
[[nodiscard]] bool is_candidate_wanted(const Turn& turn);
// The revision of a config and documents; null when there is none.
[[nodiscard]] const Revision* find_pair(const Turn& turn,
                                        const api::RevisionConfig& config,
                                        const std::string& documents);
// What was rejected of the wanted config, so that it is not tried again; null: nothing.
[[nodiscard]] const Revision* find_rejected_config(const Turn& turn);
// A person asked, by a command that was accepted, to try this rejected revision again.
[[nodiscard]] bool is_retry_asked(const Turn& turn, const Revision& rejected);
// Fills in what all candidates have and tells people.
void begin_candidate(Turn& turn, api::CandidateStatus candidate);

// Where the words of this digest are: in the ModelVersion, or kept with a revision; nothing when
// they are nowhere any more.
[[nodiscard]] std::optional<api::AnalyzerRecord> find_words(const Turn& turn,
                                                            const std::string& digest);
// Which gate of its model a build misses on this index; empty when it misses none.
[[nodiscard]] std::string below_gates(const Turn& turn, const api::RevisionFacts& facts);
void set_model_condition(Turn& turn);

// Where a revision's artefacts are beside its workers and builders (retention.cc).
enum class Keeping {
  kNot,     // Nowhere, for all that can be known.
  kComing,  // A holder is asked for them and has not said yet what it has.
  kHeld,    // On a ready holder, read through and sound.
};
[[nodiscard]] Keeping keeping_of(const Turn& turn, const std::string& revision);
// Artefacts are to be on a volume, too.
[[nodiscard]] bool is_durable(const Turn& turn);
// The workers of a revision that should go stay until the holder has what it is asked for.
[[nodiscard]] bool is_awaited_by_holder(const Turn& turn, const std::string& revision);
// The revision was to be kept, and nobody has its artefacts any more.
[[nodiscard]] bool is_dropped(const Turn& turn, const Revision& revision);
// Promoted before stable, and within what the policy keeps.
[[nodiscard]] bool is_retained(const Turn& turn, const Revision& revision);
// At least two ready workers, or all of one: enough to do without a builder.
[[nodiscard]] bool has_enough_workers(const Turn& turn, const std::string& revision);
// ArtifactDurable and Lost.
void set_artifact_conditions(Turn& turn);
// What was lost stays lost until somebody holds it again, also while it is being built.
void recall_loss(Turn& turn);
// The pod that looks at spec.source, or would; empty while none may.
[[nodiscard]] std::string look_pod(const Turn& turn);
// The spec went back to the source of stable while documents of another are tried.
[[nodiscard]] bool is_source_reverted(const Turn& turn);
// Why the build's count of documents is not believed; empty when it is.
[[nodiscard]] std::string count_trouble(const Turn& turn, const api::RevisionFacts& facts);
// The build of new documents failed where no rollout judges: they are looked at again later.
void note_failed_build(Turn& turn);
// The condition DocumentsCurrent; what of it keeps the index from Ready.
void explain_documents(Turn& turn);

// Those that may have workers and need holders; facts and record of one that has.
struct Fleet {
  std::string revision = {};
  api::RevisionConfig config = {};
  api::DocumentSource source = {};
  api::RevisionFacts facts = {};
  bool is_stable = false;  // As large as stable: so is the previous one.
};

// Stable, the previous stable while that is kept, and the candidate once it is built.
[[nodiscard]] std::vector<Fleet> fleets(const Turn& turn);
// The revision's pods are to have the token: those of an operator that knew none go on without.
[[nodiscard]] bool has_token(const Turn& turn, std::string_view revision);
// Workers that the candidate needs for this share of the traffic; the whole: as many as stable.
[[nodiscard]] std::int32_t workers_for(const Turn& turn, Share share);

// What a candidate gets of the queries.
struct TrafficShares {
  Share weight = {};                              // Of the live ones.
  Share shadow = {};                              // Of stable's: copies.
  std::optional<std::string> sticky_header = {};  // The weight is of users, whom it names.
  bool operator==(const TrafficShares&) const = default;

  // What its workers have to carry.
  [[nodiscard]] Share load() const { return std::max(weight, shadow); }
};

// What the candidate should get now: of what is asked, if it may be obeyed.
[[nodiscard]] TrafficShares asked_shares(const Turn& turn);
[[nodiscard]] TrafficShares shares_of(const api::RouteStatus& route);
// Of the present table.
[[nodiscard]] TrafficShares present_shares(const Turn& turn);

// The revision was stable before the present one and is kept beside it.
[[nodiscard]] bool is_previous(const Turn& turn, std::string_view revision);
// What the present stable gets while it is watched. Needs the attached rollout.
[[nodiscard]] TrafficShares watched_shares(const Turn& turn);
// Notes the present stable as the previous one where the policy asks for a watch: part of the write
// that commits to `promoted`.
void begin_watch(Turn& turn, const api::CandidateStatus& promoted);

// The route names no candidate, and all routers confirm that.
[[nodiscard]] bool is_traffic_off(const Turn& turn);
// The revision is in the table that was written last, or the table is not confirmed yet.
[[nodiscard]] bool may_have_traffic(const Turn& turn, std::string_view revision);

// The parts, in the order in which decide() calls them.
void attach_policy(Turn& turn);      // attach.cc
void recover_status(Turn& turn);     // recover.cc
void keep_token(Turn& turn);         // token.cc
void resolve_model(Turn& turn);      // models.cc: stop words and synonyms
void follow_watch(Turn& turn);       // watch.cc: the old stable beside a new one
void choose_candidate(Turn& turn);   // candidate.cc
void look_at_documents(Turn& turn);  // documents.cc: new documents under stable's config
void build_candidate(Turn& turn);    // build.cc
void settle_candidate(Turn& turn);   // settle.cc: reject, promote
void settle_watch(Turn& turn);       // watch.cc: return
void direct_traffic(Turn& turn);     // traffic.cc
void keep_revisions(Turn& turn);     // revisions.cc: roles, verdicts, history
void keep_workers(Turn& turn);       // workers.cc
void keep_holders(Turn& turn);       // holders.cc: builders that hold artefacts
void keep_retained(Turn& turn);      // retention.cc: the pod that holds what has no workers
void keep_router(Turn& turn);        // router.cc
void conclude(Turn& turn);           // conclude.cc: conditions and summary
void plan_scrapes(Turn& turn);       // plan.cc

}  // namespace sluice::rag_index
