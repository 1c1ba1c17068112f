#include "tests/scenarios/witness.h"

#include <fmt/format.h>

#include <algorithm>

#include "apiclient/types/core.h"
#include "base/describe.h"
#include "controllers/rag_index/names.h"
#include "crds/names.h"
#include "crds/rag_index.h"

namespace sluice {
namespace {

const kube::ObjectKey kKey{"default", "packages"};

bool has_passed_evaluation(const api::CanaryRolloutStatus& status) {
  return std::ranges::any_of(status.decisions, [&](const api::DecisionRecord& each) {
    return each.candidate == status.candidate_revision && each.step == 0 &&
           each.verdict == "Advanced";
  });
}

}  // namespace

void Witness::look(const WriteRecord& write) {
  at_ = fmt::format("{} {} {}", write.method, write.kind, write.key.text());
  if (!write.is_changed) {
    return;
  }
  if (write.kind == api::kCanaryRolloutKind.kind) {
    look_at_rollout();
  } else if (write.kind == api::kRagIndexKind.kind) {
    look_at_index();
  } else if (write.kind == kube::kConfigMapKind.kind) {
    look_at_route();
  } else if (write.kind == kube::kControllerRevisionKind.kind) {
    look_at_revision(write.key);
  } else if (write.kind == kube::kPodKind.kind && write.method != "DELETE") {
    const auto pod = server_.get<kube::Pod>(kube::kPodKind, write.key);
    expect(pod && pod->metadata.label(api::kComponentLabel) == api::kComponentBuilder,
           "the operator made a pod that is no builder");
    note("builder " + write.key.name, pod ? pod->metadata.uid : "");
  }
}

void Witness::note(const std::string& what, const std::string& value) {
  std::vector<std::string>& values = was_[what];
  if (values.empty() || values.back() != value) {
    values.push_back(value);
  }
}

std::vector<std::string> Witness::history() const {
  std::vector<std::string> lines;
  for (const auto& [what, values] : was_) {
    // UIDs tell builders of one name apart; between runs only their number counts.
    lines.push_back(what.starts_with("builder ")
                        ? fmt::format("{}: {}", what, values.size())
                        : fmt::format("{}: {}", what, fmt::join(values, ", ")));
  }
  return lines;
}

void Witness::expect(bool holds, const std::string& what) {
  if (!holds) {
    wrong_.push_back(what + " (after " + at_ + ")");
  }
}

void Witness::look_at_rollout() {
  const auto rollout = server_.get<api::CanaryRollout>(api::kCanaryRolloutKind, kKey);
  if (!rollout) {
    return;
  }
  const api::CanaryRolloutStatus& status = rollout->status;
  note("phase", std::string(name_of(status.phase)));
  note("step", status.step_summary);
  note("desired", fmt::format("{} {}", status.desired.seq, format_share(status.desired.weight)));
  const std::int64_t block = status.evidence ? status.evidence->block : 0;
  const bool is_same_step =
      step_.candidate == status.candidate_revision && step_.index == status.step_index;
  if (is_same_step && step_.started_at && status.phase == api::RolloutPhase::kProgressing) {
    expect(status.step_started_at == step_.started_at, "stepStartedAt moved within a step");
    expect(block >= step_.block, "blocks of evidence were lost");
  }
  step_ = {.candidate = status.candidate_revision,
           .index = status.step_index,
           .started_at = status.step_started_at,
           .block = block};
}

void Witness::look_at_index() {
  const auto index = server_.get<api::RagIndex>(api::kRagIndexKind, kKey);
  if (index) {
    if (!index->status.stable_revision.empty() || was_.contains("stable")) {
      note("stable", index->status.stable_revision);
    }
    note("candidate", index->status.candidate ? index->status.candidate->revision : "");
  }
}

void Witness::look_at_revision(const kube::ObjectKey& key) {
  const auto revision = server_.get<kube::ControllerRevision>(kube::kControllerRevisionKind, key);
  if (revision && revision->metadata.label(api::kComponentLabel) != api::kComponentPolicy) {
    note("verdict of " + key.name, std::string(revision->metadata.label(api::kVerdictLabel)));
  }
}

void Witness::look_at_route() {
  const auto map = server_.get<kube::ConfigMap>(kube::kConfigMapKind,
                                                {"default", rag_index::route_name("packages")});
  const auto table =
      map ? from_json<wire::RouteTable>(map->data.at(std::string(api::kRouteTableKey)))
          : Result<wire::RouteTable>(fail(ErrorCode::kNotFound, "no table"));
  if (!table) {
    expect(false, "the route table cannot be read");
    return;
  }
  const Share weight = table->candidate ? table->candidate->weight : Share{};
  note("weight", format_share(weight));
  note("copies", format_share(table->candidate ? table->candidate->shadow : Share{}));
  // The first table stands before there is anything to be served.
  expect(table->stable.has_value() || !was_.contains("stable"), "a table without stable");
  if (table->stable) {
    expect(ready_workers(table->stable->revision) > 0, "stable has no ready worker");
  }
  if (table->candidate) {
    look_at_weight(*table);
  }
}

// A candidate may only have weight, or copies, while its rollout says so, after its evaluation was
// passed.
void Witness::look_at_weight(const wire::RouteTable& table) {
  const auto rollout = server_.get<api::CanaryRollout>(api::kCanaryRolloutKind, kKey);
  if (!rollout) {
    expect(false, "weight without a rollout");
    return;
  }
  const api::CanaryRolloutStatus& status = rollout->status;
  const wire::RouteCandidate& candidate = *table.candidate;
  expect(status.candidate_revision == candidate.target.revision, "weight for another candidate");
  expect(has_passed_evaluation(status), "weight before the evaluation was passed");
  const bool may_have_weight = status.phase == api::RolloutPhase::kProgressing ||
                               status.phase == api::RolloutPhase::kPaused ||
                               status.phase == api::RolloutPhase::kPromoting ||
                               status.phase == api::RolloutPhase::kWatching;
  expect(may_have_weight, fmt::format("weight in phase {}", name_of(status.phase)));
  expect(candidate.weight == status.desired.weight &&
             candidate.shadow == status.desired.shadow_percent,
         "other shares than the rollout wrote down");
  expect(candidate.weight < kWhole || status.phase == api::RolloutPhase::kPromoting,
         "nothing left for stable before the promotion");
  expect(ready_workers(candidate.target.revision) > 0, "weight without a ready worker");
}

int Witness::ready_workers(const std::string& revision) {
  int ready = 0;
  for (const auto& pod : server_.list<kube::Pod>(kube::kPodKind, "default")) {
    const bool is_worker = pod.metadata.label(api::kComponentLabel) == api::kComponentWorker;
    ready += is_worker && pod.metadata.label(api::kRevisionLabel) == revision && kube::is_ready(pod)
                 ? 1
                 : 0;
  }
  return ready;
}

}  // namespace sluice
