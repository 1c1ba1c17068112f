#include "operator/caches.h"

#include <fmt/format.h>

#include "crds/names.h"

namespace sluice {
namespace {

// Objects that carry our label and, if one is named, that component.
InformerOptions ours(const kube::ResourceKind& kind,
                     const std::string& watch_namespace,
                     std::string_view component = {}) {
  std::string selector = fmt::format("{}=sluice", api::kManagedByLabel);
  if (!component.empty()) {
    selector += fmt::format(",{}={}", api::kComponentLabel, component);
  }
  return {.selection = {.kind = kind,
                        .namespace_name = watch_namespace,
                        .label_selector = std::move(selector)},
          .indexed_labels = {std::string(api::kIndexLabel)}};
}

// Pods of Deployments carry only the labels of their template, which names their index.
InformerOptions of_any_index(const kube::ResourceKind& kind, const std::string& watch_namespace) {
  return {.selection = {.kind = kind,
                        .namespace_name = watch_namespace,
                        .label_selector = std::string(api::kIndexLabel)},
          .indexed_labels = {std::string(api::kIndexLabel)}};
}

InformerOptions all(const kube::ResourceKind& kind, const std::string& watch_namespace) {
  return {.selection = {.kind = kind, .namespace_name = watch_namespace}};
}

}  // namespace

Caches::Caches(const ApiContext& context, Rng rng, const std::string& watch_namespace)
    : indexes(context, rng.fork(), all(api::kRagIndexKind, watch_namespace)),
      rollouts(context, rng.fork(), all(api::kCanaryRolloutKind, watch_namespace)),
      models(context, rng.fork(), all(api::kModelVersionKind, watch_namespace)),
      revisions(context, rng.fork(), ours(kube::kControllerRevisionKind, watch_namespace)),
      deployments(context, rng.fork(), ours(kube::kDeploymentKind, watch_namespace)),
      pods(context, rng.fork(), of_any_index(kube::kPodKind, watch_namespace)),
      config_maps(
          context, rng.fork(), ours(kube::kConfigMapKind, watch_namespace, api::kComponentRoute)) {
  for (const kube::ResourceKind& kind : rag_index::kOtherKinds) {
    others.push_back(std::make_unique<Informer<kube::MetadataOnly>>(
        context, rng.fork(), ours(kind, watch_namespace)));
  }
}

void Caches::add_to(Manager& manager) {
  manager.add(managed(indexes));
  manager.add(managed(rollouts));
  manager.add(managed(models));
  manager.add(managed(revisions));
  manager.add(managed(deployments));
  manager.add(managed(pods));
  manager.add(managed(config_maps));
  for (const auto& informer : others) {
    manager.add(managed(*informer));
  }
}

rag_index::Listers Caches::listers() const {
  rag_index::Listers listers{.indexes = indexes.lister(),
                             .rollouts = rollouts_of_index,
                             .revisions = revisions.lister(),
                             .deployments = deployments.lister(),
                             .pods = pods.lister(),
                             .config_maps = config_maps.lister(),
                             .models = models.lister(),
                             .are_models_known = [this] { return models.has_synced(); },
                             .others = {}};
  for (const auto& informer : others) {
    listers.others.emplace_back(informer->kind(), informer->lister());
  }
  return listers;
}

std::vector<std::string> Caches::needed_by_indexes() const {
  std::vector<std::string> names;
  for (const kube::ResourceKind& kind : {indexes.kind(),
                                         rollouts.kind(),
                                         revisions.kind(),
                                         deployments.kind(),
                                         pods.kind(),
                                         config_maps.kind()}) {
    names.emplace_back(kind.kind);
  }
  for (const auto& informer : others) {
    names.emplace_back(informer->kind().kind);
  }
  return names;
}

}  // namespace sluice
