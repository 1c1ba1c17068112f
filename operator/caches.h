#pragma once
// Caches: one informer for each kind that the controllers read. Of what the operator makes, only
// what carries our label; so memory grows with what is managed, never with the cluster.

#include <memory>
#include <string>
#include <vector>

#include "apiclient/informer.h"
#include "apiclient/referrers.h"
#include "apiclient/types/apps.h"
#include "apiclient/types/core.h"
#include "base/loop.h"
#include "base/rng.h"
#include "controllers/rag_index/controller.h"
#include "controllers/runtime/manager.h"
#include "crds/canary_rollout.h"
#include "crds/model_version.h"
#include "crds/rag_index.h"

namespace sluice {

struct Caches {
  // `watch_namespace` empty: all namespaces.
  Caches(const ApiContext& context, Rng rng, const std::string& watch_namespace);

  Informer<api::RagIndex> indexes;
  Informer<api::CanaryRollout> rollouts;
  Referrers<api::CanaryRollout> rollouts_of_index{rollouts, rag_index::index_named_by};
  Informer<api::ModelVersion> models;
  Informer<kube::ControllerRevision> revisions;
  Informer<kube::Deployment> deployments;
  Informer<kube::Pod> pods;
  Informer<kube::ConfigMap> config_maps;
  // Of the other children only the metadata is read: rag_index::kOtherKinds.
  std::vector<std::unique_ptr<Informer<kube::MetadataOnly>>> others;

  void add_to(Manager& manager);
  [[nodiscard]] rag_index::Listers listers() const;
  // The caches without which no index can be judged, by kind: all but that of the ModelVersions.
  // Where their CRD is not installed yet, only indexes that name one wait for it.
  [[nodiscard]] std::vector<std::string> needed_by_indexes() const;
};

}  // namespace sluice
