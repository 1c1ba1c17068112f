#include "crds/rag_index.h"

#include "base/describe.h"
#include "crds/status_fields.h"

namespace sluice {

template <>
struct EnumNames<api::Changeover> {
  static constexpr std::array<std::string_view, 2> kNames{"Rollout", "Direct"};
};

template <>
struct EnumNames<api::MetadataType> {
  static constexpr std::array<std::string_view, 1> kNames{"keyword"};
};

template <>
struct EnumNames<api::ChunkStrategy> {
  static constexpr std::array<std::string_view, 4> kNames{"none", "fixed", "sentence", "paragraph"};
};

template <>
struct EnumNames<api::RetrievalMode> {
  static constexpr std::array<std::string_view, 2> kNames{"tfidf", "bm25"};
};

template <>
struct EnumNames<api::CandidatePhase> {
  static constexpr std::array<std::string_view, 5> kNames{
      "Resolving", "Building", "Fetching", "Ready", "Failed"};
};

}  // namespace sluice

namespace sluice::api {
namespace {

Field digest_field(std::string_view doc) {
  return {.doc = doc, .max_length = 64};
}

}  // namespace

template <class Io>
void describe(Io& io, DocumentFields& value) {
  const auto field = [](std::string_view doc) {
    return Field{.doc = doc, .min_length = 1, .max_length = 128};
  };
  io.defaulted("id", value.id, field("Member of each line that holds the document's unique id."));
  io.defaulted("title", value.title, field("Member that holds the title; indexed with the text."));
  io.defaulted("text",
               value.text,
               field("Member that holds the text. A dotted path reaches into an object, as in "
                     "metadata.section."));
}

template <class Io>
void describe(Io& io, MetadataField& value) {
  io.required(
      "name",
      value.name,
      {.doc = "Member of the document's \"metadata\" object.", .min_length = 1, .max_length = 63});
  io.defaulted("type", value.type, {.doc = "keyword: exact values that queries can filter by."});
}

template <class Io>
void describe(Io& io, Documents& value) {
  io.defaulted("fields", value.fields, {.doc = "Which members of a line are id, title and text."});
  io.defaulted("metadata",
               value.metadata,
               {.doc = "Fields that queries can filter by.", .max_items = 16, .map_key = "name"});
  io.defaulted("badLinesMax",
               value.bad_lines_max,
               {.doc = "Malformed lines that are reported and skipped; one more fails the build.",
                .min = 0,
                .max = 1'000'000});
}

template <class Io>
void describe(Io& io, Chunking& value) {
  io.defaulted("strategy",
               value.strategy,
               {.doc = "How documents are cut before they are indexed: none, fixed (maxTokens "
                       "words), sentence or paragraph (whole ones up to maxTokens words)."});
  io.defaulted(
      "maxTokens", value.max_tokens, {.doc = "Words in a chunk, at most.", .min = 1, .max = 8192});
  io.defaulted("overlapTokens",
               value.overlap_tokens,
               {.doc = "Words that a chunk repeats of the one before it.", .min = 0, .max = 4096});
  io.rule("self.overlapTokens < self.maxTokens",
          "overlapTokens must be below maxTokens",
          value.overlap_tokens < value.max_tokens);
}

template <class Io>
void describe(Io& io, Bm25& value) {
  io.defaulted("k1", value.k1, {.doc = "Saturation of term counts.", .min = 0, .max = 100});
  io.defaulted("b", value.b, {.doc = "Weight of the document's length.", .min = 0, .max = 1});
}

template <class Io>
void describe(Io& io, ModelVersionReference& value) {
  io.required("name",
              value.name,
              {.doc = "A ModelVersion of type Analyzer in the same namespace.",
               .max_length = 40,
               .pattern = "^[a-z]([-a-z0-9]*[a-z0-9])?$"});
}

template <class Io>
void describe(Io& io, AnalyzerOptions& value) {
  io.required("modelVersionRef",
              value.model_version_ref,
              {.doc = "Whose stop words and synonyms documents and queries are read with."});
}

template <class Io>
void describe(Io& io, Retrieval& value) {
  io.defaulted("mode", value.mode, {.doc = "How documents are scored: tfidf (cosine) or bm25."});
  io.defaulted("bm25", value.bm25, {.doc = "Parameters of mode bm25."});
  io.defaulted("topK",
               value.top_k,
               {.doc = "Hits of an answer when the query names no top_k.", .min = 1, .max = 1000});
  io.optional("analyzer",
              value.analyzer,
              {.doc = "How words are read. Not set: English, with 33 stop words and no synonyms."});
}

template <class Io>
void describe(Io& io, GoldenSetSource& value) {
  io.optional(
      "http",
      value.http,
      {.doc = "A .jsonl file: {\"id\", \"query\", \"relevant\": {\"<document id>\": grade}} "
              "a line."});
  io.exactly_one();
}

template <class Io>
void describe(Io& io, Evaluation& value) {
  io.required("goldenSet", value.golden_set, {.doc = "Judged queries that every build answers."});
}

template <class Io>
void describe(Io& io, Slo& value) {
  io.optional("availability",
              value.availability,
              {.doc = "Share of queries that must be answered, like 99.9%; fills the errorRate "
                      "objective of a rollout that names none."});
  io.optional("latencyP95",
              value.latency_p95,
              {.doc = "Time within which 95 of 100 queries must be answered, like 300ms; fills the "
                      "latency objective of a rollout that names none."});
  io.optional("ndcgAt10",
              value.ndcg_at_10,
              {.doc = "Floor of nDCG@10 on the golden set; fills the goldenSet objective of a "
                      "rollout that names none.",
               .min = 0,
               .max = 1});
  io.rule(
      "!has(self.latencyP95) || (duration(self.latencyP95) >= duration('1ms') && "
      "duration(self.latencyP95) <= duration('60s'))",
      "latencyP95 must be between 1ms and 60s",
      !value.latency_p95 || (*value.latency_p95 >= std::chrono::milliseconds(1) &&
                             *value.latency_p95 <= std::chrono::seconds(60)));
}

template <class Io>
void describe(Io& io, EngineOptions& value) {
  io.optional(
      "image",
      value.image,
      {.doc = "Worker image. Not set: the operator's own at the time of the first revision, "
              "then kept. Setting it makes a new revision that walks the rollout's steps.",
       .min_length = 1,
       .max_length = 512});
}

template <class Io>
void describe(Io& io, Resources& value) {
  io.defaulted("requests", value.requests, {.doc = "As in a container.", .max_items = 8});
  io.defaulted("limits", value.limits, {.doc = "As in a container.", .max_items = 8});
}

template <class Io>
void describe(Io& io, Serving& value) {
  io.defaulted(
      "replicas",
      value.replicas,
      {.doc = "Workers of the stable revision; 0 suspends the index.", .min = 0, .max = 500});
  io.defaulted("resources", value.resources, {.doc = "Of each worker."});
  io.optional("podTemplate",
              value.pod_template,
              {.doc = "Where workers, builders and routers run, and how their images are pulled. "
                      "A change restarts workers and routers, one by one, once no candidate has "
                      "traffic."});
}

template <class Io>
void describe(Io& io, RouterOptions& value) {
  io.defaulted("replicas", value.replicas, {.doc = "Routers.", .min = 1, .max = 50});
  io.defaulted("resources", value.resources, {.doc = "Of each router."});
}

template <class Io>
void describe(Io& io, Traffic& value) {
  io.defaulted("router", value.router, {.doc = "The built-in router in front of the workers."});
}

template <class Io>
void describe(Io& io, Drill& value) {
  io.defaulted("errorRate",
               value.error_rate,
               {.doc = "Share of queries that this revision's workers fail on purpose."});
  io.defaulted("latency",
               value.latency,
               {.doc = "Time that this revision's workers add to every query, at most 30s."});
  io.rule("duration(self.latency) <= duration('30s')",
          "latency must be at most 30s",
          value.latency <= std::chrono::seconds(30));
}

template <class Io>
void describe(Io& io, RagIndexSpec& value) {
  io.defaulted("changeover",
               value.changeover,
               {.doc = "Rollout: a new revision waits for a CanaryRollout and walks its steps. "
                       "Direct: it takes over when it is built, ready and past the SLO's floor."});
  io.required("source", value.source, {.doc = "Where the documents come from; exactly one."});
  io.optional("refresh",
              value.refresh,
              {.doc = "How new documents are noticed and taken up. Not set: by Gate, when source "
                      "changes."});
  io.defaulted("documents", value.documents, {.doc = "How a document is read."});
  io.defaulted("chunking", value.chunking, {.doc = "How documents are cut."});
  io.defaulted("retrieval", value.retrieval, {.doc = "How documents are found."});
  io.optional("evaluation", value.evaluation, {.doc = "How quality is measured."});
  io.defaulted("slo", value.slo, {.doc = "Service objectives."});
  io.defaulted("engine", value.engine, {.doc = "The worker program."});
  io.optional("artifacts",
              value.artifacts,
              {.doc = "Where documents and indexes are kept. Not set: type Ephemeral. No part of a "
                      "revision: a change starts no rollout and restarts no worker."});
  io.defaulted("serving", value.serving, {.doc = "How many workers, how large."});
  io.defaulted("traffic", value.traffic, {.doc = "How queries reach the workers."});
  io.optional("drill",
              value.drill,
              {.doc = "Rehearse a failure: the revision misbehaves as told and is rolled back for "
                      "it. Part of the revision; a drill never becomes stable."});
  io.rule("!has(self.slo.ndcgAt10) || has(self.evaluation)",
          "slo.ndcgAt10 needs evaluation.goldenSet",
          !value.slo.ndcg_at_10 || value.evaluation);
}

template <class Io>
void describe(Io& io, RevisionConfig& value) {
  io.defaulted("documents", value.documents);
  io.defaulted("chunking", value.chunking);
  io.defaulted("retrieval", value.retrieval);
  io.optional("analyzerDigest", value.analyzer_digest);
  io.optional("drill", value.drill);
  io.defaulted("image", value.image);
}

template <class Io>
void describe(Io& io, AnalyzerRecord& value) {
  io.defaulted("modelVersion", value.model_version);
  io.optional("inline", value.words);
  io.optional("uri", value.uri, {.max_length = 2048});
}

template <class Io>
void describe(Io& io, RevisionRecord& value) {
  io.defaulted("config", value.config);
  io.defaulted("documentsDigest", value.documents_digest);
  io.optional("source", value.source.http);
  io.optional("analyzer", value.analyzer);
}

template <class Io>
void describe(Io& io, EvaluationSummary& value) {
  io.defaulted("ndcgAt10", value.ndcg_at_10, {.doc = "Mean nDCG@10."});
  io.defaulted("recallAt10", value.recall_at_10, {.doc = "Mean recall@10."});
  io.defaulted("mrr", value.mrr, {.doc = "Mean reciprocal rank."});
  io.defaulted("judgedAt10",
               value.judged_at_10,
               {.doc = "Share of the first ten hits that the golden set judges."});
  io.defaulted("queries", value.queries, count_field("Judged queries."));
  io.defaulted("goldenDigest", value.golden_digest, digest_field("sha256 of the golden set."));
}

template <class Io>
void describe(Io& io, RevisionFacts& value) {
  io.defaulted("documentsDigest", value.documents_digest, digest_field("sha256 of the documents."));
  io.defaulted("indexDigest", value.index_digest, digest_field("sha256 of the index file."));
  io.defaulted("evaluationDigest",
               value.evaluation_digest,
               digest_field("sha256 of the per-query results."));
  io.defaulted("indexBytes", value.index_bytes, count_field("Size of the index file."));
  io.defaulted("documents", value.documents, count_field("Documents indexed."));
  io.defaulted("chunks", value.chunks, count_field("Chunks indexed."));
  io.optional("evaluation", value.evaluation, {.doc = "Quality on the golden set."});
  io.optional("analyzerDigest",
              value.analyzer_digest,
              digest_field("sha256 of the model that the index was built with."));
}

template <class Io>
void describe(Io& io, CandidateAnalyzer& value) {
  io.required("modelVersion", value.model_version, name_field("The ModelVersion's name."));
  io.required("digest", value.digest, digest_field("sha256 of its bytes."));
}

template <class Io>
void describe(Io& io, CandidateStatus& value) {
  io.defaulted("revision", value.revision, name_field("Its name, once the documents are known."));
  io.defaulted("configHash", value.config_hash, digest_field("Names its builder."));
  io.defaulted("phase", value.phase, {.doc = "How far it is."});
  io.defaulted("message",
               value.message,
               {.doc = "What it waits for, or why it failed.", .max_length = 2048});
  io.required("since", value.since, {.doc = "When it was first seen."});
  io.defaulted("generation", value.generation, {.doc = "metadata.generation that asked for it."});
  io.defaulted("attempt", value.attempt, {.doc = "Counts its builders."});
  io.defaulted("readyReplicas", value.ready_replicas, count_field("Workers that are ready."));
  io.optional("facts", value.facts, {.doc = "What its build found."});
  io.optional("analyzer", value.analyzer, {.doc = "The model that it is built with."});
  io.optional("newDocuments",
              value.documents,
              {.doc = "Its documents, where it is these that are new and not the config."});
  io.defaulted("failure", value.failure, {.doc = "Why it failed, in a word.", .max_length = 63});
}

template <class Io>
void describe(Io& io, RouteStatus& value) {
  io.defaulted("epoch", value.epoch, {.doc = "Counts route tables that were lost."});
  io.defaulted("generation", value.generation, {.doc = "Counts changes of the route table."});
  io.defaulted("stableRevision", value.stable_revision, name_field("Stable in the table."));
  io.defaulted(
      "candidateRevision", value.candidate_revision, name_field("Candidate in the table."));
  io.defaulted("weight", value.weight, {.doc = "The candidate's share in the table."});
  io.defaulted(
      "shadow", value.shadow, {.doc = "Share of stable's queries copied to the candidate."});
  io.defaulted("desiredSeq",
               value.desired_seq,
               {.doc = "CanaryRollout.status.desired.seq that this table obeys."});
  io.defaulted("confirmed", value.confirmed, {.doc = "All routers run this table."});
  io.optional("confirmedAt", value.confirmed_at, {.doc = "When they all did."});
  io.defaulted("unconfirmedRouters",
               value.unconfirmed_routers,
               {.doc = "Routers that have not confirmed.", .max_items = 16});
  io.optional(
      "stickyHeader",
      value.sticky_header,
      {.doc = "Header that names the users of whom weight is the share.", .max_length = 64});
}

template <class Io>
void describe(Io& io, PreviousStatus& value) {
  io.required("revision", value.revision, name_field("The revision that was stable before."));
  io.optional("facts", value.facts, {.doc = "What its build found."});
  io.required("since", value.since, {.doc = "When the present stable took its place."});
  io.required("candidateSince",
              value.candidate_since,
              {.doc = "When the present stable was first seen as a candidate."});
  io.optional("readySince",
              value.ready_since,
              {.doc = "Since when some worker of it is ready; not set while none is."});
  io.defaulted(
      "hasSuccessor",
      value.has_successor,
      {.doc = "The spec asks for another revision, which waits for the end of the watch."});
}

template <class Io>
void describe(Io& io, RagIndexStatus& value) {
  io.defaulted("observedGeneration",
               value.observed_generation,
               {.doc = "metadata.generation that this status speaks of."});
  io.defaulted("conditions",
               value.conditions,
               {.doc = "Ready, Reconciling, Stalled, Available and more; see the guide.",
                .max_items = 32,
                .map_key = "type"});
  io.defaulted("url",
               value.url,
               {.doc = "Where to send POST /query inside the cluster.", .max_length = 512});
  io.defaulted("stableRevision", value.stable_revision, name_field("The revision users get."));
  io.defaulted("candidateRevision", value.candidate_revision, name_field("The one being tried."));
  io.defaulted("policyUID", value.policy_uid, name_field("UID of the attached CanaryRollout."));
  io.defaulted("policyName", value.policy_name, name_field("Name of the attached CanaryRollout."));
  io.defaulted("documents", value.documents, count_field("Documents that stable serves."));
  io.defaulted("chunks", value.chunks, count_field("Chunks that stable serves."));
  io.defaulted("indexDigest", value.index_digest, digest_field("sha256 of stable's index file."));
  io.defaulted("indexBytes", value.index_bytes, count_field("Size of stable's index file."));
  io.optional("stable", value.stable, {.doc = "What stable's build found."});
  io.optional("evaluation", value.evaluation, {.doc = "Stable's quality on the golden set."});
  io.optional("candidate", value.candidate, {.doc = "The candidate on its way."});
  io.optional("previous",
              value.previous,
              {.doc = "The old stable, kept while the present one is watched."});
  io.optional("refresh",
              value.refresh,
              {.doc = "What was found when the source was last looked at for new documents."});
  io.optional("route", value.route, {.doc = "The route table as written and as confirmed."});
  io.defaulted("replicas", value.replicas, count_field("Workers of stable."));
  io.defaulted("readyReplicas", value.ready_replicas, count_field("Ready workers of stable."));
  io.defaulted("selector", value.selector, {.doc = "Label selector of stable's workers."});
}

template <class Io>
void describe(Io& io, RagIndex& value) {
  io.defaulted("metadata", value.metadata);
  io.required("spec", value.spec, {.doc = "What should be served."});
  io.defaulted("status", value.status, {.doc = "What is served, written by Sluice."});
}

SLUICE_DESCRIBED(Resources);
SLUICE_DESCRIBED(RagIndexSpec);
SLUICE_DESCRIBED(RagIndexStatus);
SLUICE_DESCRIBED(RagIndex);
SLUICE_DESCRIBED(RevisionConfig);
SLUICE_DESCRIBED(RevisionRecord);
SLUICE_DESCRIBED(RevisionFacts);
SLUICE_DESCRIBED(EvaluationSummary);

RevisionConfig config_of(const RagIndexSpec& spec, const std::string& image) {
  RevisionConfig config{.documents = spec.documents,
                        .chunking = spec.chunking,
                        .retrieval = spec.retrieval,
                        .drill = spec.drill,
                        .image = spec.engine.image.value_or(image)};
  config.retrieval.analyzer.reset();
  return config;
}

}  // namespace sluice::api
