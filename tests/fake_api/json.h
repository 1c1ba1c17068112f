#pragma once
// Internal to this folder: JSON values as the fake server keeps them. Keys are sorted, so equal
// objects have equal text. Only .cc files and internal headers here include it.

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace sluice::fake {

using Json = nlohmann::json;

// The member at a path of names, or null JSON when any of it is absent.
[[nodiscard]] inline const Json& at(const Json& node,
                                    std::initializer_list<std::string_view> path) {
  static const Json null;
  const Json* here = &node;
  for (const std::string_view name : path) {
    const auto found = here->is_object() ? here->find(std::string(name)) : here->end();
    if (!here->is_object() || found == here->end()) {
      return null;
    }
    here = &*found;
  }
  return *here;
}

[[nodiscard]] inline std::string text_at(const Json& node,
                                         std::initializer_list<std::string_view> path) {
  const Json& found = at(node, path);
  return found.is_string() ? found.get<std::string>() : std::string{};
}

}  // namespace sluice::fake
