#include "tests/fake_api/managed_fields.h"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::fake {
namespace {

// metadata that the server owns is never owned by a manager.
bool is_server_field(const std::vector<std::string>& names) {
  static const std::set<std::string> server_fields{"uid",
                                                   "resourceVersion",
                                                   "generation",
                                                   "name",
                                                   "creationTimestamp",
                                                   "deletionTimestamp",
                                                   "managedFields",
                                                   "namespace",
                                                   "selfLink"};
  if (names.size() == 1) {
    return names[0] == "apiVersion" || names[0] == "kind";
  }
  return names.size() == 2 && names[0] == "metadata" && server_fields.contains(names[1]);
}

Json key_of(const Json& item, const ListType& type) {
  Json key = Json::object();
  for (const std::string& name : type.keys) {
    if (const auto found = item.find(name); found != item.end()) {
      key[name] = *found;
    } else if (name == "protocol") {
      key[name] = "TCP";  // The one key with a default among the kinds we use.
    }
  }
  return key;
}

std::string item_segment(const Json& item, const ListType& type) {
  return type.kind == ListType::Kind::kSet ? "=" + item.dump()
                                           : "[" + key_of(item, type).dump() + "]";
}

// Structs that Kubernetes declares atomic although they are maps.
bool is_atomic_map(const std::vector<std::string>& names) {
  return !names.empty() && (names.back() == "selector" || names.back() == "secretKeyRef" ||
                            names.back() == "configMapKeyRef");
}

void collect(const Json& value,
             const ListTypes& types,
             std::pair<FieldPath&, std::vector<std::string>&> path,
             FieldSet& out) {
  auto& [segments, names] = path;
  if (is_server_field(names)) {
    return;
  }
  if (value.is_object() && !value.empty() && !is_atomic_map(names)) {
    for (const auto& [name, member] : value.items()) {
      segments.push_back("." + name);
      names.push_back(name);
      collect(member, types, path, out);
      names.pop_back();
      segments.pop_back();
    }
    return;
  }
  const ListType type = value.is_array() ? types(names) : ListType{};
  if (value.is_array() && !value.empty() && type.kind != ListType::Kind::kAtomic) {
    for (const Json& item : value) {
      segments.push_back(item_segment(item, type));
      out.insert(segments);
      if (type.kind == ListType::Kind::kMap) {
        collect(item, types, path, out);
      }
      segments.pop_back();
    }
    return;
  }
  out.insert(segments);
}

// Where a walk through an object stands, and what it has found.
struct Walk {
  const ListTypes& types;
  FieldPath& segments;
  std::vector<std::string>& names;
  FieldSet& out;
};

void collect_changed(const Json* before, const Json& after, Walk& walk);

// The same of a list's items, which are known by what names them.
void collect_changed_items(const Json* before,
                           const Json& after,
                           const ListType& type,
                           Walk& walk) {
  std::map<std::string, const Json*> known;
  if (before != nullptr && before->is_array()) {
    for (const Json& item : *before) {
      known.emplace(item_segment(item, type), &item);
    }
  }
  for (const Json& item : after) {
    walk.segments.push_back(item_segment(item, type));
    const auto found = known.find(walk.segments.back());
    if (found == known.end()) {
      walk.out.insert(walk.segments);
    }
    if (type.kind == ListType::Kind::kMap) {
      collect_changed(found == known.end() ? nullptr : found->second, item, walk);
    }
    walk.segments.pop_back();
  }
}

// The paths of what `after` has and `before` (null: nothing) has not, or has otherwise.
void collect_changed(const Json* before, const Json& after, Walk& walk) {
  if ((before != nullptr && *before == after) || is_server_field(walk.names)) {
    return;
  }
  if (after.is_object() && !after.empty() && !is_atomic_map(walk.names)) {
    for (const auto& [name, member] : after.items()) {
      const bool is_known = before != nullptr && before->is_object() && before->contains(name);
      walk.segments.push_back("." + name);
      walk.names.push_back(name);
      collect_changed(is_known ? &(*before)[name] : nullptr, member, walk);
      walk.names.pop_back();
      walk.segments.pop_back();
    }
    return;
  }
  const ListType type = after.is_array() ? walk.types(walk.names) : ListType{};
  if (after.is_array() && !after.empty() && type.kind != ListType::Kind::kAtomic) {
    collect_changed_items(before, after, type, walk);
    return;
  }
  walk.out.insert(walk.segments);
}

// False only if everything that `before` has is in `after` too, be it with another value.
bool may_lack_something(const Json& before, const Json& after) {
  // By these the items of lists are known.
  static const std::set<std::string> keys{
      "containerPort", "ip", "mountPath", "name", "port", "protocol", "type", "uid"};
  if (before == after) {
    return false;
  }
  if (before.is_object() && after.is_object()) {
    return std::ranges::any_of(before.items(), [&](const auto& member) {
      const auto found = after.find(member.key());
      return found == after.end() || (keys.contains(member.key()) && *found != member.value()) ||
             may_lack_something(member.value(), *found);
    });
  }
  if (before.is_array() && after.is_array() && before.size() == after.size()) {
    return !std::ranges::equal(before, after, [](const Json& old, const Json& present) {
      return old == present || (old.is_object() && !may_lack_something(old, present));
    });
  }
  return before.is_structured() || after.is_structured();
}

// Few differ, and the same are asked for again and again.
const Json& parsed(const std::string& segment) {
  constexpr std::size_t kKnownMax = 10'000;
  static std::map<std::string, Json> known;
  if (const auto found = known.find(segment); found != known.end()) {
    return found->second;
  }
  if (known.size() >= kKnownMax) {
    known.clear();
  }
  return known
      .emplace(segment,
               Json::parse(segment[0] == '=' ? segment.substr(1)
                                             : segment.substr(1, segment.size() - 2)))
      .first->second;
}

// Finds the item that a segment names; its index, or the size when absent.
std::size_t index_of(const Json& list, const std::string& segment) {
  const Json& wanted = parsed(segment);
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (segment[0] == '=') {
      if (list[i] == wanted) {
        return i;
      }
      continue;
    }
    const bool is_same = std::ranges::all_of(wanted.items(), [&](const auto& key) {
      const auto found = list[i].find(key.key());
      return found == list[i].end() ? key.key() == "protocol" && key.value() == "TCP"
                                    : *found == key.value();
    });
    if (is_same) {
      return i;
    }
  }
  return list.size();
}

