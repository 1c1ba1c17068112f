#pragma once
// ModelVersion: an artefact that indexes are built with, where its bytes come from and which gates
// it must pass. The struct is the schema (base/describe.h); docs, defaults and bounds stand in
// model_version.cc. A RagIndex names one in spec.retrieval.analyzer.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apiclient/types/meta.h"
#include "base/field.h"
#include "crds/analyzer_words.h"

namespace sluice::api {

enum class ModelType { kAnalyzer };
enum class GateMetric { kNdcgAt10 };

// Either the words themselves, or where they are and what they are: uri and sha256.
struct ModelSource {
  std::optional<AnalyzerWords> words = {};  // "inline"
  std::optional<std::string> uri = {};
  std::optional<std::string> sha256 = {};
  bool operator==(const ModelSource&) const = default;
};

struct GateIndexReference {
  std::string name = {};
  bool operator==(const GateIndexReference&) const = default;
};

struct ModelGate {
  GateMetric metric = GateMetric::kNdcgAt10;
  double min = 0;
  GateIndexReference index_ref = {};
  bool operator==(const ModelGate&) const = default;
};

struct ModelVersionSpec {
  ModelType type = ModelType::kAnalyzer;
  ModelSource source = {};
  std::vector<ModelGate> gates = {};
  bool operator==(const ModelVersionSpec&) const = default;
};

enum class ModelPhase { kResolving, kVerifying, kReady, kRejected };

// What an index measured that was built with this model.
struct GateResult {
  std::string rag_index = {};
  double ndcg_at_10 = 0;
  bool operator==(const GateResult&) const = default;
};

struct ModelVersionStatus {
  std::int64_t observed_generation = 0;
  ModelPhase phase = ModelPhase::kResolving;
  std::string digest = {};  // sha256 of the bytes, hex; empty while unknown.
  std::vector<std::string> used_by = {};
  std::vector<GateResult> gates = {};  // Of this digest.
  std::vector<kube::Condition> conditions = {};
  bool operator==(const ModelVersionStatus&) const = default;
};

struct ModelVersion {
  kube::ObjectMeta metadata = {};
  ModelVersionSpec spec = {};
  ModelVersionStatus status = {};
  bool operator==(const ModelVersion&) const = default;
};

template <class Io>
void describe(Io& io, ModelVersionSpec& value);
template <class Io>
void describe(Io& io, ModelVersionStatus& value);
template <class Io>
void describe(Io& io, ModelVersion& value);

}  // namespace sluice::api

namespace sluice {

template <>
struct EnumNames<api::ModelPhase> {
  static constexpr std::array<std::string_view, 4> kNames{
      "Resolving", "Verifying", "Ready", "Rejected"};
};

}  // namespace sluice
