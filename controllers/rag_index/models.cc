#include <fmt/format.h>

#include <algorithm>

#include "controllers/rag_index/turn.h"

namespace sluice::rag_index {
namespace {

constexpr Duration kCacheLook = std::chrono::seconds(5);

const api::ModelVersion* usable(const Observation& seen) {
  return seen.model && !seen.model->metadata.deletion_timestamp ? &*seen.model : nullptr;
}

// Why nothing new may be built with the model that the spec names; no reason: it may.
Outcome trouble_with(const Turn& turn, const std::string& name) {
  const api::ModelVersion* model = usable(turn.seen);
  if (model == nullptr) {
    return {.reason = "NotFound",
            .message = "there is no ModelVersion " + name + " in this namespace",
            .is_stalled = true};
  }
  const api::ModelVersionStatus& status = model->status;
  if (status.observed_generation != model->metadata.generation ||
      status.phase == api::ModelPhase::kResolving) {
    return {.reason = "NotResolved", .message = "the ModelVersion " + name + " is being resolved"};
  }
  if (status.phase == api::ModelPhase::kRejected) {
    const kube::Condition* ready = kube::find_condition(status.conditions, "Ready");
    return {.reason = "Rejected",
            .message = "the ModelVersion " + name + " is rejected" +
                       (ready == nullptr ? "" : ": " + ready->message),
            .is_stalled = true};
  }
  // Until it has passed its gates it is tried only where they are measured.
  const auto& gates = model->spec.gates;
  const bool may_try = gates.empty() || std::ranges::any_of(gates, [&](const api::ModelGate& gate) {
                         return gate.index_ref.name == turn.index().metadata.name;
                       });
  if (status.phase == api::ModelPhase::kVerifying && !may_try) {
    return {.reason = "AwaitingGate",
            .message = "the ModelVersion " + name + " has not passed its gates yet",
            .is_stalled = true};
  }
  return {};
}

api::AnalyzerRecord record_of(const api::ModelVersion& model) {
  return {.model_version = model.metadata.name,
          .words = model.spec.source.words,
          .uri = model.spec.source.uri};
}

}  // namespace

// The model's digest is part of what is wanted. While the model is missing, what was begun or
// serves with it is still what the spec asks for, as far as anybody can know: nothing is let go for
// it.
void resolve_model(Turn& turn) {
  const auto& chosen = turn.spec().retrieval.analyzer;
  if (!chosen) {
    return;
  }
  if (!turn.seen.are_models_known) {
    look_again_in(turn, kCacheLook);  // No event tells of a model that is not there.
  }
  const std::string& name = chosen->model_version_ref.name;
  turn.model_trouble = trouble_with(turn, name);
  const api::CandidateStatus* candidate = turn.candidate();
  if (turn.model_trouble.reason.empty()) {
    turn.wanted.analyzer_digest = turn.seen.model->status.digest;
  } else if (candidate != nullptr && candidate->analyzer &&
             candidate->analyzer->model_version == name) {
    turn.wanted.analyzer_digest = candidate->analyzer->digest;
  } else if (turn.stable != nullptr && turn.stable->record.analyzer &&
             turn.stable->record.analyzer->model_version == name) {
    turn.wanted.analyzer_digest = turn.stable->record.config.analyzer_digest;
  } else {
    turn.wanted.analyzer_digest = "";  // Not known; and so no config that there is.
  }
}

std::optional<api::AnalyzerRecord> find_words(const Turn& turn, const std::string& digest) {
  const api::ModelVersion* model = usable(turn.seen);
  if (model != nullptr && model->status.digest == digest &&
      model->status.observed_generation == model->metadata.generation) {
    return record_of(*model);
  }
  for (const Revision& each : turn.seen.revisions) {
    const auto& kept = each.record.analyzer;
    if (each.record.config.analyzer_digest == digest && kept && (kept->words || kept->uri)) {
      return kept;
    }
  }
  return std::nullopt;
}

std::string below_gates(const Turn& turn, const api::RevisionFacts& facts) {
  const api::ModelVersion* model = usable(turn.seen);
  if (model == nullptr || !facts.analyzer_digest ||
      model->status.digest != *facts.analyzer_digest) {
    return {};
  }
  for (const api::ModelGate& gate : model->spec.gates) {
    if (gate.index_ref.name != turn.index().metadata.name) {
      continue;
    }
    if (!facts.evaluation) {
      return "a gate of the ModelVersion " + model->metadata.name +
             " needs evaluation.goldenSet, and the build brought no evaluation";
    }
    if (facts.evaluation->ndcg_at_10 < gate.min) {
      return fmt::format("nDCG@10 is {:.4f}, below {:.4f}, a gate of the ModelVersion {}",
                         facts.evaluation->ndcg_at_10,
                         gate.min,
                         model->metadata.name);
    }
  }
  return {};
}

void set_model_condition(Turn& turn) {
  constexpr std::string_view kType = "ModelMissing";
  const bool is_named = turn.spec().retrieval.analyzer.has_value();
  const bool was_told = kube::find_condition(turn.status().conditions, kType) != nullptr;
  // A cache that has not been filled yet says nothing about what is missing.
  if ((!is_named && !was_told) || (is_named && !turn.seen.are_models_known)) {
    return;
  }
  const Outcome& trouble = turn.model_trouble;
  const bool is_missing = !trouble.reason.empty();
  kube::set_condition(
      turn.status().conditions,
      {.type = std::string(kType),
       .status = trouble.is_stalled ? kube::ConditionStatus::kTrue
                 : is_missing       ? kube::ConditionStatus::kUnknown
                                    : kube::ConditionStatus::kFalse,
       .observed_generation = turn.index().metadata.generation,
       .last_transition_time = turn.second,
       .reason = is_missing ? trouble.reason
                 : is_named ? "Resolved"
                            : "NoModel",
       .message = is_missing ? bounded(trouble.message + "; nothing new is built, what serves "
                                                         "goes on serving")
                  : is_named ? "the model that the spec names can be built with"
                             : "the spec names no model"});
}

}  // namespace sluice::rag_index