const Json* find(const Json& root, const FieldPath& path) {
  const Json* here = &root;
  for (const std::string& segment : path) {
    if (segment[0] == '.') {
      const auto member = here->is_object() ? here->find(segment.substr(1)) : here->end();
      if (!here->is_object() || member == here->end()) {
        return nullptr;
      }
      here = &*member;
    } else {
      const std::size_t i = here->is_array() ? index_of(*here, segment) : 0;
      if (!here->is_array() || i == here->size()) {
        return nullptr;
      }
      here = &(*here)[i];
    }
  }
  return here;
}

void set(Json& root, const FieldPath& path, const Json& value) {
  Json* here = &root;
  for (const std::string& segment : path) {
    if (segment[0] == '.') {
      if (!here->is_object()) {
        *here = Json::object();
      }
      here = &(*here)[segment.substr(1)];
      continue;
    }
    if (!here->is_array()) {
      *here = Json::array();
    }
    const std::size_t i = index_of(*here, segment);
    if (i == here->size()) {
      here->push_back(parsed(segment));
    }
    here = &(*here)[i];
  }
  const bool is_item = !path.empty() && path.back()[0] == '[';
  // An item's members have paths of their own; an empty struct only says that it exists.
  const bool is_there = value.is_object() && value.empty() && here->is_object();
  if (!is_item && !is_there) {
    *here = value;
  }
}

