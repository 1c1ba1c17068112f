#include "tests/fake_api/api_state.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "base/check.h"

namespace sluice::fake {
namespace {

Json& metadata_of(Json& object) {
  Json& metadata = object["metadata"];
  if (!metadata.is_object()) {
    metadata = Json::object();
  }
  return metadata;
}

std::string version_of(const Json& object) {
  return text_at(object, {"metadata", "resourceVersion"});
}

bool is_same_but_for(const Json& one,
                     const Json& other,
                     std::initializer_list<std::string_view> left_out) {
  const auto counts = [&](const auto& member) {
    return std::ranges::find(left_out, member.key()) == left_out.end();
  };
  const auto is_in = [&](const Json& object, const auto& member) {
    const auto found = object.find(member.key());
    return found != object.end() && *found == member.value();
  };
  return std::ranges::all_of(
             one.items(),
             [&](const auto& member) { return !counts(member) || is_in(other, member); }) &&
         std::ranges::all_of(other.items(), [&](const auto& member) {
           return !counts(member) || one.contains(member.key());
         });
}

// But for what changes by itself.
bool is_same_content(const Json& one, const Json& other) {
  return is_same_but_for(one, other, {"metadata"}) &&
         is_same_but_for(at(one, {"metadata"}),
                         at(other, {"metadata"}),
                         {"resourceVersion", "generation", "managedFields"});
}

// A change of anything else bumps the generation.
bool is_same_spec(const KindTraits& kind, const Json& one, const Json& other) {
  return kind.has_status ? is_same_but_for(one, other, {"metadata", "status"})
                         : is_same_but_for(one, other, {"metadata"});
}

Json managed_fields_of(const KindTraits& kind, const Ownership& owners) {
  Json list = Json::array();
  const std::string api_version =
      kind.group.empty() ? kind.version : kind.group + "/" + kind.version;
  for (const auto& [manager, fields] : owners) {
    if (fields.empty()) {
      continue;
    }
    Json entry = {{"manager", manager.name},
                  {"operation", manager.is_apply ? "Apply" : "Update"},
                  {"apiVersion", api_version}};
    if (!manager.subresource.empty()) {
      entry["subresource"] = manager.subresource;
    }
    list.push_back(std::move(entry));
  }
  return list;
}

// A patch or an apply names another uid: to the real server that is a change of an immutable field.
Answer<void> check_patch_preconditions(const KindTraits& kind,
                                       const Json& stored,
                                       const Json& metadata) {
  const std::string uid = text_at(metadata, {"uid"});
  if (!uid.empty() && uid != text_at(stored, {"metadata", "uid"})) {
    return refuse(422,
                  "Invalid",
                  fmt::format("{} \"{}\" is invalid: metadata.uid: Invalid value: \"{}\": field is "
                              "immutable",
                              kind.kind,
                              text_at(stored, {"metadata", "name"}),
                              uid));
  }
  return check_preconditions(stored, metadata);
}

}  // namespace

ListTypes KindTraits::list_types() const {
  if (schema == nullptr) {
    return built_in_list_type;
  }
  return [held = schema](const std::vector<std::string>& names) {
    const bool is_metadata = !names.empty() && names.front() == "metadata";
    return is_metadata ? built_in_list_type(names) : held->list_type(names);
  };
}

ApiError not_found(const KindTraits& kind, const std::string& name) {
  return {.code = 404,
          .reason = "NotFound",
          .message = fmt::format("{} \"{}\" not found",
                                 kind.group.empty() ? kind.plural : kind.plural + "." + kind.group,
                                 name)};
}

ApiState::ApiState(Rng rng, std::function<WallTime()> now) : rng_(rng), now_(std::move(now)) {
  for (KindTraits& kind : built_in_kinds()) {
    add_kind(std::move(kind));
  }
}

void ApiState::add_kind(KindTraits traits) {
  const std::string id = traits.id();
  kinds_[id] = std::make_unique<KindTraits>(std::move(traits));
}

const KindTraits* ApiState::find_kind(const std::string& group, const std::string& plural) const {
  const auto found = kinds_.find(group + "/" + plural);
  return found == kinds_.end() ? nullptr : found->second.get();
}

std::vector<const KindTraits*> ApiState::kinds() const {
  std::vector<const KindTraits*> all;
  for (const auto& [id, kind] : kinds_) {
    all.push_back(kind.get());
  }
  return all;
}

StoredObject* ApiState::find(const KindTraits& kind, const kube::ObjectKey& key) {
  Collection& collection = collections_[kind.id()];
  const auto found = collection.find(key);
  return found == collection.end() ? nullptr : &found->second;
}

Answer<Json> ApiState::get(const KindTraits& kind, const kube::ObjectKey& key) const {
  const auto collection = collections_.find(kind.id());
  if (collection != collections_.end()) {
    if (const auto found = collection->second.find(key); found != collection->second.end()) {
      return found->second.json;
    }
  }
  return tl::make_unexpected(not_found(kind, key.name));
}

Answer<std::vector<Json>> ApiState::list(const KindTraits& kind,
                                         const std::string& namespace_name,
                                         const Selectors& selectors) const {
  std::vector<Json> some;
  const auto collection = collections_.find(kind.id());
  if (collection == collections_.end()) {
    return some;
  }
  for (const auto& [key, object] : collection->second) {
    if (!namespace_name.empty() && key.namespace_name != namespace_name) {
      continue;
    }
    const auto is_wanted = matches(selectors, object.json);
    if (!is_wanted) {
      return tl::make_unexpected(is_wanted.error());
    }
    if (*is_wanted) {
      some.push_back(object.json);
    }
  }
  return some;
}

std::string ApiState::new_uid() {
  const std::uint64_t high = rng_.next();
  const std::uint64_t low = rng_.next();
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
                     high >> 32,
                     high >> 16 & 0xffff,
                     high & 0xfff,
                     (low >> 48 & 0x3fff) | 0x8000,
                     low & 0xffffffffffff);
}

