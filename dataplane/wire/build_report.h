#pragma once
// What builders and holders tell the operator. GET /report on either: BuildReport. GET /evaluation
// on a builder or a worker: EvaluationResults. GET /artifacts/sha256:<hex> on any: the bytes.

#include <string>
#include <string_view>
#include <vector>

#include "base/field.h"
#include "crds/rag_index.h"

namespace sluice::wire {

enum class BuildPhase { kDownloading, kBuilding, kEvaluating, kReady, kFailed };

struct BuildReport {
  BuildPhase phase = BuildPhase::kDownloading;
  std::string message = {};           // Progress or the reason of the failure, for people.
  std::string documents_digest = {};  // Known once downloaded.
  std::optional<api::RevisionFacts> facts = {};  // Once ready.
  std::vector<std::string> held = {};  // Of a holder, once ready: sha256 of what it has, sound.
  bool operator==(const BuildReport&) const = default;
};

// The last words (termination message) of a builder that found documents which it was told need not
// be built, and so built nothing.
[[nodiscard]] std::string unchanged_text(std::string_view documents_digest);
// Back again: the digest; empty for any other words.
[[nodiscard]] std::string unchanged_documents(std::string_view text);

// Per-query results, column by column, in the golden set's order. All vectors are equally long.
struct EvaluationResults {
  std::string golden_digest = {};
  std::vector<std::string> ids = {};
  std::vector<double> ndcg_at_10 = {};
  std::vector<double> judged_at_10 = {};
  bool operator==(const EvaluationResults&) const = default;
};

template <class Io>
void describe(Io& io, BuildReport& value);
template <class Io>
void describe(Io& io, EvaluationResults& value);

}  // namespace sluice::wire
