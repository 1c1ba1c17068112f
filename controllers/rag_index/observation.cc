#include "controllers/rag_index/observation.h"

#include <algorithm>

#include "base/describe.h"
#include "crds/names.h"

namespace sluice::rag_index {
namespace {

template <class T>
const T* find_named(const std::vector<T>& objects, std::string_view name) {
  const auto found =
      std::ranges::find_if(objects, [&](const T& each) { return each.metadata.name == name; });
  return found == objects.end() ? nullptr : &*found;
}

// Ours, or left without an owner by a restore: those are adopted.
bool may_be_ours(const kube::ObjectMeta& object, const kube::ObjectMeta& index) {
  return std::ranges::all_of(object.owner_references,
                             [&](const auto& owner) { return owner.uid == index.uid; });
}

bool has_fetched(const kube::Pod& pod) {
  const auto& fetches = pod.status.init_container_statuses;
  return !fetches.empty() && std::ranges::all_of(fetches, [](const kube::ContainerStatus& each) {
    return each.state.terminated && each.state.terminated->exit_code == 0;
  });
}

}  // namespace

void add_revision(Observation& seen, const kube::ControllerRevision& revision) {
  if (revision.metadata.label(api::kComponentLabel) == api::kComponentPolicy) {
    // Its CanaryRollout owns it, not the index.
    if (auto policy = from_json<api::ResolvedPolicy>(revision.data.text)) {
      seen.policies.emplace(revision.metadata.name, std::move(*policy));
    }
    return;
  }
  if (!may_be_ours(revision.metadata, seen.index.metadata)) {
    return;
  }
  auto record = from_json<api::RevisionRecord>(revision.data.text);
  if (!record) {
    return;
  }
  Revision known{.metadata = revision.metadata,
                 .data = revision.data.text,
                 .number = revision.revision,
                 .record = std::move(*record)};
  const std::string_view facts = revision.metadata.annotation(api::kFactsAnnotation);
  if (auto read = from_json<api::RevisionFacts>(facts); !facts.empty() && read) {
    known.facts = std::move(*read);
  }
  seen.revisions.push_back(std::move(known));
}

const api::HttpSource* golden_set_of(const api::RagIndexSpec& spec) {
  const bool is_there = spec.evaluation && spec.evaluation->golden_set.http;
  return is_there ? &*spec.evaluation->golden_set.http : nullptr;
}

const Revision* find_revision(const Observation& seen, std::string_view name) {
  return find_named(seen.revisions, name);
}

const kube::Deployment* find_deployment(const Observation& seen, std::string_view name) {
  return find_named(seen.deployments, name);
}

const kube::Pod* find_pod(const Observation& seen, std::string_view name) {
  return find_named(seen.pods, name);
}

const OwnedObject* find_other(const Observation& seen,
                              const kube::ResourceKind& kind,
                              std::string_view name) {
  const auto found = std::ranges::find_if(seen.others, [&](const OwnedObject& each) {
    return each.kind.kind == kind.kind && each.metadata.name == name;
  });
  return found == seen.others.end() ? nullptr : &*found;
}

std::vector<const kube::Pod*> pods_of(const Observation& seen,
                                      std::string_view component,
                                      std::string_view revision) {
  std::vector<const kube::Pod*> pods;
  for (const kube::Pod& pod : seen.pods) {
    if (pod.metadata.label(api::kComponentLabel) == component &&
        (revision.empty() || pod.metadata.label(api::kRevisionLabel) == revision)) {
      pods.push_back(&pod);
    }
  }
  return pods;
}

std::int32_t ready_workers(const Observation& seen, std::string_view revision) {
  if (revision.empty()) {
    return 0;
  }
  const auto pods = pods_of(seen, api::kComponentWorker, revision);
  return static_cast<std::int32_t>(
      std::ranges::count_if(pods, [](const kube::Pod* pod) { return kube::is_ready(*pod); }));
}

bool has_holding_worker(const Observation& seen, std::string_view revision) {
  if (revision.empty()) {
    return false;
  }
  const auto pods = pods_of(seen, api::kComponentWorker, revision);
  return std::ranges::any_of(pods, [](const kube::Pod* pod) {
    return !pod->metadata.deletion_timestamp && (kube::is_ready(*pod) || has_fetched(*pod));
  });
}

}  // namespace sluice::rag_index
