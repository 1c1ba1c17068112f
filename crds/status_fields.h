#pragma once
// Shapes that fields of a status share.

#include <string_view>

#include "base/describe.h"

namespace sluice::api {

// A name as Kubernetes allows it, or one word for programs.
inline Field name_field(std::string_view doc) {
  return {.doc = doc, .max_length = 253};
}

inline Field count_field(std::string_view doc) {
  return {.doc = doc, .min = 0};
}

}  // namespace sluice::api
