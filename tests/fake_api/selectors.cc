#include "tests/fake_api/selectors.h"

#include <algorithm>
#include <map>
#include <optional>
#include <regex>
#include <string_view>
#include <utility>
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

// One part of a label selector.
struct Requirement {
  std::string name;
  bool is_not = false;
  std::optional<std::string> values = {};  // Between commas; not set: any.
};

Answer<Requirement> parse_requirement(const std::string& part) {
  static const std::regex set_form(R"(^\s*([^\s!=]+)\s+(in|notin)\s+\(([^)]*)\)\s*$)");
  static const std::regex equal_form(R"(^\s*([^\s!=]+)\s*(==|=|!=)\s*([^\s]*)\s*$)");
  static const std::regex exists_form(R"(^\s*(!?)\s*([^\s!=]+)\s*$)");
  std::smatch found;
  if (std::regex_match(part, found, set_form)) {
    return Requirement{.name = found[1], .is_not = found[2] == "notin", .values = found[3].str()};
  }
  if (std::regex_match(part, found, equal_form)) {
    return Requirement{.name = found[1], .is_not = found[2] == "!=", .values = found[3].str()};
  }
  if (std::regex_match(part, found, exists_form)) {
    return Requirement{.name = found[2], .is_not = !found[1].str().empty()};
  }
  return refuse(400, "BadRequest", "unable to parse requirement: " + part);
}

// A selector is parsed once: it is asked for every object of every event.
const Answer<std::vector<Requirement>>& requirements_of(const std::string& selector) {
  static std::map<std::string, Answer<std::vector<Requirement>>> known;
  if (const auto found = known.find(selector); found != known.end()) {
    return found->second;
  }
  Answer<std::vector<Requirement>> all = std::vector<Requirement>{};
  for (const std::string& part : parts_of(selector)) {
    auto requirement = parse_requirement(part);
    if (!requirement) {
      all = tl::make_unexpected(requirement.error());
      break;
    }
    all->push_back(std::move(*requirement));
  }
  return known.emplace(selector, std::move(all)).first->second;
}

bool label_matches(const Requirement& wanted, const Json& labels) {
  const auto found = labels.find(wanted.name);
  const bool is_there = found != labels.end();
  if (!wanted.values) {
    return is_there != wanted.is_not;
  }
  const std::string value = is_there ? found->get<std::string>() : "";
  const bool is_member = is_there && (value == *wanted.values || is_in(*wanted.values, value));
  return is_member != wanted.is_not;
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
  static const Json none = Json::object();
  const Json& labels = found.is_object() ? found : none;
  const auto& requirements = requirements_of(selectors.label);
  if (!requirements) {
    return tl::make_unexpected(requirements.error());
  }
  for (const Requirement& requirement : *requirements) {
    if (!label_matches(requirement, labels)) {
      return false;
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
