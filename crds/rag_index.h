#pragma once
// RagIndex: what should be served. The struct is the schema (see base/describe.h): docs, defaults
// and bounds stand in rag_index.cc; config/crd is printed from there by crdgen.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "apiclient/types/meta.h"
#include "base/field.h"
#include "crds/analyzer_words.h"
#include "crds/artifact_options.h"
#include "crds/pod_template.h"
#include "crds/refresh.h"
#include "crds/sources.h"

namespace sluice::api {

enum class Changeover { kRollout, kDirect };
enum class MetadataType { kKeyword };
enum class ChunkStrategy { kNone, kFixed, kSentence, kParagraph };
enum class RetrievalMode { kTfidf, kBm25 };

struct DocumentFields {
  std::string id = "_id";
  std::string title = "title";
  std::string text = "text";
  bool operator==(const DocumentFields&) const = default;
};

struct MetadataField {
  std::string name = {};
  MetadataType type = MetadataType::kKeyword;
  bool operator==(const MetadataField&) const = default;
};

struct Documents {
  DocumentFields fields = {};
  std::vector<MetadataField> metadata = {};
  std::int32_t bad_lines_max = 10;
  bool operator==(const Documents&) const = default;
};

struct Chunking {
  ChunkStrategy strategy = ChunkStrategy::kNone;
  std::int32_t max_tokens = 256;
  std::int32_t overlap_tokens = 0;
  bool operator==(const Chunking&) const = default;
};

struct Bm25 {
  double k1 = 0.9;
  double b = 0.4;
  bool operator==(const Bm25&) const = default;
};

struct ModelVersionReference {
  std::string name = {};
  bool operator==(const ModelVersionReference&) const = default;
};

struct AnalyzerOptions {
  ModelVersionReference model_version_ref = {};
  bool operator==(const AnalyzerOptions&) const = default;
};

struct Retrieval {
  RetrievalMode mode = RetrievalMode::kBm25;
  Bm25 bm25 = {};
  std::int32_t top_k = 10;
  std::optional<AnalyzerOptions> analyzer = {};
  bool operator==(const Retrieval&) const = default;
};

struct GoldenSetSource {
  std::optional<HttpSource> http = {};
  bool operator==(const GoldenSetSource&) const = default;
};

struct Evaluation {
  GoldenSetSource golden_set = {};
  bool operator==(const Evaluation&) const = default;
};

struct Slo {
  std::optional<Share> availability = {};
  std::optional<Duration> latency_p95 = {};
  std::optional<double> ndcg_at_10 = {};
  bool operator==(const Slo&) const = default;
};

struct EngineOptions {
  std::optional<std::string> image = {};
  bool operator==(const EngineOptions&) const = default;
};

struct Resources {
  std::map<std::string, Quantity> requests = {};
  std::map<std::string, Quantity> limits = {};
  bool operator==(const Resources&) const = default;
};

struct Serving {
  std::int32_t replicas = 2;
  Resources resources = {};
  std::optional<PodTemplate> pod_template = {};
  bool operator==(const Serving&) const = default;
};

struct RouterOptions {
  std::int32_t replicas = 1;
  Resources resources = {};
  bool operator==(const RouterOptions&) const = default;
};

struct Traffic {
  RouterOptions router = {};
  bool operator==(const Traffic&) const = default;
};

// Rehearses a failure: part of the revision, announced by a condition, never becomes stable.
struct Drill {
  Share error_rate = {};
  Duration latency = {};
  bool operator==(const Drill&) const = default;
};

struct RagIndexSpec {
  Changeover changeover = Changeover::kRollout;
  DocumentSource source = {};
  std::optional<Refresh> refresh = {};
  Documents documents = {};
  Chunking chunking = {};
  Retrieval retrieval = {};
  std::optional<Evaluation> evaluation = {};
  Slo slo = {};
  EngineOptions engine = {};
  // Optional, so that a spec without it is stored and hashed as it was before there was any.
  std::optional<ArtifactOptions> artifacts = {};  // Not set: Ephemeral.
  Serving serving = {};
  Traffic traffic = {};
  std::optional<Drill> drill = {};
  bool operator==(const RagIndexSpec&) const = default;
};

// The part of the spec that can change an answer, with the worker's image. Two revisions of one
// index differ in this, in the documents' digest, or are the same revision. Compared field by
// field, never by hash: a field that a stored config does not know counts as its default.
struct RevisionConfig {
  Documents documents = {};
  Chunking chunking = {};
  Retrieval retrieval = {};  // Without `analyzer`: a model is what its bytes are, not its name.
  std::optional<std::string> analyzer_digest = {};  // sha256 of the model's bytes, hex.
  std::optional<Drill> drill = {};
  std::string image = {};
  bool operator==(const RevisionConfig&) const = default;
};

// The model that a revision was built with. Kept, so that the revision can be built again when the
// ModelVersion is gone; not part of the identity. Either words or uri, neither if they were lost.
struct AnalyzerRecord {
  std::string model_version = {};
  std::optional<AnalyzerWords> words = {};
  std::optional<std::string> uri = {};
  bool operator==(const AnalyzerRecord&) const = default;
};

// What a ControllerRevision's data holds: the identity of a revision and where it came from.
struct RevisionRecord {
  RevisionConfig config = {};
  std::string documents_digest = {};  // sha256 of the source's bytes, hex.
  DocumentSource source = {};         // Where the documents were found; not part of the identity.
  std::optional<AnalyzerRecord> analyzer = {};
  bool operator==(const RevisionRecord&) const = default;
};

struct EvaluationSummary {
  double ndcg_at_10 = 0;
  double recall_at_10 = 0;
  double mrr = 0;
  double judged_at_10 = 0;  // Share of the first ten hits that the golden set judges.
  std::int32_t queries = 0;
  std::string golden_digest = {};  // sha256 of the golden set's bytes, hex.
  bool operator==(const EvaluationSummary&) const = default;
};

// What is known of a revision once it is built. Digests are lower-case hex sha256.
struct RevisionFacts {
  std::string documents_digest = {};
  std::string index_digest = {};
  std::string evaluation_digest = {};
  std::int64_t index_bytes = 0;
  std::int64_t documents = 0;
  std::int64_t chunks = 0;
  std::optional<EvaluationSummary> evaluation = {};
  std::optional<std::string> analyzer_digest = {};  // Of the model inside the index.
  bool operator==(const RevisionFacts&) const = default;
};

enum class CandidatePhase { kResolving, kBuilding, kFetching, kReady, kFailed };

struct CandidateAnalyzer {
  std::string model_version = {};
  std::string digest = {};
  bool operator==(const CandidateAnalyzer&) const = default;
};

struct CandidateStatus {
  std::string revision = {};     // Empty until the documents' digest is known.
  std::string config_hash = {};  // Names the builder before there is a revision.
  CandidatePhase phase = CandidatePhase::kResolving;
  std::string message = {};
  WallTime since = {};  // When this candidate was first seen.
  std::int64_t generation = 0;
  std::int32_t attempt = 0;  // Counts builders of this candidate: a retry or a lost builder.
  std::int32_t ready_replicas = 0;
  std::optional<RevisionFacts> facts = {};
  std::optional<CandidateAnalyzer> analyzer = {};  // The model that it is built with.
  // Set: it has stable's config and these documents. Empty: another config, stable's documents.
  std::optional<NewDocuments> documents = {};
  std::string failure = {};  // Why it failed, in a word, where its phase does not tell.
  bool operator==(const CandidateStatus&) const = default;
};

// The route as last written and as the routers confirm it.
struct RouteStatus {
  std::int64_t epoch = 0;
  std::int64_t generation = 0;
  std::string stable_revision = {};
  std::string candidate_revision = {};  // Empty: the table names none.
  Share weight = {};                    // Of the candidate, in the table.
  Share shadow = {};                    // Of stable's queries, copied to the candidate.
  std::int64_t desired_seq = 0;         // CanaryRollout.status.desired.seq that this table obeys.
  bool confirmed = false;               // All routers run this generation.
  std::optional<WallTime> confirmed_at = {};
  std::vector<std::string> unconfirmed_routers = {};
  std::optional<std::string> sticky_header = {};  // Names the users of whom weight is the share.
  bool operator==(const RouteStatus&) const = default;
};

// The revision that was stable before, from a promotion to the end of its watch: it keeps its
// workers and is what a return leads to. Set and cleared in one write with stable_revision.
struct PreviousStatus {
  std::string revision = {};
  std::optional<RevisionFacts> facts = {};
  WallTime since = {};                       // When the present stable took its place.
  WallTime candidate_since = {};             // CandidateStatus::since of the present stable.
  std::optional<WallTime> ready_since = {};  // Some worker is ready since then; empty: none is.
  bool has_successor = false;  // The spec asks for another revision, which waits for the end.
  bool operator==(const PreviousStatus&) const = default;
};

struct RagIndexStatus {
  std::int64_t observed_generation = 0;
  std::vector<kube::Condition> conditions = {};
  std::string url = {};
  std::string stable_revision = {};  // The commit point of a rollout is the write of this field.
  std::string candidate_revision = {};
  std::string policy_uid = {};  // UID of the attached CanaryRollout.
  std::string policy_name = {};
  std::int64_t documents = 0;  // Of stable, as are the next three.
  std::int64_t chunks = 0;
  std::string index_digest = {};
  std::int64_t index_bytes = 0;
  std::optional<RevisionFacts> stable = {};
  std::optional<EvaluationSummary> evaluation = {};
  std::optional<CandidateStatus> candidate = {};
  std::optional<PreviousStatus> previous = {};
  std::optional<RefreshStatus> refresh = {};  // Empty: the source was never looked at again.
  std::optional<RouteStatus> route = {};
  std::int32_t replicas = 0;
  std::int32_t ready_replicas = 0;
  std::string selector = {};
  bool operator==(const RagIndexStatus&) const = default;
};

struct RagIndex {
  kube::ObjectMeta metadata = {};
  RagIndexSpec spec = {};
  RagIndexStatus status = {};
  bool operator==(const RagIndex&) const = default;
};

template <class Io>
void describe(Io& io, Resources& value);
template <class Io>
void describe(Io& io, RagIndexSpec& value);
template <class Io>
void describe(Io& io, RagIndexStatus& value);
template <class Io>
void describe(Io& io, RagIndex& value);
template <class Io>
void describe(Io& io, RevisionConfig& value);
template <class Io>
void describe(Io& io, RevisionRecord& value);
template <class Io>
void describe(Io& io, RevisionFacts& value);
template <class Io>
void describe(Io& io, EvaluationSummary& value);

// The config that a spec asks for. `image` is what runs when spec.engine.image is not set: stable's
// image where there is a stable, else the operator's own (so that an upgrade starts no rollout).
// The digest of the model that the spec names is left to the caller, who knows it.
[[nodiscard]] RevisionConfig config_of(const RagIndexSpec& spec, const std::string& image);

}  // namespace sluice::api
