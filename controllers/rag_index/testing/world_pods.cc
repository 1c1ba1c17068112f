// What runs in the world's pods: builders, holders, workers and routers, as their kubelets and the
// operator's scrapes would see them.

#include "controllers/rag_index/testing/world.h"

#include <algorithm>
#include <sstream>

#include "base/check.h"
#include "controllers/rag_index/names.h"

namespace sluice::rag_index {
namespace {

void set_ready(kube::Pod& pod, bool is_ready) {
  pod.status.conditions = {
      {.type = "Ready",
       .status = is_ready ? kube::ConditionStatus::kTrue : kube::ConditionStatus::kFalse}};
}

// What a builder was told by a flag.
std::optional<std::string> argument_of(const std::string& body, std::string_view flag) {
  const std::string before = "\"" + std::string(flag) + "\",\"";
  const std::size_t begin = body.find(before);
  if (begin == std::string::npos) {
    return std::nullopt;
  }
  const std::size_t at = begin + before.size();
  return body.substr(at, body.find('"', at) - at);
}

// The string member of that name, wherever it is; empty without one.
std::string member_of(const std::string& body, std::string_view name) {
  const std::string before = "\"" + std::string(name) + "\":\"";
  const std::size_t begin = body.find(before);
  if (begin == std::string::npos) {
    return {};
  }
  const std::size_t at = begin + before.size();
  return body.substr(at, body.find('"', at) - at);
}

// A builder that was told that these documents need not be built.
bool is_known_to(const std::string& body, const std::string& documents) {
  return body.find("\"--unless-digest\",\"" + documents + "\"") != std::string::npos;
}

}  // namespace

// A ready worker or a ready builder with the revision's label, or a ready holder that has it.
bool World::is_held(const std::string& revision) const {
  return std::ranges::any_of(pods, [&](const auto& entry) {
    const kube::ObjectMeta& meta = entry.second.metadata;
    const auto disk = disks.find(meta.uid);
    const bool has_it = meta.label(api::kRevisionLabel) == revision ||
                        (disk != disks.end() && disk->second.contains(revision));
    return has_it && kube::is_ready(entry.second);
  });
}

// Fetches what it is asked for, from its volume or from whoever has it, and says what it has.
bool World::run_holder(kube::Pod& pod) {
  const std::string owner(pod.metadata.label("owner"));
  const std::string claim = member_of(deployment_bodies[owner], "claimName");
  if (kube::is_ready(pod) || !do_holders_start) {
    return false;
  }
  std::set<std::string> held;
  wire::BuildReport report{.phase = wire::BuildPhase::kReady, .message = "holds some"};
  std::istringstream asked{std::string(pod.metadata.annotation(kHoldsAnnotation))};
  for (std::string revision; asked >> revision;) {
    const bool is_kept = !claim.empty() && volumes[claim].contains(revision);
    if (!is_kept && (!is_held(revision) || (!claim.empty() && is_volume_full))) {
      continue;
    }
    held.insert(revision);
    const Observation seen = observe();
    const Revision* known = find_revision(seen, revision);
    CHECK(known != nullptr && known->facts);
    for (const std::string& digest : {known->facts->index_digest,
                                      known->facts->evaluation_digest,
                                      known->facts->documents_digest,
                                      known->record.config.analyzer_digest.value_or("")}) {
      report.held.push_back(digest);
    }
  }
  if (!claim.empty()) {
    volumes[claim] = held;
  }
  disks[pod.metadata.uid] = held;
  pod.status.phase = "Running";
  pod.status.pod_ip = "10.0.2." + pod.metadata.uid;
  set_ready(pod, true);
  if (do_holders_answer) {
    reports[pod.metadata.uid] = {.report = report, .arrived = {.wall = now}};
  }
  return true;
}

bool World::run_builder(kube::Pod& pod) {
  const bool has_ended = pod.status.phase == "Failed" || pod.status.phase == "Succeeded";
  if (!do_builders_run || has_ended || kube::is_ready(pod)) {
    return false;
  }
  const std::string& body = pod_bodies[pod.metadata.name];
  BuildOutcome outcome = build(pod);
  outcome.facts.analyzer_digest = argument_of(body, "--analyzer-digest");
  if (const auto pinned = argument_of(body, "--documents-digest")) {
    outcome.facts.documents_digest = *pinned;
  }
  if (outcome.failure.empty() && is_known_to(body, outcome.facts.documents_digest)) {
    kube::ContainerStatus ended{.name = "builder"};
    ended.state.terminated = kube::ContainerTerminated{
        .reason = "Completed", .message = wire::unchanged_text(outcome.facts.documents_digest)};
    pod.status.phase = "Succeeded";
    pod.status.container_statuses = {ended};
    return true;
  }
  scrape::ReportSample& sample = reports[pod.metadata.uid];
  sample.arrived.wall = now;
  pod.status.pod_ip = "10.0.1." + pod.metadata.uid;
  if (outcome.failure.empty()) {
    pod.status.phase = "Running";
    set_ready(pod, true);
    sample.report = wire::BuildReport{.phase = wire::BuildPhase::kReady,
                                      .documents_digest = outcome.facts.documents_digest,
                                      .facts = outcome.facts};
  } else {
    pod.status.phase = "Failed";
    sample.report =
        wire::BuildReport{.phase = wire::BuildPhase::kFailed, .message = outcome.failure};
  }
  return true;
}

bool World::run_deployment(kube::Deployment& deployment) {
  bool has_changed = false;
  std::vector<std::string> mine;
  std::vector<std::string> old;  // Of holders alone: their templates change.
  const kube::PodTemplateMeta& wanted = deployment.spec.pod_template.metadata;
  for (const auto& [name, pod] : pods) {
    if (pod.metadata.label("owner") == deployment.metadata.name) {
      (pod.metadata.annotations == wanted.annotations ? mine : old).push_back(name);
    }
  }
  const bool is_surge = member_of(deployment_bodies[deployment.metadata.name], "claimName").empty();
  const bool is_replaced = std::ranges::any_of(
      mine, [this](const std::string& name) { return kube::is_ready(pods.at(name)); });
  if (!old.empty() && (!is_surge || is_replaced)) {
    for (const std::string& name : old) {
      reports.erase(pods.at(name).metadata.uid);
      pods.erase(name);
    }
    has_changed = true;
  }
  while (static_cast<std::int32_t>(mine.size()) > deployment.spec.replicas) {
    pods.erase(mine.back());
    mine.pop_back();
    has_changed = true;
  }
  for (auto i = static_cast<std::int32_t>(mine.size()); i < deployment.spec.replicas; ++i) {
    kube::Pod pod;
    const std::string uid = next_uid();
    pod.metadata = {.name = deployment.metadata.name + "-" + uid,
                    .namespace_name = "default",
                    .uid = uid,
                    .labels = wanted.labels,
                    .annotations = wanted.annotations,
                    .creation_timestamp = truncate_to_seconds(now)};
    pod.metadata.labels["owner"] = deployment.metadata.name;
    pod.status.phase = "Pending";
    pods.emplace(pod.metadata.name, pod);
    has_changed = true;
  }
  deployment.status.replicas = deployment.spec.replicas;
  return has_changed;
}

bool World::run_pod(kube::Pod& pod) {
  const std::string revision(pod.metadata.label(api::kRevisionLabel));
  const bool is_worker = pod.metadata.label(api::kComponentLabel) == api::kComponentWorker;
  const bool should_be_ready =
      is_worker ? can_start(revision) && (kube::is_ready(pod) || is_held(revision))
                : !status().stable_revision.empty() && route.has_value();
  if (should_be_ready == kube::is_ready(pod)) {
    return false;
  }
  pod.status.phase = "Running";
  pod.status.pod_ip = "10.0.0." + pod.metadata.uid;
  set_ready(pod, should_be_ready);
  return true;
}

bool World::run_router(const kube::Pod& pod) {
  if (!do_routers_confirm || !kube::is_ready(pod)) {
    return false;
  }
  const wire::RouteTable now_in_force = table();
  scrape::RouterSample& sample = samples[pod.metadata.name];
  const wire::TableSeen seen{
      .uid = now_in_force.uid, .epoch = now_in_force.epoch, .generation = now_in_force.generation};
  if (sample.counters && sample.counters->table == seen) {
    return false;
  }
  sample.router = pod.metadata.name;
  sample.pod_uid = pod.metadata.uid;
  sample.arrived.wall = now;
  sample.counters.emplace().table = seen;
  return true;
}

bool World::run_cluster() {
  bool has_changed = false;
  for (auto& [name, deployment] : deployments) {
    has_changed |= run_deployment(deployment);
  }
  for (auto& [name, pod] : pods) {
    if (pod.metadata.label(api::kComponentLabel) == api::kComponentBuilder) {
      has_changed |= run_builder(pod);
    } else if (pod.metadata.label(api::kComponentLabel) == api::kComponentHolder) {
      has_changed |= run_holder(pod);
    } else {
      has_changed |= run_pod(pod);
    }
    if (pod.metadata.label(api::kComponentLabel) == api::kComponentRouter) {
      has_changed |= run_router(pod);
    }
  }
  return has_changed;
}

}  // namespace sluice::rag_index
