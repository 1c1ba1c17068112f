#include "controllers/rag_index/testing/world.h"

#include <algorithm>

#include "base/base64.h"
#include "base/check.h"
#include "base/describe.h"

namespace sluice::rag_index {
namespace {

template <class T>
T read(const std::string& body) {
  auto object = from_json<T>(body);
  CHECK(object.has_value());
  return std::move(*object);
}

// Keeps what the server gave the object when it was made.
template <class T>
void keep_identity(T& fresh, const T& old) {
  fresh.metadata.uid = old.metadata.uid;
  fresh.metadata.creation_timestamp = old.metadata.creation_timestamp;
  fresh.metadata.resource_version = old.metadata.resource_version;
}

}  // namespace

std::string digest_of(char letter) {
  return std::string(64, letter);
}

api::RevisionFacts facts_of(const std::string& documents, double ndcg) {
  return {.documents_digest = documents,
          .index_digest = digest_of('1'),
          .evaluation_digest = digest_of('2'),
          .index_bytes = 1'000'000,
          .documents = 33'000,
          .chunks = 33'000,
          .evaluation = api::EvaluationSummary{
              .ndcg_at_10 = ndcg, .queries = 2000, .golden_digest = digest_of('3')}};
}

World::World() {
  now = {std::chrono::seconds(1'800'000'000)};
  index.metadata = {.name = "packages",
                    .namespace_name = "default",
                    .uid = "index-uid",
                    .resource_version = "1",
                    .generation = 1,
                    .creation_timestamp = now};
  index.spec.source.http = api::HttpSource{.url = "http://corpus/packages.jsonl.gz"};
  index.spec.evaluation =
      api::Evaluation{.golden_set = {.http = api::HttpSource{.url = "http://corpus/golden.jsonl"}}};
  index.spec.slo.ndcg_at_10 = 0.6;
  index.spec.retrieval.mode = api::RetrievalMode::kTfidf;
  build = [](const kube::Pod&) { return BuildOutcome{.facts = facts_of(digest_of('d'), 0.7)}; };
  can_start = [](const std::string&) { return true; };
}

void World::edit(const std::function<void(api::RagIndexSpec&)>& change) {
  change(index.spec);
  ++index.metadata.generation;
  index.metadata.resource_version = next_uid();
}

void World::resolve_model(const std::string& name, const std::string& stop_word) {
  const std::int64_t generation = model ? model->metadata.generation + 1 : 1;
  model.emplace();
  model->metadata = {.name = name, .namespace_name = "default", .generation = generation};
  model->spec.source.words = api::AnalyzerWords{.stop_words = std::vector{stop_word}};
  model->status.observed_generation = generation;
  model->status.phase = api::ModelPhase::kReady;
  model->status.digest = digest_of(stop_word.front());
}

api::CanaryRollout& World::add_rollout(const std::string& name) {
  api::CanaryRollout& rollout = rollouts.emplace_back();
  rollout.metadata = {.name = name,
                      .namespace_name = "default",
                      .uid = "rollout-" + next_uid(),
                      .creation_timestamp = now};
  rollout.spec.index_ref.name = index.metadata.name;
  return rollout;
}

void World::take_up(api::CanaryRollout& rollout) const {
  CHECK(index.status.candidate.has_value());
  rollout.status.index_uid = index.metadata.uid;
  rollout.status.phase = api::RolloutPhase::kPending;
  rollout.status.candidate_config = index.status.candidate->config_hash;
  rollout.status.candidate_since = index.status.candidate->since;
  rollout.status.candidate_revision = index.status.candidate->revision;
  desire(rollout, api::TrafficMode::kNone, {});
}

void World::desire(api::CanaryRollout& rollout, api::TrafficMode mode, Share weight) const {
  rollout.status.desired = {.index_uid = index.metadata.uid,
                            .index_generation = index.status.candidate
                                                    ? index.status.candidate->generation
                                                    : index.metadata.generation,
                            .candidate = rollout.status.candidate_revision,
                            .mode = mode,
                            .weight = weight,
                            .seq = rollout.status.desired.seq + 1};
}

void World::roll_back(api::CanaryRollout& rollout, const std::string& why) const {
  desire(rollout, api::TrafficMode::kNone, {});
  rollout.status.phase = api::RolloutPhase::kRollingBack;
  rollout.status.verdict = why;
}

std::string World::next_uid() {
  return std::to_string(++last_uid_);
}

Observation World::observe() const {
  Observation seen{.index = index, .rollouts = rollouts, .settings = settings};
  for (const auto& [name, each] : revisions) {
    add_revision(seen, each);
  }
  for (const auto& [name, each] : deployments) {
    seen.deployments.push_back(each);
  }
  for (const auto& [name, each] : pods) {
    seen.pods.push_back(each);
  }
  for (const auto& [key, each] : others) {
    for (const kube::ResourceKind& kind : kOtherKinds) {
      if (kind.kind == key.first) {
        seen.others.push_back({.kind = kind, .metadata = each});
      }
    }
  }
  const auto& analyzer = index.spec.retrieval.analyzer;
  if (model && analyzer && analyzer->model_version_ref.name == model->metadata.name) {
    seen.model = model;
  }
  seen.policies = policies;
  seen.route = route;
  seen.reports = reports;
  for (const auto& [name, each] : samples) {
    seen.samples.push_back(each);
  }
  seen.stable_golden_again = stable_golden_again;
  seen.token = token_key + "-" + index.metadata.uid;
  seen.is_token_due =
      !secret || secret->data.at(std::string(api::kTokenKey)) != base64_encode(seen.token);
  return seen;
}

bool World::reconcile() {
  return reconcile_on(observe());
}

bool World::reconcile_on(const Observation& old) {
  return carry_out(decide(old, now), old.index);
}

bool World::carry_out(const Decision& decision, const api::RagIndex& observed) {
  int writes = 0;
  plan = decision.plan;
  if (decision.status != observed.status) {
    if (observed.metadata.resource_version != index.metadata.resource_version) {
      return false;  // 409: nothing is done.
    }
    index.status = decision.status;
    index.metadata.resource_version = next_uid();
    statuses.push_back(index.status);
    ++writes;
  }
  for (const Action& action : decision.actions) {
    if (writes_max > 0 && writes >= writes_max) {
      break;
    }
    act(action);
    ++writes;
  }
  return writes > 0;
}

void World::act(const Apply& apply) {
  const Manifest& wanted = apply.manifest;
  const auto put = [&](auto& objects, auto fresh) {
    const auto known = objects.find(wanted.name);
    if (known != objects.end()) {
      keep_identity(fresh, known->second);
      fresh.status = known->second.status;
      known->second = std::move(fresh);
      return;
    }
    fresh.metadata.uid = next_uid();
    fresh.metadata.creation_timestamp = truncate_to_seconds(now);
    objects.emplace(wanted.name, std::move(fresh));
  };
  if (wanted.kind.kind == kube::kDeploymentKind.kind) {
    put(deployments, read<kube::Deployment>(wanted.body));
    deployment_bodies[wanted.name] = wanted.body;
  } else if (wanted.kind.kind == kube::kPodKind.kind) {
    put(pods, read<kube::Pod>(wanted.body));
    pod_bodies[wanted.name] = wanted.body;
  } else if (wanted.kind.kind == kube::kConfigMapKind.kind) {
    route = read<kube::ConfigMap>(wanted.body);
    tables.push_back(table());
  } else if (wanted.kind.kind == kube::kControllerRevisionKind.kind) {
    auto fresh = read<kube::ControllerRevision>(wanted.body);
    const auto known = revisions.find(wanted.name);
    if (known != revisions.end()) {
      CHECK(known->second.data == fresh.data);  // The API server refuses a change.
      keep_identity(fresh, known->second);
    } else {
      fresh.metadata.uid = next_uid();
      fresh.metadata.creation_timestamp = truncate_to_seconds(now);
    }
    revisions[wanted.name] = std::move(fresh);
  } else {
    kube::ObjectMeta meta = read<kube::MetadataOnly>(wanted.body).metadata;
    meta.uid = next_uid();
    others[{std::string(wanted.kind.kind), wanted.name}] = std::move(meta);
  }
}

void World::act(const ApplyToken& apply) {
  secret = read<kube::Secret>(apply.manifest.body);
}

void World::act(const Delete& removal) {
  const auto drop = [&](auto& objects) {
    const auto found = objects.find(removal.name);
    if (found != objects.end() && found->second.metadata.uid == removal.uid) {
      objects.erase(found);
    }
  };
  if (removal.kind.kind == kube::kDeploymentKind.kind) {
    drop(deployments);
    std::erase_if(pods, [&](const auto& entry) {
      return entry.second.metadata.label("owner") == removal.name;
    });
  } else if (removal.kind.kind == kube::kPodKind.kind) {
    reports.erase(removal.uid);
    drop(pods);
  } else if (removal.kind.kind == kube::kControllerRevisionKind.kind) {
    drop(revisions);
  } else {
    others.erase({std::string(removal.kind.kind), removal.name});
  }
}

void World::act(const SetLabel& set) {
  CHECK(set.kind.kind == kube::kPodKind.kind);
  if (const auto found = pods.find(set.name); found != pods.end()) {
    found->second.metadata.labels[set.label] = set.value;
  }
}

void World::act(const Action& action) {
  std::visit([this](const auto& each) { act(each); }, action);
}

bool World::settle() {
  for (int round = 0; round < 200; ++round) {
    const bool has_written = reconcile();
    const bool has_run = run_cluster();
    if (!has_written && !has_run) {
      return true;
    }
    advance(std::chrono::milliseconds(100));
  }
  return false;
}

bool World::is_quiet() const {
  const Decision decision = decide(observe(), now);
  return decision.actions.empty() && decision.status == index.status;
}

wire::RouteTable World::table() const {
  CHECK(route.has_value());
  return read<wire::RouteTable>(route->data.at(std::string(api::kRouteTableKey)));
}

std::optional<std::int32_t> World::replicas(const std::string& deployment) const {
  const auto found = deployments.find(deployment);
  return found == deployments.end() ? std::nullopt : std::optional(found->second.spec.replicas);
}

std::vector<std::string> World::names(const kube::ResourceKind& kind) const {
  std::vector<std::string> all;
  for (const auto& [key, each] : others) {
    if (key.first == kind.kind) {
      all.push_back(key.second);
    }
  }
  return all;
}

const kube::Pod* World::builder() const {
  for (const auto& [name, pod] : pods) {
    if (pod.metadata.label(api::kComponentLabel) == api::kComponentBuilder) {
      return &pod;
    }
  }
  return nullptr;
}

const kube::Condition& World::condition(std::string_view type) const {
  const kube::Condition* found = kube::find_condition(index.status.conditions, type);
  CHECK(found != nullptr);
  return *found;
}

std::string World::ready_reason() const {
  return condition("Ready").reason;
}

}  // namespace sluice::rag_index