void ApiState::record(HistoryEvent event) {
  last_changes_[event.kind_id] = event.revision;
  history_.push_back(std::move(event));
  while (history_.size() > history_max_) {
    compacted_ = history_.front().revision;
    history_.pop_front();
  }
}

void ApiState::compact(std::int64_t up_to) {
  compacted_ = std::max(compacted_, up_to);
  while (!history_.empty() && history_.front().revision <= compacted_) {
    history_.pop_front();
  }
}

Answer<void> ApiState::admit(const KindTraits& kind, Json& object, const Json& old) const {
  std::vector<std::string> errors;
  if (kind.schema != nullptr) {
    kind.schema->prune_and_default(object);
    errors = kind.schema->validate(object, old);
    for (std::string& error : validate_built_in(kind, object, old)) {
      errors.push_back(std::move(error));
    }
  } else {
    default_built_in(kind, object);
    errors = validate_built_in(kind, object, old);
  }
  if (errors.empty()) {
    return {};
  }
  return refuse(422,
                "Invalid",
                fmt::format("{} \"{}\" is invalid: {}",
                            kind.group.empty() ? kind.kind : kind.kind + "." + kind.group,
                            text_at(object, {"metadata", "name"}),
                            fmt::join(errors, ", ")));
}

Answer<Json> ApiState::store_new(const KindTraits& kind, StoredObject object) {
  Json& metadata = metadata_of(object.json);
  const kube::ObjectKey key{text_at(metadata, {"namespace"}), text_at(metadata, {"name"})};
  if (terminating_namespaces_.contains(key.namespace_name)) {
    return tl::make_unexpected(
        ApiError{.code = 403,
                 .reason = "Forbidden",
                 .message = fmt::format("{} \"{}\" is forbidden: unable to create new content in "
                                        "namespace {} because it is being terminated",
                                        kind.plural,
                                        key.name,
                                        key.namespace_name),
                 .cause = "NamespaceTerminating"});
  }
  metadata["uid"] = new_uid();
  metadata["creationTimestamp"] = format_time(now_());
  if (kind.has_status && kind.schema != nullptr) {
    object.json.erase("status");
  }
  if (auto admitted = admit(kind, object.json, Json()); !admitted) {
    return tl::make_unexpected(admitted.error());
  }
  Json& stored_metadata = metadata_of(object.json);
  if (kind.has_generation) {
    stored_metadata["generation"] = 1;
  }
  stored_metadata["resourceVersion"] = std::to_string(++revision_);
  stored_metadata["managedFields"] = managed_fields_of(kind, object.owners);
  record({.revision = revision_, .kind_id = kind.id(), .before = {}, .after = object.json});
  Json stored = object.json;
  collections_[kind.id()].emplace(key, std::move(object));
  return stored;
}

