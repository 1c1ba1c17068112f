#include "controllers/model_version/decide.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/sha256.h"
#include "base/utf8.h"

namespace sluice::model_version {
namespace {

constexpr std::size_t kUsersMax = 64;
constexpr std::size_t kTextMax = 2000;

// Phase and condition Ready.
struct Finding {
  api::ModelPhase phase = api::ModelPhase::kReady;
  std::string reason = {};
  std::string message = {};
};

Finding rejected(std::string reason, std::string message) {
  return {.phase = api::ModelPhase::kRejected,
          .reason = std::move(reason),
          .message = std::move(message)};
}

bool names(const api::RagIndex& index, const std::string& model) {
  const auto& analyzer = index.spec.retrieval.analyzer;
  return analyzer && analyzer->model_version_ref.name == model;
}

bool is_of(const std::optional<api::RevisionFacts>& facts, const std::string& digest) {
  return facts && facts->analyzer_digest == digest;
}

// The newest build of the index with these bytes; null when there is none.
const api::RevisionFacts* build_with(const api::RagIndex& index, const std::string& digest) {
  const api::RagIndexStatus& status = index.status;
  if (status.candidate && is_of(status.candidate->facts, digest)) {
    return &*status.candidate->facts;
  }
  return is_of(status.stable, digest) ? &*status.stable : nullptr;
}

// The digest, or why these words cannot be used.
Result<std::string> digest_of_words(const api::AnalyzerWords& words) {
  if (Status sound = api::check(words); !sound) {
    return fail(sound.error());
  }
  const std::string json = api::canonical_json(words);
  if (json.size() > kInlineBytesMax) {
    return fail(ErrorCode::kInvalid,
                fmt::format("inline has {} bytes as JSON; above {} give the words by uri",
                            json.size(),
                            kInlineBytesMax));
  }
  return sha256_of(json);
}

// What each gate's index measured; what was measured once is remembered for these bytes.
void take_measurements(const Observation& seen, api::ModelVersionStatus& status) {
  std::vector<api::GateResult> results;
  for (const api::ModelGate& gate : seen.model.spec.gates) {
    const std::string& name = gate.index_ref.name;
    const auto index = std::ranges::find_if(
        seen.indexes, [&](const api::RagIndex& each) { return each.metadata.name == name; });
    const api::RevisionFacts* facts =
        index == seen.indexes.end() ? nullptr : build_with(*index, status.digest);
    const auto known = std::ranges::find(status.gates, name, &api::GateResult::rag_index);
    if (facts != nullptr && facts->evaluation) {
      results.push_back({.rag_index = name, .ndcg_at_10 = facts->evaluation->ndcg_at_10});
    } else if (known != status.gates.end()) {
      results.push_back(*known);
    }
  }
  status.gates = std::move(results);
}

// A build that used these bytes and failed before it had an index: why, for people.
std::string last_failure(const Observation& seen, const std::string& digest) {
  for (const api::RagIndex& index : seen.indexes) {
    const auto& candidate = index.status.candidate;
    if (candidate && candidate->analyzer && candidate->analyzer->digest == digest &&
        candidate->phase == api::CandidatePhase::kFailed && !candidate->facts) {
      return "; the last build with it failed (" + index.metadata.name + "): " + candidate->message;
    }
  }
  return {};
}

Finding find_gates(const api::ModelVersionSpec& spec, const api::ModelVersionStatus& status) {
  for (const api::ModelGate& gate : spec.gates) {
    const std::string& name = gate.index_ref.name;
    const auto result = std::ranges::find(status.gates, name, &api::GateResult::rag_index);
    if (result == status.gates.end()) {
      return {.phase = api::ModelPhase::kVerifying,
              .reason = "AwaitingGate",
              .message = "waits for the RagIndex " + name +
                         " to be built with it and evaluated on its golden set"};
    }
    if (result->ndcg_at_10 < gate.min) {
      return rejected("GateFailed",
                      fmt::format("nDCG@10 on the RagIndex {} is {:.4f}, below {:.4f}",
                                  name,
                                  result->ndcg_at_10,
                                  gate.min));
    }
  }
  return {.reason = "Usable", .message = "indexes can be built with it"};
}

// True with phase Ready only.
void set(api::ModelVersionStatus& status,
         WallTime now,
         std::string_view type,
         const Finding& finding) {
  kube::set_condition(
      status.conditions,
      {.type = std::string(type),
       .status = finding.phase == api::ModelPhase::kReady ? kube::ConditionStatus::kTrue
                                                          : kube::ConditionStatus::kFalse,
       .observed_generation = status.observed_generation,
       .last_transition_time = truncate_to_seconds(now),
       .reason = finding.reason,
       .message = std::string(cut_utf8(finding.message, kTextMax))});
}

void note_users(const Observation& seen, api::ModelVersionStatus& status) {
  status.used_by.clear();
  for (const api::RagIndex& index : seen.indexes) {
    const bool serves_it = !status.digest.empty() && is_of(index.status.stable, status.digest);
    if (names(index, seen.model.metadata.name) || serves_it) {
      status.used_by.push_back(index.metadata.name);
    }
  }
  std::ranges::sort(status.used_by);
  status.used_by.resize(std::min(status.used_by.size(), kUsersMax));
}

// Of an inline model the bytes are here; others are verified when a build reports their digest, and
// stay so.
bool has_verified(const Observation& seen, const api::ModelVersionStatus& status) {
  const api::ModelVersionStatus& before = seen.model.status;
  const kube::Condition* known = kube::find_condition(before.conditions, "Verified");
  const bool was_verified = known != nullptr && known->status == kube::ConditionStatus::kTrue &&
                            before.digest == status.digest;
  return seen.model.spec.source.words || was_verified ||
         std::ranges::any_of(seen.indexes, [&](const api::RagIndex& index) {
           return build_with(index, status.digest) != nullptr;
         });
}

Finding judge(const Observation& seen, const api::ModelVersionStatus& status, bool is_verified) {
  Finding finding = find_gates(seen.model.spec, status);
  if (!is_verified && finding.phase == api::ModelPhase::kReady) {
    finding = {.phase = api::ModelPhase::kVerifying,
               .reason = "NotFetchedYet",
               .message = "the first build that uses it downloads the uri and verifies its sha256"};
  }
  // Some words only the engine knows to be wrong.
  finding.message += last_failure(seen, status.digest);
  return finding;
}

}  // namespace

bool concerns(const api::RagIndex& index, const api::ModelVersion& model) {
  return names(index, model.metadata.name) ||
         (!model.status.digest.empty() && is_of(index.status.stable, model.status.digest)) ||
         std::ranges::any_of(model.spec.gates, [&](const api::ModelGate& gate) {
           return gate.index_ref.name == index.metadata.name;
         });
}

Decision decide(const Observation& seen, WallTime now) {
  Decision decision{.status = seen.model.status};
  if (seen.model.metadata.deletion_timestamp) {
    return decision;
  }
  api::ModelVersionStatus& status = decision.status;
  const api::ModelVersionStatus& before = seen.model.status;
  const api::ModelSource& source = seen.model.spec.source;
  const Result<std::string> digest = source.words ? digest_of_words(*source.words)
                                                  : Result<std::string>(source.sha256.value_or(""));
  status.observed_generation = seen.model.metadata.generation;
  status.digest = digest.value_or("");
  if (status.digest != before.digest) {
    status.gates.clear();  // They were of other bytes.
  }
  take_measurements(seen, status);
  note_users(seen, status);
  const bool is_verified = digest && has_verified(seen, status);
  const Finding finding =
      digest ? judge(seen, status, is_verified) : rejected("InvalidWords", digest.error().message);
  status.phase = finding.phase;
  set(status,
      now,
      "Verified",
      is_verified ? Finding{.reason = "BytesChecked", .message = "the bytes have the digest"}
                  : Finding{.phase = api::ModelPhase::kVerifying,
                            .reason = digest ? "NotFetchedYet" : "InvalidWords",
                            .message = finding.message});
  set(status, now, "Ready", finding);
  if (status.phase != before.phase || status.digest != before.digest) {
    decision.events.push_back(
        {.is_warning = status.phase == api::ModelPhase::kRejected,
         .reason = std::string(enum_name(status.phase)),
         .note =
             (status.digest.empty() ? "" : "sha256 " + status.digest + ": ") + finding.message});
  }
  return decision;
}

}  // namespace sluice::model_version