void remove(Json& root, const FieldPath& path) {
  const FieldPath parent_path(path.begin(), path.end() - 1);
  auto* parent = const_cast<Json*>(find(root, parent_path));
  if (parent == nullptr) {
    return;
  }
  if (path.back()[0] == '.') {
    if (parent->is_object()) {
      parent->erase(path.back().substr(1));
    }
  } else if (parent->is_array()) {
    const std::size_t i = index_of(*parent, path.back());
    if (i < parent->size()) {
      parent->erase(parent->begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  // A struct that this emptied, and that nobody owns as such, goes too.
  const bool is_hollow = parent->empty() && parent_path.size() > 1 && parent_path.back()[0] == '.';
  if (is_hollow) {
    remove(root, parent_path);
  }
}

std::string text_of(const FieldPath& path) {
  std::string text;
  for (const std::string& segment : path) {
    text += segment;
  }
  return text;
}

bool is_owned_by_another(const FieldPath& path, const Manager& manager, const Ownership& owners) {
  return std::ranges::any_of(owners, [&](const auto& entry) {
    if (entry.first == manager) {
      return false;
    }
    // Also when another owns something inside of it.
    const auto inside = entry.second.lower_bound(path);
    return inside != entry.second.end() && inside->size() >= path.size() &&
           std::equal(path.begin(), path.end(), inside->begin());
  });
}

}  // namespace

ListType built_in_list_type(const std::vector<std::string>& names) {
  static const std::map<std::string, std::vector<std::string>> maps{{"containers", {"name"}},
                                                                    {"initContainers", {"name"}},
                                                                    {"volumes", {"name"}},
                                                                    {"env", {"name"}},
                                                                    {"volumeMounts", {"mountPath"}},
                                                                    {"conditions", {"type"}},
                                                                    {"ownerReferences", {"uid"}},
                                                                    {"imagePullSecrets", {"name"}},
                                                                    {"hostAliases", {"ip"}}};
  if (names.empty()) {
    return {};
  }
  const std::string& name = names.back();
  if (name == "finalizers") {
    return {.kind = ListType::Kind::kSet};
  }
  if (name == "ports") {
    const bool is_container = std::ranges::find(names, "containers") != names.end();
    return {.kind = ListType::Kind::kMap,
            .keys = {is_container ? "containerPort" : "port", "protocol"}};
  }
  const auto found = maps.find(name);
  return found == maps.end() ? ListType{}
                             : ListType{.kind = ListType::Kind::kMap, .keys = found->second};
}

FieldSet leaves_of(const Json& object, const ListTypes& types) {
  FieldSet out;
  FieldPath segments;
  std::vector<std::string> names;
  collect(object, types, {segments, names}, out);
  out.erase(FieldPath{});
  return out;
}

Answer<Json> server_side_apply(const Json& live,
                               const ApplyRequest& request,
                               const ListTypes& types,
                               Ownership& owners) {
  const FieldSet wanted = leaves_of(request.config, types);
  std::string conflicts;
  for (const FieldPath& path : wanted) {
    const Json* present = find(live, path);
    const bool is_item = path.back()[0] != '.';
    if (present == nullptr || is_item || *present == *find(request.config, path)) {
      continue;
    }
    for (auto& [manager, fields] : owners) {
      if (manager == request.manager || !fields.contains(path)) {
        continue;
      }
      if (request.force) {
        fields.erase(path);
      } else {
        conflicts += fmt::format("{}conflict with \"{}\": {}",
                                 conflicts.empty() ? "" : ", ",
                                 manager.name,
                                 text_of(path));
      }
    }
  }
  if (!conflicts.empty()) {
    return refuse(409, "Conflict", "Apply failed with conflicts: " + conflicts);
  }
  Json merged = live;
  const FieldSet before = owners[request.manager];
  // Items after their members, so that an item goes whole or stays.
  for (auto path = before.rbegin(); path != before.rend(); ++path) {
    if (!wanted.contains(*path) && !is_owned_by_another(*path, request.manager, owners)) {
      remove(merged, *path);
    }
  }
  for (const FieldPath& path : wanted) {
    set(merged, path, *find(request.config, path));
  }
  owners[request.manager] = wanted;
  return merged;
}

void take_ownership(const Edit& edit, const ListTypes& types, Ownership& owners) {
  const auto& [before, after, manager] = edit;
  FieldSet changed;
  FieldPath segments;
  std::vector<std::string> names;
  Walk walk{.types = types, .segments = segments, .names = names, .out = changed};
  collect_changed(&before, after, walk);
  changed.erase(FieldPath{});
  for (const FieldPath& path : changed) {
    for (auto& [other, fields] : owners) {
      if (!(other == manager)) {
        fields.erase(path);
      }
    }
    owners[manager].insert(path);
  }
  if (may_lack_something(before, after)) {
    for (auto& [other, fields] : owners) {
      std::erase_if(fields, [&](const FieldPath& path) { return find(after, path) == nullptr; });
    }
  }
}

}  // namespace sluice::fake
