#include "crds/yaml_text.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/json_writer.h"

namespace sluice::api {
namespace {

bool is_plain(std::string_view text) {
  constexpr std::array<std::string_view, 9> kReserved{
      "true", "false", "null", "yes", "no", "on", "off", "y", "n"};
  std::string lower(text);
  std::ranges::transform(
      lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto is_safe = [](unsigned char c) {
    return std::isalnum(c) != 0 || c == ' ' || c == '-' || c == '_' || c == '.' || c == '/' ||
           c == '(' || c == ')' || c == ',' || c == ';';
  };
  return !text.empty() && text.size() < 4000 &&
         std::isalpha(static_cast<unsigned char>(text.front())) != 0 && text.back() != ' ' &&
         std::ranges::all_of(text, is_safe) &&
         std::ranges::find(kReserved, lower) == kReserved.end();
}

std::string scalar(std::string_view text) {
  return is_plain(text) ? std::string(text) : json_quote(text);
}

bool is_empty(JsonView node) {
  bool empty = true;
  node.for_each_member([&](std::string_view, JsonView) { empty = false; });
  node.for_each_element([&](JsonView) { empty = false; });
  return empty;
}

void append(std::string& out, JsonView node, int depth);

// What stands behind "key:" or "-": on the same line for scalars and empty ones.
void append_value(std::string& out, JsonView node, int depth) {
  const JsonKind kind = node.kind();
  if (kind == JsonKind::kString) {
    out += " " + scalar(*node.as_string()) + "\n";
  } else if (kind != JsonKind::kObject && kind != JsonKind::kArray) {
    out += " " + node.text() + "\n";
  } else if (is_empty(node)) {
    out += kind == JsonKind::kObject ? " {}\n" : " []\n";
  } else {
    out += '\n';
    append(out, node, depth);
  }
}

void append(std::string& out, JsonView node, int depth) {
  const std::string indent(static_cast<std::size_t>(depth) * 2, ' ');
  node.for_each_member([&](std::string_view key, JsonView member) {
    out += indent + scalar(key) + ":";
    append_value(out, member, depth + 1);
  });
  node.for_each_element([&](JsonView item) {
    std::string text;
    append_value(text, item, depth + 1);
    const bool is_block = text.front() == '\n';
    // "- " takes the place of the first line's indent.
    out += indent + "-" + (is_block ? " " + text.substr(1 + indent.size() + 2) : text);
  });
}

}  // namespace

std::string yaml_text(JsonView root) {
  std::string out;
  append(out, root, 0);
  return out;
}

}  // namespace sluice::api
