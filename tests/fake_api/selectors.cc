#include "tests/fake_api/selectors.h"

#include <algorithm>
#include <regex>
#include <string_view>
#include <vector>

namespace sluice::fake {
namespace {

// Splits at commas that are not inside parentheses.
std::vector<std::string> parts_of(const std::string& text) {
  std::vector<std::string> parts;
  std::string part;
  int depth = 0;
  for (const char c : text) {
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (c == ',' && depth == 0) {
      parts.push_back(std::move(part));
      part.clear();
    } else {
      part += c;
    }
  }
  if (!part.empty()) {
    parts.push_back(std::move(part));
  }
  return parts;
}

bool is_in(const std::string& list, const std::string& value) {
  const auto values = parts_of(list);
  return std::ranges::find(values, value) != values.end();
}

Answer<bool> label_matches(const std::string& part, const Json& labels) {
  static const std::regex set_form(R"(^\s*([^\s!=]+)\s+(in|notin)\s+\(([^)]*)\)\s*$)");
  static const std::regex equal_form(R"(^\s*([^\s!=]+)\s*(==|=|!=)\s*([^\s]*)\s*$)");
  static const std::regex exists_form(R"(^\s*(!?)\s*([^\s!=]+)\s*$)");
  std::smatch found;
  const auto value = [&](const std::string& name) {
    return labels.contains(name) ? labels[name].get<std::string>() : std::string{};
  };
  if (std::regex_match(part, found, set_form)) {
    const bool is_member =
        labels.contains(found[1].str()) && is_in(found[3].str(), value(found[1].str()));
    return (found[2] == "in") == is_member;
  }
  if (std::regex_match(part, found, equal_form)) {
    const bool is_equal =
        labels.contains(found[1].str()) && value(found[1].str()) == found[3].str();
    return (found[2] == "!=") != is_equal;
  }
  if (std::regex_match(part, found, exists_form)) {
    return labels.contains(found[2].str()) == found[1].str().empty();
  }
  return refuse(400, "BadRequest", "unable to parse requirement: " + part);
}

Answer<bool> field_matches(const std::string& part, const Json& object) {
  const auto equals = part.find('=');
  if (equals == std::string::npos) {
    return refuse(400, "BadRequest", "invalid field selector: " + part);
  }
  const bool is_not = equals > 0 && part[equals - 1] == '!';
  const std::string name = part.substr(0, is_not ? equals - 1 : equals);
  const auto begin = part.find_first_not_of('=', equals);
  const std::string wanted = begin == std::string::npos ? "" : part.substr(begin);
  if (name != "metadata.name" && name != "metadata.namespace") {
    return refuse(400, "BadRequest", "field label not supported: " + name);
  }
  const std::string value = text_at(object, {"metadata", std::string_view(name).substr(9)});
  return is_not != (value == wanted);
}

}  // namespace

Answer<bool> matches(const Selectors& selectors, const Json& object) {
  const Json& found = at(object, {"metadata", "labels"});
  const Json labels = found.is_object() ? found : Json::object();
  for (const std::string& part : parts_of(selectors.label)) {
    const auto result = label_matches(part, labels);
    if (!result || !*result) {
      return result;
    }
  }
  for (const std::string& part : parts_of(selectors.field)) {
    const auto result = field_matches(part, object);
    if (!result || !*result) {
      return result;
    }
  }
  return true;
}

}  // namespace sluice::fake
