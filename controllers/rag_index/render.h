#pragma once
// render: from what is wanted to the bytes of a server-side apply. Pure, and golden-tested: a
// change of a worker's pod template restarts every worker of every index at the operator's next
// upgrade, so render_workers must go on giving the same bytes for the same revision.
//
// Every object has the index as its owner, our labels and nobody else's, and an annotation with the
// hash of what was applied.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controllers/rag_index/decision.h"
#include "controllers/rag_index/observation.h"
#include "crds/rag_index.h"
#include "dataplane/wire/route_table.h"

namespace sluice::rag_index {

struct BuilderWish {
  std::string name = {};
  std::string revision = {};  // Empty while it has no name.
  api::RevisionConfig config = {};
  api::DocumentSource source = {};
  std::string documents_digest = {};              // Empty: whatever the source has.
  std::vector<std::string> documents_from = {};   // Bases of holders, tried before the source.
  std::vector<std::string> known_documents = {};  // Digests of those that need not be built.
  bool has_token = false;
  std::optional<api::AnalyzerRecord> analyzer = {};  // The words of config.analyzer_digest.
};

struct WorkersWish {
  std::string revision = {};
  api::RevisionConfig config = {};
  api::RevisionFacts facts = {};
  api::Resources resources = {};
  std::optional<api::PodTemplate> pod_template = {};
  bool has_token = false;
  // One that they need an authorization for, to be evaluated on it again.
  std::optional<api::HttpSource> golden_set = {};
  std::int32_t replicas = 0;
};

struct HolderWish {
  std::string name = {};
  std::string image = {};
  std::optional<api::VolumeClaim> claim = {};  // Else on the pod's own disk.
  std::vector<std::string> revisions = {};     // kHoldsAnnotation.
  std::vector<std::string> artifacts = {};     // Their digests.
};

struct RevisionWish {
  std::string name = {};
  std::string data = {};  // RevisionRecord as JSON; of one that exists, exactly as stored.
  std::int64_t number = 1;
  std::optional<api::RevisionFacts> facts = {};
  std::string role = {};
  std::string verdict = {};      // Empty: none.
  std::string rejection = {};    // kRejectionAnnotation.
  std::string rejected_at = {};  // kRejectedAtAnnotation.
  std::string retried = {};      // kRetriedAnnotation.
  std::string lost_at = {};      // kLostAtAnnotation.
  std::int32_t attempt = 0;
};

[[nodiscard]] Manifest render_builder(const api::RagIndex& index, const BuilderWish& wish);
// Leads the revision's workers to whichever builder holds its artefacts, or to the holder.
[[nodiscard]] Manifest render_builder_service(const api::RagIndex& index,
                                              std::string_view revision,
                                              bool is_on_holder = false);
// One pod that holds artefacts of revisions beside those that have workers, and never builds.
[[nodiscard]] Manifest render_holder(const api::RagIndex& index, const HolderWish& wish);
[[nodiscard]] Manifest render_holder_service(const api::RagIndex& index);
[[nodiscard]] Manifest render_revision(const api::RagIndex& index, const RevisionWish& wish);
[[nodiscard]] Manifest render_workers(const api::RagIndex& index, const WorkersWish& wish);
[[nodiscard]] Manifest render_worker_service(const api::RagIndex& index, std::string_view revision);
// One less than `replicas` must stay.
[[nodiscard]] Manifest render_budget(const api::RagIndex& index,
                                     std::string_view revision,
                                     std::int32_t replicas);
[[nodiscard]] Manifest render_route(const api::RagIndex& index, const wire::RouteTable& table);
[[nodiscard]] Manifest render_router(const api::RagIndex& index,
                                     const std::string& image,
                                     std::int32_t replicas);
[[nodiscard]] Manifest render_router_service(const api::RagIndex& index);
// One router must stay.
[[nodiscard]] Manifest render_router_budget(const api::RagIndex& index);
// ServiceAccount, Role and RoleBinding of the router.
[[nodiscard]] std::vector<Manifest> render_router_access(const api::RagIndex& index);
// The Secret that pods have the token from, of a type that nobody else's has.
[[nodiscard]] Manifest render_token(const api::RagIndex& index, const std::string& token);
// NetworkPolicies. Workers and builders: from pods of their index and from the operator's (of none
// when its namespace is empty: it runs outside the cluster). Routers: from anywhere, on their port.
[[nodiscard]] Manifest render_worker_network(const api::RagIndex& index,
                                             const std::string& operator_namespace);
[[nodiscard]] Manifest render_router_network(const api::RagIndex& index);

}  // namespace sluice::rag_index
