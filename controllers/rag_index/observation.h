#pragma once
// Observation: all that one decision about a RagIndex may look at, by value. Its parts may be of
// different ages and older than our own last write; decide() is harmless on such input.

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apiclient/types/apps.h"
#include "apiclient/types/core.h"
#include "apiclient/types/meta.h"
#include "controllers/scrape/report_store.h"
#include "controllers/scrape/sample_store.h"
#include "crds/canary_rollout.h"
#include "crds/model_version.h"
#include "crds/names.h"
#include "crds/rag_index.h"

namespace sluice::rag_index {

// What we note on ControllerRevisions beside api::kFactsAnnotation and api::kRejectionAnnotation.
inline constexpr std::string_view kRoleStable = "stable";
inline constexpr std::string_view kRoleCandidate = "candidate";
inline constexpr std::string_view kRoleRetired = "retired";
inline constexpr std::string_view kVerdictRejected = "rejected";
inline constexpr std::string_view kVerdictPromoted = "promoted";
// When the revision was rejected; its workers are kept for a while from then on.
inline constexpr std::string_view kRejectedAtAnnotation = "sluice.dev/rejected-at";
// Id of the last retry command that this revision has seen.
inline constexpr std::string_view kRetriedAnnotation = "sluice.dev/retried";
// CandidateStatus::attempt when it was last the candidate.
inline constexpr std::string_view kAttemptAnnotation = "sluice.dev/attempt";
// On everything we apply: a hash of what was applied.
inline constexpr std::string_view kAppliedAnnotation = "sluice.dev/applied";
// On worker Deployments: the resources in their template (Resources as JSON).
inline constexpr std::string_view kResourcesAnnotation = "sluice.dev/resources";
// Likewise the PodTemplate; absent where there is none.
inline constexpr std::string_view kPodTemplateAnnotation = "sluice.dev/pod-template";
// Likewise the golden set (HttpSource) whose authorization they mount; absent where there is none.
inline constexpr std::string_view kGoldenSetAnnotation = "sluice.dev/golden-set";
// Likewise, that the pods have the token. One that was made without it stays so: putting it in
// would restart its workers when the operator is upgraded.
inline constexpr std::string_view kTokenAnnotation = "sluice.dev/token";

// On the holder's Deployment and its pods: names of the revisions that they are asked to hold.
inline constexpr std::string_view kHoldsAnnotation = "sluice.dev/holds";
// On a pod of a holder: which Deployment's it is. Several may be there for a while.
inline constexpr std::string_view kHolderLabel = "sluice.dev/holder";
// On a ControllerRevision that was to be kept: when it was found that nobody holds its artefacts.
inline constexpr std::string_view kLostAtAnnotation = "sluice.dev/lost-at";

// A ControllerRevision that holds a RevisionRecord.
struct Revision {
  kube::ObjectMeta metadata = {};
  std::string data = {};    // The record as stored, JSON.
  std::int64_t number = 0;  // Grows with each revision of the index.
  api::RevisionRecord record = {};
  std::optional<api::RevisionFacts> facts = {};

  [[nodiscard]] const std::string& name() const { return metadata.name; }

  [[nodiscard]] bool is_rejected() const {
    return metadata.label(api::kVerdictLabel) == kVerdictRejected;
  }
};

// Kinds of which only the metadata is read.
inline constexpr std::array<kube::ResourceKind, 6> kOtherKinds{kube::kServiceKind,
                                                               kube::kServiceAccountKind,
                                                               kube::kRoleKind,
                                                               kube::kRoleBindingKind,
                                                               kube::kPodDisruptionBudgetKind,
                                                               kube::kNetworkPolicyKind};

// An object of one of those kinds.
struct OwnedObject {
  kube::ResourceKind kind = {};
  kube::ObjectMeta metadata = {};
};

// What the operator was started with.
struct Settings {
  std::string image = {};           // Its own: of routers, and of the workers of first revisions.
  std::string namespace_name = {};  // Its own; empty: it runs in no namespace.
};

struct Observation {
  api::RagIndex index = {};
  // Those whose indexRef names this index.
  std::vector<api::CanaryRollout> rollouts = {};
  // With this index's label: only ours, or nobody's.
  std::vector<Revision> revisions = {};
  std::map<std::string, api::ResolvedPolicy> policies = {};  // By ControllerRevision name.
  std::vector<kube::Deployment> deployments = {};
  std::vector<kube::Pod> pods = {};
  std::vector<OwnedObject> others = {};
  std::optional<kube::ConfigMap> route = {};
  std::optional<api::ModelVersion> model = {};  // The one that the spec names.
  bool are_models_known = true;                 // Else there may be one that is not seen yet.
  std::map<std::string, scrape::ReportSample> reports = {};  // By UID of a builder or a holder.
  std::vector<scrape::RouterSample> samples = {};
  // sha256 of the golden set on which stable's workers have evaluated it again; empty while there
  // are no such results.
  std::string stable_golden_again = {};
  std::string token = {};     // Made from the operator's key and the index's UID.
  bool is_token_due = false;  // Its Secret is to be applied, for all that we know.
  Settings settings = {};
};

// Sorts a ControllerRevision with our index label into the observation: a revision, a policy, or
// nothing of ours (owned by an index of another UID, or unreadable).
void add_revision(Observation& seen, const kube::ControllerRevision& revision);

// The golden set that the spec names now; null when it names none.
[[nodiscard]] const api::HttpSource* golden_set_of(const api::RagIndexSpec& spec);

// The objects are looked up by name; null when there is none.
[[nodiscard]] const Revision* find_revision(const Observation& seen, std::string_view name);
[[nodiscard]] const kube::Deployment* find_deployment(const Observation& seen,
                                                      std::string_view name);
[[nodiscard]] const kube::Pod* find_pod(const Observation& seen, std::string_view name);
[[nodiscard]] const OwnedObject* find_other(const Observation& seen,
                                            const kube::ResourceKind& kind,
                                            std::string_view name);

// Pods of a component; of a revision only, when one is named.
[[nodiscard]] std::vector<const kube::Pod*> pods_of(const Observation& seen,
                                                    std::string_view component,
                                                    std::string_view revision = {});
[[nodiscard]] std::int32_t ready_workers(const Observation& seen, std::string_view revision);
// A worker pod of the revision has fetched its artefacts, so that it can serve them on.
[[nodiscard]] bool has_holding_worker(const Observation& seen, std::string_view revision);

}  // namespace sluice::rag_index
