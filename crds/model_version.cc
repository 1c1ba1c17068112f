#include "crds/model_version.h"

#include "base/describe.h"

namespace sluice {

template <>
struct EnumNames<api::ModelType> {
  static constexpr std::array<std::string_view, 1> kNames{"Analyzer"};
};

template <>
struct EnumNames<api::GateMetric> {
  static constexpr std::array<std::string_view, 1> kNames{"ndcgAt10"};
};

}  // namespace sluice

namespace sluice::api {

template <class Io>
void describe(Io& io, ModelSource& value) {
  io.optional(
      "inline", value.words, {.doc = "The words themselves, at most 64 KiB of them as JSON."});
  io.optional("uri",
              value.uri,
              {.doc = "A JSON file with the members of inline, at most 256 KiB: http:// or "
                      "https://. Builder pods download it; the operator never does.",
               .max_length = 2048,
               .pattern = "^https?://[^\\s]+$"});
  io.optional("sha256",
              value.sha256,
              {.doc = "Of the file's bytes; a download with another one fails the build.",
               .max_length = 64,
               .pattern = "^[0-9a-f]{64}$"});
  io.rule("has(self.inline) != has(self.uri)",
          "exactly one of inline and uri must be set",
          value.words.has_value() != value.uri.has_value());
  io.rule("has(self.uri) == has(self.sha256)",
          "uri needs sha256, and sha256 needs uri",
          value.uri.has_value() == value.sha256.has_value());
}

template <class Io>
void describe(Io& io, GateIndexReference& value) {
  io.required("name",
              value.name,
              {.doc = "A RagIndex of the same namespace.",
               .max_length = 40,
               .pattern = "^[a-z]([-a-z0-9]*[a-z0-9])?$"});
}

template <class Io>
void describe(Io& io, ModelGate& value) {
  io.defaulted("metric", value.metric, {.doc = "nDCG@10 of a build with this model."});
  io.required("min",
              value.min,
              {.doc = "A build below it fails and the model is rejected.", .min = 0, .max = 1});
  // Not "on": YAML reads that as true.
  io.required(
      "indexRef",
      value.index_ref,
      {.doc = "The index that tries the model before others may use it, on its golden set."});
}

template <class Io>
void describe(Io& io, ModelVersionSpec& value) {
  io.required("type", value.type, {.doc = "Analyzer: stop words and synonyms."});
  io.required("source", value.source, {.doc = "Where its bytes come from."});
  io.defaulted("gates",
               value.gates,
               {.doc = "What a build with this model must reach. Until it has, only the indexes "
                       "named here are built with it.",
                .max_items = 8});
}

template <class Io>
void describe(Io& io, GateResult& value) {
  io.required("ragIndex", value.rag_index, {.doc = "The index.", .max_length = 40});
  io.required("ndcgAt10", value.ndcg_at_10, {.doc = "Mean nDCG@10 of its build with this model."});
}

template <class Io>
void describe(Io& io, ModelVersionStatus& value) {
  io.defaulted("observedGeneration",
               value.observed_generation,
               {.doc = "metadata.generation that this status speaks of."});
  io.defaulted("phase",
               value.phase,
               {.doc = "Resolving: not looked at yet. Verifying: the digest is known; no build has "
                       "fetched the bytes or passed the gates yet. Ready. Rejected: no new build "
                       "uses it; the conditions say why."});
  io.defaulted(
      "digest",
      value.digest,
      {.doc = "sha256 of the bytes: part of the revisions built with them.", .max_length = 64});
  io.defaulted("usedBy",
               value.used_by,
               {.doc = "RagIndexes that name it or serve an index built with it; the first 64.",
                .max_length = 40});
  io.defaulted("gates", value.gates, {.doc = "What the gates' indexes measured.", .max_items = 8});
  io.defaulted("conditions",
               value.conditions,
               {.doc = "Ready and Verified.", .max_items = 16, .map_key = "type"});
}

template <class Io>
void describe(Io& io, ModelVersion& value) {
  io.defaulted("metadata", value.metadata);
  io.required("spec", value.spec, {.doc = "What the model is."});
  io.defaulted("status", value.status, {.doc = "What became of it, written by Sluice."});
}

SLUICE_DESCRIBED(ModelVersionSpec);
SLUICE_DESCRIBED(ModelVersionStatus);
SLUICE_DESCRIBED(ModelVersion);

}  // namespace sluice::api