Answer<Json> ApiState::create(const KindTraits& kind,
                              const std::string& namespace_name,
                              Json object,
                              const WriteContext& context) {
  Json& metadata = metadata_of(object);
  if (!version_of(object).empty()) {
    return refuse(400, "BadRequest", "resourceVersion should not be set on objects to be created");
  }
  const std::string said = text_at(metadata, {"namespace"});
  if (!said.empty() && said != namespace_name) {
    return refuse(400, "BadRequest", "the namespace of the object does not match the request's");
  }
  if (kind.is_namespaced) {
    metadata["namespace"] = namespace_name;
  }
  if (text_at(metadata, {"name"}).empty() && !text_at(metadata, {"generateName"}).empty()) {
    metadata["name"] =
        text_at(metadata, {"generateName"}) + fmt::format("{:05x}", rng_.below(1 << 20));
  }
  const kube::ObjectKey key{namespace_name, text_at(metadata, {"name"})};
  if (find(kind, key) != nullptr) {
    return refuse(
        409, "AlreadyExists", fmt::format("{} \"{}\" already exists", kind.plural, key.name));
  }
  Ownership owners;
  const Json nothing = Json::object();
  take_ownership({.before = nothing, .after = object, .manager = {.name = context.manager}},
                 kind.list_types(),
                 owners);
  return store_new(kind, {.json = std::move(object), .owners = std::move(owners)});
}

Answer<Json> ApiState::store_changed(const KindTraits& kind,
                                     StoredObject& stored,
                                     NewContent content,
                                     const WriteContext& context) {
  Json& object = content.object;
  const Json old = stored.json;
  if (context.is_status) {
    // Only status counts here; everything else stays as it is.
    Json changed = old;
    changed["status"] = at(object, {"status"});
    if (changed["status"].is_null()) {
      changed.erase("status");
    }
    object = std::move(changed);
  } else if (kind.has_status && old.contains("status")) {
    object["status"] = old["status"];
  } else if (kind.has_status) {
    object.erase("status");
  }
  Json& metadata = metadata_of(object);
  for (const char* name :
       {"name", "namespace", "uid", "creationTimestamp", "generation", "deletionTimestamp"}) {
    if (old["metadata"].contains(name)) {
      metadata[name] = old["metadata"][name];
    } else {
      metadata.erase(name);
    }
  }
  object["apiVersion"] = old["apiVersion"];
  object["kind"] = old["kind"];
  if (auto admitted = admit(kind, object, old); !admitted) {
    return tl::make_unexpected(admitted.error());
  }
  if (content.owners) {
    stored.owners = std::move(*content.owners);
  } else {
    const Manager manager{.name = context.manager,
                          .is_apply = false,
                          .subresource = context.is_status ? "status" : ""};
    take_ownership(
        {.before = old, .after = object, .manager = manager}, kind.list_types(), stored.owners);
  }
  if (is_same_content(object, old)) {
    return old;  // No change, no new version, no event.
  }
  Json& new_metadata = metadata_of(object);
  if (kind.has_generation && !is_same_spec(kind, object, old)) {
    new_metadata["generation"] = old["metadata"].value("generation", 0) + 1;
  }
  new_metadata["resourceVersion"] = std::to_string(++revision_);
  new_metadata["managedFields"] = managed_fields_of(kind, stored.owners);
  stored.json = object;
  record({.revision = revision_, .kind_id = kind.id(), .before = old, .after = object});
  const Json& finalizers = at(object, {"metadata", "finalizers"});
  const bool has_finalizers = finalizers.is_array() && !finalizers.empty();
  if (new_metadata.contains("deletionTimestamp") && !has_finalizers) {
    erase(kind,
          {text_at(object, {"metadata", "namespace"}), text_at(object, {"metadata", "name"})});
  }
  return object;
}

