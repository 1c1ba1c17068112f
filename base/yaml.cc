#include <yaml-cpp/yaml.h>

#include <cmath>

#include "base/json_view.h"
#include "base/json_writer.h"
#include "base/text.h"

namespace sluice {
namespace {

constexpr std::size_t kTextBytesMax = 10U << 20U;
constexpr int kDepthMax = 64;
constexpr int kNodesMax = 1'000'000;  // Counts each use of an alias: no billion laughs.

struct Budget {
  int nodes = kNodesMax;
};

// YAML 1.2's core schema; unquoted yes, no, on and off stay strings, as the API server sees them.
void write_scalar(JsonWriter& json, const YAML::Node& node) {
  const std::string& text = node.Scalar();
  const auto integer = parse_number<std::int64_t>(text);
  const auto real = parse_number<double>(text);
  const bool is_quoted = node.Tag() == "!";
  if (is_quoted) {
    json.value(std::string_view(text));
  } else if (text == "true" || text == "True" || text == "TRUE") {
    json.value(true);
  } else if (text == "false" || text == "False" || text == "FALSE") {
    json.value(false);
  } else if (integer) {
    json.value(*integer);
  } else if (!text.empty() && text.find_first_not_of("+-.0123456789eE") == std::string::npos &&
             real && std::isfinite(*real)) {
    json.value(*real);
  } else {
    json.value(std::string_view(text));
  }
}

bool write_node(JsonWriter& json, const YAML::Node& node, int depth, Budget& budget) {
  if (depth > kDepthMax || --budget.nodes < 0) {
    return false;
  }
  if (node.IsMap()) {
    json.begin_object();
    for (const auto& member : node) {
      if (!member.first.IsScalar()) {
        return false;
      }
      json.key(member.first.Scalar());
      if (!write_node(json, member.second, depth + 1, budget)) {
        return false;
      }
    }
    json.end_object();
  } else if (node.IsSequence()) {
    json.begin_array();
    for (const auto& item : node) {
      if (!write_node(json, item, depth + 1, budget)) {
        return false;
      }
    }
    json.end_array();
  } else if (node.IsScalar()) {
    write_scalar(json, node);
  } else {
    json.null();
  }
  return true;
}

}  // namespace

Result<JsonDocument> JsonDocument::parse_yaml(std::string_view text) {
  if (text.size() > kTextBytesMax) {
    return fail(ErrorCode::kInvalid, "YAML text is larger than 10 MiB");
  }
  std::string json_text;
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(text));
    if (documents.size() != 1) {
      return fail(ErrorCode::kInvalid,
                  "expected one YAML document, found " + std::to_string(documents.size()));
    }
    JsonWriter json;
    Budget budget;
    if (!write_node(json, documents.front(), 0, budget)) {
      return fail(ErrorCode::kInvalid, "YAML is nested too deep, too large, or has a non-text key");
    }
    json_text = json.take();
  } catch (const YAML::Exception& error) {
    return fail(ErrorCode::kInvalid, std::string("not YAML: ") + error.what());
  }
  return parse(json_text);
}

}  // namespace sluice
