// Deletion: finalizers, garbage collection, namespaces.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "tests/fake_api/api_state.h"

namespace sluice::fake {

Answer<void> check_preconditions(const Json& stored, const Json& wanted) {
  const std::string uid = text_at(wanted, {"uid"});
  const std::string version = text_at(wanted, {"resourceVersion"});
  const std::string name = text_at(stored, {"metadata", "name"});
  if (!uid.empty() && uid != text_at(stored, {"metadata", "uid"})) {
    return refuse(409, "Conflict", name + ": the UID in the precondition does not match");
  }
  if (!version.empty() && version != text_at(stored, {"metadata", "resourceVersion"})) {
    return refuse(409,
                  "Conflict",
                  "Operation cannot be fulfilled on \"" + name +
                      "\": the object has been modified; please apply your changes to the latest "
                      "version and try again");
  }
  return {};
}

void ApiState::erase(const KindTraits& kind, const kube::ObjectKey& key) {
  Collection& collection = collections_[kind.id()];
  const auto found = collection.find(key);
  CHECK(found != collection.end());
  Json last = std::move(found->second.json);
  collection.erase(found);
  // A DELETED event bears the revision of the deletion.
  last["metadata"]["resourceVersion"] = std::to_string(++revision_);
  record({.revision = revision_,
          .kind_id = kind.id(),
          .before = last,
          .after = last,
          .is_delete = true});
}

Answer<Json> ApiState::remove(const KindTraits& kind,
                              const kube::ObjectKey& key,
                              const Json& preconditions) {
  StoredObject* stored = find(kind, key);
  if (stored == nullptr) {
    return tl::make_unexpected(not_found(kind, key.name));
  }
  if (auto status = check_preconditions(stored->json, preconditions); !status) {
    return tl::make_unexpected(status.error());
  }
  const Json& finalizers = at(stored->json, {"metadata", "finalizers"});
  if (!finalizers.is_array() || finalizers.empty()) {
    Json last = stored->json;
    erase(kind, key);
    return last;
  }
  Json& metadata = stored->json["metadata"];
  if (!metadata.contains("deletionTimestamp")) {
    const Json old = stored->json;
    metadata["deletionTimestamp"] = format_time(now_());
    if (kind.has_generation) {
      metadata["generation"] = metadata.value("generation", 0) + 1;
    }
    metadata["resourceVersion"] = std::to_string(++revision_);
    record({.revision = revision_, .kind_id = kind.id(), .before = old, .after = stored->json});
  }
  return stored->json;
}

int ApiState::collect_garbage() {
  std::set<std::string> alive;
  for (const auto& [id, collection] : collections_) {
    for (const auto& [key, object] : collection) {
      alive.insert(text_at(object.json, {"metadata", "uid"}));
    }
  }
  std::vector<std::pair<const KindTraits*, kube::ObjectKey>> orphans;
  for (const auto& [id, collection] : collections_) {
    for (const auto& [key, object] : collection) {
      const Json& owners = at(object.json, {"metadata", "ownerReferences"});
      const bool is_orphan = owners.is_array() && !owners.empty() &&
                             std::ranges::none_of(owners, [&](const Json& owner) {
                               return alive.contains(text_at(owner, {"uid"}));
                             });
      if (is_orphan) {
        orphans.emplace_back(kinds_.at(id).get(), key);
      }
    }
  }
  for (const auto& [kind, key] : orphans) {
    static_cast<void>(remove(*kind, key, Json::object()));
  }
  return static_cast<int>(orphans.size());
}

void ApiState::refuse_creates_in(const std::string& namespace_name) {
  terminating_namespaces_.insert(namespace_name);
}

void ApiState::terminate_namespace(const std::string& namespace_name) {
  refuse_creates_in(namespace_name);
  std::vector<std::pair<const KindTraits*, kube::ObjectKey>> all;
  for (const auto& [id, collection] : collections_) {
    for (const auto& [key, object] : collection) {
      if (key.namespace_name == namespace_name) {
        all.emplace_back(kinds_.at(id).get(), key);
      }
    }
  }
  for (const auto& [kind, key] : all) {
    static_cast<void>(remove(*kind, key, Json::object()));
  }
}

}  // namespace sluice::fake
