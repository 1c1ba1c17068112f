#include "tests/fake_api/crd_schema.h"

#include <fmt/format.h>

#include <functional>
#include <map>
#include <regex>
#include <utility>

#include "base/json_view.h"
#include "base/time.h"
#include "base/utf8.h"
#include "tests/fake_api/cel_rules.h"

namespace sluice::fake {
namespace {

// A pattern is compiled once: that takes longer than all else that is checked of an object.
const std::regex& compiled(const std::string& pattern) {
  static std::map<std::string, std::regex> known;
  const auto found = known.find(pattern);
  return found != known.end() ? found->second
                              : known.emplace(pattern, std::regex(pattern)).first->second;
}

constexpr const char* kRules = "x-kubernetes-validations";

bool flag(const Json& schema, const char* name) {
  return schema.contains(name) && schema[name] == true;
}

// The schema of a member: a named property, or what additionalProperties says.
const Json* member_schema(const Json& schema, const std::string& name) {
  if (schema.contains("properties") && schema["properties"].contains(name)) {
    return &schema["properties"][name];
  }
  if (schema.contains("additionalProperties") && schema["additionalProperties"].is_object()) {
    return &schema["additionalProperties"];
  }
  return nullptr;
}

void prune(const Json& schema, Json& value) {
  if (value.is_array() && schema.contains("items")) {
    for (Json& item : value) {
      prune(schema["items"], item);
    }
  }
  if (!value.is_object() || flag(schema, "x-kubernetes-preserve-unknown-fields")) {
    return;
  }
  for (auto member = value.begin(); member != value.end();) {
    const Json* known = member_schema(schema, member.key());
    if (known == nullptr) {
      member = value.erase(member);
    } else {
      prune(*known, *member);
      ++member;
    }
  }
}

// A null where null is not allowed counts as absent, so that it takes the default.
void fill_defaults(const Json& schema, Json& value) {
  if (value.is_array() && schema.contains("items")) {
    for (Json& item : value) {
      fill_defaults(schema["items"], item);
    }
  }
  if (!value.is_object()) {
    return;
  }
  if (schema.contains("properties")) {
    for (const auto& [name, property] : schema["properties"].items()) {
      const bool has_default = property.contains("default");
      const auto found = value.find(name);
      const bool is_stray_null =
          found != value.end() && found->is_null() && !flag(property, "nullable");
      if (is_stray_null) {
        value.erase(name);
      }
      if (has_default && !value.contains(name)) {
        value[name] = property["default"];
      }
    }
  }
  for (auto& [name, member] : value.items()) {
    if (const Json* known = member_schema(schema, name)) {
      fill_defaults(*known, member);
    }
  }
}

// Walks value and schema together and collects violations in the API server's words.
class Validation {
 public:
  explicit Validation(std::vector<std::string>& errors) : errors_(errors) {}

  void run(const Json& schema, const Json& value, const Json& old, const std::string& path) {
    if (value.is_null() && flag(schema, "nullable")) {
      return;
    }
    if (!check_type(schema, value, path)) {
      return;
    }
    check_enum(schema, value, path);
    if (value.is_number()) {
      check_number(schema, value, path);
    } else if (value.is_string()) {
      check_string(schema, value, path);
    } else if (value.is_array()) {
      check_array(schema, value, path);
    } else if (value.is_object()) {
      check_object(schema, value, old, path);
    }
    check_rules(schema, value, old, path);
  }

 private:
  void error(const std::string& path, const std::string& message) {
    errors_.push_back((path.empty() ? "<root>" : path) + ": " + message);
  }

  void invalid(const std::string& path, const Json& value, const std::string& message) {
    error(path, fmt::format("Invalid value: {}: {}", value.dump(), message));
  }

