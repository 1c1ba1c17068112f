#pragma once
// Internal to this folder: label and field selectors of list and watch.

#include <string>

#include "tests/fake_api/api_error.h"
#include "tests/fake_api/json.h"

namespace sluice::fake {

struct Selectors {
  std::string label = {};  // "a=b,c!=d,e,!f,g in (h,i)"
  std::string field = {};  // "metadata.name=x,metadata.namespace=y"
};

// 400 for what the real server refuses too.
[[nodiscard]] Answer<bool> matches(const Selectors& selectors, const Json& object);

}  // namespace sluice::fake
