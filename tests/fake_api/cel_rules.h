#pragma once
// Internal to this folder: the CEL rules that our CRDs ship, as predicates found by the rule's
// text. A rule that is missing here is not evaluated, and CrdSchema::rules_not_evaluated says so.

#include <optional>
#include <string>

#include "tests/fake_api/json.h"

namespace sluice::fake {

// Empty when the rule is not known. `old_self` is null JSON where there is none.
[[nodiscard]] std::optional<bool> evaluate_rule(const std::string& rule,
                                                const Json& self,
                                                const Json& old_self);
[[nodiscard]] bool is_known_rule(const std::string& rule);

}  // namespace sluice::fake