  bool check_type(const Json& schema, const Json& value, const std::string& path) {
    if (flag(schema, "x-kubernetes-int-or-string")) {
      if (!value.is_number_integer() && !value.is_string()) {
        invalid(path, value, "must be of type integer or string");
        return false;
      }
      return true;
    }
    const std::string type = schema.value("type", "");
    const bool is_right =
        type.empty() || (type == "object" && value.is_object()) ||
        (type == "array" && value.is_array()) || (type == "string" && value.is_string()) ||
        (type == "boolean" && value.is_boolean()) ||
        (type == "integer" && value.is_number_integer()) || (type == "number" && value.is_number());
    if (!is_right) {
      invalid(path, value, fmt::format("must be of type {}", type));
    }
    return is_right;
  }

  void check_enum(const Json& schema, const Json& value, const std::string& path) {
    if (!schema.contains("enum")) {
      return;
    }
    for (const Json& allowed : schema["enum"]) {
      if (allowed == value) {
        return;
      }
    }
    error(path,
          fmt::format(
              "Unsupported value: {}: supported values: {}", value.dump(), schema["enum"].dump()));
  }

  void check_number(const Json& schema, const Json& value, const std::string& path) {
    const auto number = value.get<double>();
    if (schema.contains("minimum") && number < schema["minimum"].get<double>()) {
      invalid(path, value, "should be greater than or equal to " + schema["minimum"].dump());
    }
    if (schema.contains("maximum") && number > schema["maximum"].get<double>()) {
      invalid(path, value, "should be less than or equal to " + schema["maximum"].dump());
    }
    if (schema.value("format", "") == "int32" &&
        (number < -2147483648.0 || number > 2147483647.0)) {
      invalid(path, value, "must fit 32 bits");
    }
  }

  void check_string(const Json& schema, const Json& value, const std::string& path) {
    const auto text = value.get<std::string>();
    const std::size_t length = count_utf8(text);
    if (schema.contains("maxLength") && length > schema["maxLength"].get<std::size_t>()) {
      error(path, "Too long: may not be more than " + schema["maxLength"].dump() + " characters");
    }
    if (schema.contains("minLength") && length < schema["minLength"].get<std::size_t>()) {
      invalid(path, value, "should be at least " + schema["minLength"].dump() + " chars long");
    }
    if (schema.contains("pattern")) {
      const auto pattern = schema["pattern"].get<std::string>();
      if (!std::regex_search(text, compiled(pattern))) {
        invalid(path, value, fmt::format("should match '{}'", pattern));
      }
    }
    if (schema.value("format", "") == "date-time" && !parse_time(text)) {
      invalid(path, value, "must be of type date-time");
    }
  }

  void check_count(const Json& schema,
                   std::pair<const char*, const char*> bounds,
                   std::size_t count,
                   const std::string& path) {
    if (schema.contains(bounds.first) && count < schema[bounds.first].get<std::size_t>()) {
      error(path, "must have at least " + schema[bounds.first].dump() + " items");
    }
    if (schema.contains(bounds.second) && count > schema[bounds.second].get<std::size_t>()) {
      error(path, "Too many: must have at most " + schema[bounds.second].dump() + " items");
    }
  }

  void check_array(const Json& schema, const Json& value, const std::string& path) {
    check_count(schema, {"minItems", "maxItems"}, value.size(), path);
    if (schema.contains("items")) {
      for (std::size_t i = 0; i < value.size(); ++i) {
        run(schema["items"], value[i], Json(), fmt::format("{}[{}]", path, i));
      }
    }
    check_unique(schema, value, path);
  }

  void check_unique(const Json& schema, const Json& value, const std::string& path) {
    if (schema.value("x-kubernetes-list-type", "") != "map") {
      return;
    }
    std::vector<Json> seen;
    for (const Json& item : value) {
      Json key;
      for (const Json& name : schema["x-kubernetes-list-map-keys"]) {
        key[name.get<std::string>()] = at(item, {name.get<std::string>()});
      }
      if (std::find(seen.begin(), seen.end(), key) != seen.end()) {
        error(path, "Duplicate value: " + key.dump());
      }
      seen.push_back(std::move(key));
    }
  }

