#include "tests/sim/witness.h"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "apiclient/types/coordination.h"
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

// What the phases of one rollout, and of the next one, may follow each other as.
bool may_follow(api::RolloutPhase before, api::RolloutPhase after) {
  using enum api::RolloutPhase;
  const auto is_one_of = [after](std::initializer_list<api::RolloutPhase> phases) {
    return std::ranges::find(phases, after) != phases.end();
  };
  // From anywhere: the index is gone, the candidate was let go, it failed.
  if (before == after || is_one_of({kIdle, kSuperseded})) {
    return true;
  }
  switch (before) {
    case kPending:
      return is_one_of({kEvaluating, kProgressing, kPaused, kRollingBack, kRolledBack, kInvalid});
    case kEvaluating:
      return is_one_of({kProgressing, kPaused, kPromoting, kRollingBack, kRolledBack});
    case kProgressing:
    case kPaused:
      return is_one_of({kProgressing, kPaused, kPromoting, kRollingBack, kRolledBack});
    case kPromoting:
      return is_one_of({kWatching, kPromoted, kRollingBack, kRolledBack});
    case kWatching:
      return is_one_of({kPromoted, kRollingBack, kRolledBack});
    case kRollingBack:
      return after == kRolledBack;
    case kIdle:
    case kPromoted:
    case kRolledBack:
    case kSuperseded:
    case kInvalid:
      return is_one_of({kPending, kInvalid});
  }
  return false;
}

// Whether the table does what this status asks for: a candidate may only have weight, or copies,
// while its rollout says so, after its evaluation was passed. Empty, or what is wrong.
std::string objection(const api::CanaryRolloutStatus& status,
                      const wire::RouteCandidate& candidate) {
  if (status.candidate_revision != candidate.target.revision) {
    return "weight for another candidate";
  }
  if (!has_passed_evaluation(status)) {
    return "weight before the evaluation was passed";
  }
  const bool may_have_weight = status.phase == api::RolloutPhase::kProgressing ||
                               status.phase == api::RolloutPhase::kPaused ||
                               status.phase == api::RolloutPhase::kPromoting ||
                               status.phase == api::RolloutPhase::kWatching;
  if (!may_have_weight) {
    return fmt::format("weight in phase {}", name_of(status.phase));
  }
  if (candidate.weight != status.desired.weight ||
      candidate.shadow != status.desired.shadow_percent) {
    return "other shares than the rollout wrote down";
  }
  if (candidate.weight == kWhole && status.phase != api::RolloutPhase::kPromoting) {
    return "nothing left for stable before the promotion";
  }
  return {};
}

// Of the policies that the scenarios begin with; what they are changed to counts for no rollout.
bool is_lawful(Share weight, api::RolloutPhase phase) {
  return weight == Share{0} || weight == Share{1000} || weight == Share{5000} ||
         (weight == kWhole && phase == api::RolloutPhase::kPromoting) ||
         (weight == Share{9500} && phase == api::RolloutPhase::kWatching);
}

}  // namespace

void Witness::look(const WriteRecord& write) {
  at_ = fmt::format("{} {} {}", write.method, write.kind, write.key.text());
  look_at_lease(write);
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

// An operator may write only while it holds the lease, by the server's own record. It makes the key
// for tokens without it: two that do that at once cannot harm each other.
void Witness::look_at_lease(const WriteRecord& write) {
  if (write.kind == kube::kLeaseKind.kind) {
    const auto lease = server_.get<kube::Lease>(kube::kLeaseKind, write.key);
    if (lease && write.is_changed) {
      holder_ = lease->spec.holder_identity;
      identities_[write.user] = holder_;
    }
  } else if (write.kind != kube::kSecretKind.kind ||
             write.key.namespace_name == kKey.namespace_name) {
    expect(!holder_.empty() && identities_[write.user] == holder_,
           write.user + " wrote without the lease");
  }
}

void Witness::look_at_phase(api::RolloutPhase phase) {
  expect(!phase_ || may_follow(*phase_, phase),
         fmt::format("phase {} after {}", name_of(phase), name_of(phase_.value_or(phase))));
  phase_ = phase;
}

void Witness::rollout_was_deleted() {
  if (!wishes_.empty()) {
    wishes_.back().until = loop_.now();
  }
  phase_.reset();
  confirmed_seq_ = 0;
}

void Witness::look_at_rollout() {
  const auto rollout = server_.get<api::CanaryRollout>(api::kCanaryRolloutKind, kKey);
  if (!rollout) {
    return;
  }
  const api::CanaryRolloutStatus& status = rollout->status;
  if (!wishes_.empty() && !wishes_.back().until) {
    wishes_.back().until = loop_.now();
  }
  wishes_.push_back({.status = status});
  while (wishes_.front().until && *wishes_.front().until + staleness_ < loop_.now()) {
    wishes_.pop_front();
  }
  look_at_phase(status.phase);
  expect(
      is_lawful(status.desired.weight, status.phase),
      fmt::format(
          "{} asked for in phase {}", format_share(status.desired.weight), name_of(status.phase)));
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
  const bool has_begun = status.phase == api::RolloutPhase::kProgressing &&
                         status.step_started_at && !(is_same_step && step_.started_at);
  expect(!has_begun || confirmed_seq_ >= status.desired.seq,
         "a step began before its traffic was confirmed");
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
    const auto& route = index->status.route;
    if (route && route->confirmed) {
      confirmed_seq_ = std::max(confirmed_seq_, route->desired_seq);
      const std::tuple table(route->epoch, route->generation);
      expect(std::exchange(confirmed_table_, table) == table ||
                 data_plane_.routers_have(route->epoch, route->generation),
             "a table is confirmed that not every router has taken");
    }
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
    expect(is_stable_excused_ || has_workers(table->stable->revision),
           "stable has no ready worker");
  }
  const std::string with_weight = weight > Share{} ? table->candidate->target.revision : "";
  expect(with_weight.empty() || with_weight_.empty() || with_weight == with_weight_,
         "users of one candidate were given to the next one, and not to stable in between");
  with_weight_ = with_weight;
  if (table->candidate) {
    look_at_weight(*table);
  }
}

void Witness::look_at_weight(const wire::RouteTable& table) {
  const wire::RouteCandidate& candidate = *table.candidate;
  std::string problem = "weight without a rollout";
  for (const Wish& wish : wishes_) {
    if (!wish.until || *wish.until + staleness_ >= loop_.now()) {
      problem = objection(wish.status, candidate);
      if (problem.empty()) {
        break;
      }
    }
  }
  expect(problem.empty(), problem);
  expect(has_workers(candidate.target.revision), "weight without a ready worker");
}

bool Witness::has_workers(const std::string& revision) {
  const auto pods = server_.list<kube::Pod>(kube::kPodKind, "default");
  const bool is_now = std::ranges::any_of(pods, [&](const kube::Pod& pod) {
    return pod.metadata.label(api::kComponentLabel) == api::kComponentWorker &&
           pod.metadata.label(api::kRevisionLabel) == revision && kube::is_ready(pod);
  });
  const MonotonicTime last = data_plane_.last_ready(revision);
  return is_now || (last > MonotonicTime{} && loop_.now() - last <= staleness_);
}

}  // namespace sluice
