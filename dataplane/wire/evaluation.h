#pragma once
// Evaluating again: POST /evaluate on a worker takes an EvaluateRequest and answers 202 with an
// EvaluationJob; GET /evaluate gives the job as it is now. For a golden set that changed after the
// revision was built.

#include <optional>
#include <string>

#include "base/field.h"
#include "dataplane/wire/build_report.h"

namespace sluice::wire {

// A golden set by its URL, or its lines as they are. Exactly one of the two.
struct EvaluateRequest {
  std::optional<std::string> url = {};     // http or https.
  std::optional<std::string> sha256 = {};  // What the bytes behind the URL must have; hex.
  std::optional<std::string> lines = {};   // JSON lines.
  bool operator==(const EvaluateRequest&) const = default;
};

enum class EvaluationState { kRunning, kDone, kFailed };

struct EvaluationJob {
  std::string id = {};  // Another one for each evaluation of each process.
  EvaluationState state = EvaluationState::kRunning;
  std::string message = {};       // Why it failed, for people.
  std::string index_digest = {};  // sha256 of the index that is evaluated, hex.
  std::optional<api::EvaluationSummary> summary = {};  // Once done, as the results.
  std::optional<EvaluationResults> results = {};
  bool operator==(const EvaluationJob&) const = default;
};

template <class Io>
void describe(Io& io, EvaluateRequest& value);
template <class Io>
void describe(Io& io, EvaluationJob& value);

}  // namespace sluice::wire