  void check_object(const Json& schema,
                    const Json& value,
                    const Json& old,
                    const std::string& path) {
    check_count(schema, {"minProperties", "maxProperties"}, value.size(), path);
    if (schema.contains("required")) {
      for (const Json& name : schema["required"]) {
        if (!value.contains(name.get<std::string>())) {
          const std::string where = path.empty() ? "" : path + ".";
          error(where + name.get<std::string>(), "Required value");
        }
      }
    }
    for (const auto& [name, member] : value.items()) {
      if (const Json* known = member_schema(schema, name)) {
        run(*known, member, at(old, {name}), path.empty() ? name : path + "." + name);
      }
    }
  }

  void check_rules(const Json& schema,
                   const Json& value,
                   const Json& old,
                   const std::string& path) {
    // The server does not run rules on what is malformed already.
    if (!schema.contains(kRules) || !errors_.empty()) {
      return;
    }
    for (const Json& rule : schema[kRules]) {
      if (evaluate_rule(rule["rule"].get<std::string>(), value, old) == false) {
        invalid(path,
                value.is_object() ? Json("object") : value,
                rule.value("message", rule["rule"].get<std::string>()));
      }
    }
  }

  std::vector<std::string>& errors_;
};

void collect_rules(const Json& schema, std::vector<std::string>& unknown) {
  if (schema.is_object() && schema.contains(kRules)) {
    for (const Json& rule : schema[kRules]) {
      const auto text = rule["rule"].get<std::string>();
      if (!is_known_rule(text)) {
        unknown.push_back(text);
      }
    }
  }
  if (schema.is_structured()) {
    for (const Json& child : schema) {
      collect_rules(child, unknown);
    }
  }
}

}  // namespace

Result<CrdSchema> CrdSchema::from_yaml(const std::string& text) {
  const auto document = JsonDocument::parse_yaml(text);
  if (!document) {
    return fail(document.error());
  }
  const Json crd = Json::parse(document->root().text());
  const Json& version = crd.at("spec").at("versions").at(0);
  CrdSchema schema;
  schema.group_ = text_at(crd, {"spec", "group"});
  schema.kind_ = text_at(crd, {"spec", "names", "kind"});
  schema.plural_ = text_at(crd, {"spec", "names", "plural"});
  schema.version_ = text_at(version, {"name"});
  schema.has_status_ = !at(version, {"subresources", "status"}).is_null();
  schema.schema_ = std::make_shared<const Json>(at(version, {"schema", "openAPIV3Schema"}));
  if (schema.plural_.empty() || !schema.schema_->is_object()) {
    return fail(ErrorCode::kInvalid, "not a CustomResourceDefinition with a schema");
  }
  return schema;
}

void CrdSchema::prune_and_default(Json& object) const {
  const Json metadata = object.value("metadata", Json::object());
  prune(*schema_, object);
  fill_defaults(*schema_, object);
  object["metadata"] = metadata;  // Known to the server, not to the schema.
}

std::vector<std::string> CrdSchema::validate(const Json& object, const Json& old) const {
  std::vector<std::string> errors;
  Validation(errors).run(*schema_, object, old, "");
  return errors;
}

ListType CrdSchema::list_type(const std::vector<std::string>& names) const {
  const Json* here = schema_.get();
  for (const std::string& name : names) {
    if (here->contains("items")) {
      here = &(*here)["items"];
    }
    here = member_schema(*here, name);
    if (here == nullptr) {
      return {};
    }
  }
  const std::string type = here->value("x-kubernetes-list-type", "atomic");
  if (type == "set") {
    return {.kind = ListType::Kind::kSet};
  }
  if (type != "map") {
    return {};
  }
  ListType map{.kind = ListType::Kind::kMap};
  for (const Json& key : (*here)["x-kubernetes-list-map-keys"]) {
    map.keys.push_back(key.get<std::string>());
  }
  return map;
}

std::vector<std::string> CrdSchema::rules_not_evaluated() const {
  std::vector<std::string> unknown;
  collect_rules(*schema_, unknown);
  return unknown;
}

}  // namespace sluice::fake
