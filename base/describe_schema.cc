#include <algorithm>

#include "base/describe.h"

namespace sluice {
namespace {

constexpr std::string_view kDurationPattern = "^([0-9]{1,5}(h|m|s|ms)){1,4}$";
constexpr std::string_view kSharePattern = R"(^(100|[0-9]{1,2}(\.[0-9]{1,2})?)%$)";
constexpr std::string_view kQuantityPattern =
    R"(^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$)";

void write_common(JsonWriter& json, const Field& field, std::string_view default_json) {
  if (!field.doc.empty()) {
    json.member("description", field.doc);
  }
  if (!default_json.empty()) {
    json.key("default").raw(default_json);
  }
}

// CEL rules of a property: ours and immutability.
void write_rules(JsonWriter& json,
                 const std::vector<std::pair<std::string, std::string>>& rules,
                 const Field& field) {
  if (rules.empty() && !field.immutable) {
    return;
  }
  json.key("x-kubernetes-validations").begin_array();
  for (const auto& [cel, message] : rules) {
    json.begin_object().member("rule", cel).member("message", message).end_object();
  }
  if (field.immutable) {
    json.begin_object().member("rule", "self == oldSelf").member("message", "is immutable");
    json.end_object();
  }
  json.end_array();
}

void write_bounds(JsonWriter& json, const Field& field) {
  if (field.min) {
    json.member("minimum", *field.min);
  }
  if (field.max) {
    json.member("maximum", *field.max);
  }
}

std::string number(std::string_view type,
                   std::string_view format,
                   const Field& field,
                   std::string_view default_json) {
  JsonWriter json;
  json.begin_object().member("type", type);
  if (!format.empty()) {
    json.member("format", format);
  }
  write_common(json, field, default_json);
  write_bounds(json, field);
  write_rules(json, {}, field);
  return json.end_object().take();
}

std::string text(const Field& field, std::string_view pattern, std::string_view default_json) {
  JsonWriter json;
  json.begin_object().member("type", "string");
  write_common(json, field, default_json);
  if (field.min_length > 0) {
    json.member("minLength", field.min_length);
  }
  json.member("maxLength", field.max_length);
  if (!pattern.empty()) {
    json.member("pattern", pattern);
  }
  write_rules(json, {}, field);
  return json.end_object().take();
}

Field with_max_length(Field field, int length) {
  field.max_length = length;
  return field;
}

}  // namespace

std::string Schema::leaf(const bool*, const Field& field, std::string_view default_json) {
  return number("boolean", "", field, default_json);
}

std::string Schema::leaf(const std::int32_t*, const Field& field, std::string_view default_json) {
  return number("integer", "int32", field, default_json);
}

std::string Schema::leaf(const std::int64_t*, const Field& field, std::string_view default_json) {
  return number("integer", "int64", field, default_json);
}

std::string Schema::leaf(const double*, const Field& field, std::string_view default_json) {
  return number("number", "", field, default_json);
}

std::string Schema::leaf(const std::string*, const Field& field, std::string_view default_json) {
  return text(field, field.pattern, default_json);
}

std::string Schema::leaf(const Duration*, const Field& field, std::string_view default_json) {
  return text(with_max_length(field, 32), kDurationPattern, default_json);
}

std::string Schema::leaf(const Share*, const Field& field, std::string_view default_json) {
  return text(with_max_length(field, 8), kSharePattern, default_json);
}

std::string Schema::leaf(const WallTime*, const Field& field, std::string_view default_json) {
  JsonWriter json;
  json.begin_object().member("type", "string").member("format", "date-time");
  write_common(json, field, default_json);
  return json.end_object().take();
}

std::string Schema::leaf(const Quantity*, const Field& field, std::string_view default_json) {
  JsonWriter json;
  json.begin_object();
  json.member("x-kubernetes-int-or-string", true);
  json.key("anyOf").begin_array();
  json.begin_object().member("type", "integer").end_object();
  json.begin_object().member("type", "string").end_object().end_array();
  write_common(json, field, default_json);
  json.member("maxLength", 32).member("pattern", kQuantityPattern);
  return json.end_object().take();
}

std::string Schema::leaf(const RawJson*, const Field& field, std::string_view default_json) {
  JsonWriter json;
  json.begin_object().member("type", "object");
  write_common(json, field, default_json);
  json.member("x-kubernetes-preserve-unknown-fields", true);
  return json.end_object().take();
}

std::string Schema::enumeration(std::span<const std::string_view> names,
                                const Field& field,
                                std::string_view default_json) {
  JsonWriter json;
  json.begin_object().member("type", "string");
  write_common(json, field, default_json);
  json.key("enum").begin_array();
  for (const std::string_view name : names) {
    json.value(name);
  }
  json.end_array();
  write_rules(json, {}, field);
  return json.end_object().take();
}

std::string Schema::list(const std::string& items,
                         const Field& field,
                         std::string_view default_json) {
  JsonWriter json;
  json.begin_object().member("type", "array");
  write_common(json, field, default_json);
  if (field.min_items > 0) {
    json.member("minItems", field.min_items);
  }
  json.member("maxItems", field.max_items);
  json.member("x-kubernetes-list-type", field.map_key.empty() ? "atomic" : "map");
  if (!field.map_key.empty()) {
    json.key("x-kubernetes-list-map-keys").begin_array().value(field.map_key).end_array();
  }
  json.key("items").raw(items);
  write_rules(json, {}, field);
  return json.end_object().take();
}

std::string Schema::map(const std::string& items,
                        const Field& field,
                        std::string_view default_json) {
  JsonWriter json;
  json.begin_object().member("type", "object");
  write_common(json, field, default_json);
  json.member("maxProperties", field.max_items);
  json.key("additionalProperties").raw(items);
  return json.end_object().take();
}

std::string Schema::finish(const Field& field, std::string_view default_json) const {
  JsonWriter json;
  json.begin_object().member("type", "object");
  write_common(json, field, default_json);
  if (is_union_) {
    json.member("minProperties", 1).member("maxProperties", 1);
  }
  if (!required_.empty()) {
    json.key("required").begin_array();
    for (const std::string& name : required_) {
      json.value(std::string_view(name));
    }
    json.end_array();
  }
  json.key("properties").begin_object();
  for (const auto& [name, schema] : properties_) {
    json.key(name).raw(schema);
  }
  json.end_object();
  write_rules(json, rules_, field);
  return json.end_object().take();
}

}  // namespace sluice