Answer<Json> ApiState::replace(const KindTraits& kind,
                               const kube::ObjectKey& key,
                               Json object,
                               const WriteContext& context) {
  StoredObject* stored = find(kind, key);
  if (stored == nullptr) {
    return tl::make_unexpected(not_found(kind, key.name));
  }
  const bool is_unconditional = version_of(object).empty();
  if (is_unconditional && (kind.schema != nullptr || !kind.may_update_unconditionally)) {
    return refuse(422,
                  "Invalid",
                  "metadata.resourceVersion: Invalid value: 0x0: must be specified for an update");
  }
  if (auto status = check_preconditions(stored->json, metadata_of(object)); !status) {
    return tl::make_unexpected(status.error());
  }
  return store_changed(kind, *stored, {.object = std::move(object)}, context);
}

Answer<Json> ApiState::merge_patch(const KindTraits& kind,
                                   const kube::ObjectKey& key,
                                   const Json& patch,
                                   const WriteContext& context) {
  StoredObject* stored = find(kind, key);
  if (stored == nullptr) {
    return tl::make_unexpected(not_found(kind, key.name));
  }
  if (auto status = check_patch_preconditions(kind, stored->json, at(patch, {"metadata"}));
      !status) {
    return tl::make_unexpected(status.error());
  }
  Json object = stored->json;
  object.merge_patch(patch);
  return store_changed(kind, *stored, {.object = std::move(object)}, context);
}

Answer<Json> ApiState::apply(const KindTraits& kind,
                             const kube::ObjectKey& key,
                             Json config,
                             const WriteContext& context) {
  Json& metadata = metadata_of(config);
  if (text_at(metadata, {"name"}) != key.name) {
    return refuse(400, "BadRequest", "the name of the object does not match the request's");
  }
  const Manager manager{
      .name = context.manager, .is_apply = true, .subresource = context.is_status ? "status" : ""};
  StoredObject* stored = find(kind, key);
  if (stored == nullptr) {
    if (!text_at(metadata, {"uid"}).empty() || context.is_status) {
      return refuse(context.is_status ? 404 : 409,
                    context.is_status ? "NotFound" : "Conflict",
                    fmt::format("uid mismatch: no existing object \"{}\" was found", key.name));
    }
    StoredObject created;
    if (kind.is_namespaced) {
      metadata["namespace"] = key.namespace_name;
    }
    created.owners[manager] = leaves_of(config, kind.list_types());
    created.json = std::move(config);
    return store_new(kind, std::move(created));
  }
  if (auto status = check_patch_preconditions(kind, stored->json, metadata); !status) {
    return tl::make_unexpected(status.error());
  }
  Ownership owners = stored->owners;
  auto merged = server_side_apply(stored->json,
                                  {.manager = manager, .config = config, .force = context.force},
                                  kind.list_types(),
                                  owners);
  if (!merged) {
    return merged;
  }
  return store_changed(
      kind, *stored, {.object = std::move(*merged), .owners = std::move(owners)}, context);
}

}  // namespace sluice::fake
