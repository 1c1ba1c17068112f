#include "controllers/canary_rollout/render.h"

#include "base/describe.h"
#include "crds/names.h"

namespace sluice::canary_rollout {

std::string policy_revision_json(const api::CanaryRollout& owner, const StorePolicy& action) {
  JsonWriter json;
  json.begin_object();
  json.member("apiVersion", "apps/v1").member("kind", "ControllerRevision");
  json.key("metadata").begin_object();
  json.member("name", std::string_view(action.name));
  json.member("namespace", std::string_view(owner.metadata.namespace_name));
  json.key("labels").begin_object();
  json.member(api::kManagedByLabel, "sluice");
  json.member(api::kIndexLabel, std::string_view(owner.spec.index_ref.name));
  json.member(api::kComponentLabel, api::kComponentPolicy);
  json.end_object();
  json.key("ownerReferences").begin_array().begin_object();
  json.member("apiVersion", std::string_view(api::kCanaryRolloutKind.api_version()));
  json.member("kind", api::kCanaryRolloutKind.kind);
  json.member("name", std::string_view(owner.metadata.name));
  json.member("uid", std::string_view(owner.metadata.uid));
  json.member("controller", true).member("blockOwnerDeletion", false);
  json.end_object().end_array();
  json.end_object();
  json.key("data").raw(to_json(action.policy));
  json.member("revision", 1);
  return json.end_object().take();
}

}  // namespace sluice::canary_rollout
