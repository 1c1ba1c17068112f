#pragma once
// Internal to this folder: how lists are merged by server-side apply.

#include <functional>
#include <string>
#include <vector>

namespace sluice::fake {

struct ListType {
  enum class Kind { kAtomic, kSet, kMap };
  Kind kind = Kind::kAtomic;
  std::vector<std::string> keys = {};  // Of a map list.
};

// By the names of the fields that lead there, list items left out: {"spec", "steps"}.
using ListTypes = std::function<ListType(const std::vector<std::string>& names)>;

// Of built-in kinds, by the field's own name: containers by name, conditions by type, and so on.
[[nodiscard]] ListType built_in_list_type(const std::vector<std::string>& names);

}  // namespace sluice::fake
