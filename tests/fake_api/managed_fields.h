#pragma once
// Internal to this folder: who owns which field, and server-side apply over it.

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/fake_api/api_error.h"
#include "tests/fake_api/json.h"
#include "tests/fake_api/list_types.h"

namespace sluice::fake {

// Segments: ".name" of a member, "[{…}]" of a map list's item (its keys), "=[…]" of a set's value.
using FieldPath = std::vector<std::string>;
using FieldSet = std::set<FieldPath>;

// Manager, and whether it owns by Apply or by Update.
struct Manager {
  std::string name;
  bool is_apply = false;
  std::string subresource = {};
  auto operator<=>(const Manager&) const = default;
};

using Ownership = std::map<Manager, FieldSet>;

// The leaves of an object: scalars, atomic lists, empty structures, and the items of map lists.
[[nodiscard]] FieldSet leaves_of(const Json& object, const ListTypes& types);

struct ApplyRequest {
  Manager manager;
  const Json& config;  // Without what identifies the object.
  bool force = false;
};

// The object after the apply; `owners` is changed too. 409 names the managers in conflict.
[[nodiscard]] Answer<Json> server_side_apply(const Json& live,
                                             const ApplyRequest& request,
                                             const ListTypes& types,
                                             Ownership& owners);

// An ordinary write, as the object was and as it is.
struct Edit {
  const Json& before;
  const Json& after;
  Manager manager;
};

// What the edit changed belongs to its manager from now on.
void take_ownership(const Edit& edit, const ListTypes& types, Ownership& owners);

}  // namespace sluice::fake
