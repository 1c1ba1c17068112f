#pragma once
// A JSON tree as block-style YAML that people can read and that parses back to the same tree.

#include <string>

#include "base/json_view.h"

namespace sluice::api {

[[nodiscard]] std::string yaml_text(JsonView root);

}  // namespace sluice::api
