#pragma once
// Decision: what decide() makes of an Observation. The status is the intent and is written first,
// under the resource version that was observed; then the actions are done in order, up to the first
// failure. Each is idempotent.

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "apiclient/types/meta.h"
#include "base/time.h"
#include "controllers/scrape/scrape_plan.h"
#include "crds/rag_index.h"

namespace sluice::rag_index {

// One object as we want it: the body of a server-side apply.
struct Manifest {
  kube::ResourceKind kind = {};
  std::string name = {};
  std::string body = {};
  std::string hash = {};  // Of the body without the annotation that carries this hash.
};

// Server-side apply, taking over fields that others changed.
struct Apply {
  Manifest manifest = {};
};

// Server-side apply of the Secret with the index's token, which we may not read. Nothing that users
// need waits for it: when it fails that is told, and what follows is done all the same.
struct ApplyToken {
  Manifest manifest = {};
};

// Deletes that very object: another one of its name is left alone.
struct Delete {
  kube::ResourceKind kind = {};
  std::string name = {};
  std::string uid = {};
};

// Sets one label of that very object and touches nothing else of it: a pod's spec cannot be applied
// again once the index's own spec has moved on.
struct SetLabel {
  kube::ResourceKind kind = {};
  std::string name = {};
  std::string uid = {};
  std::string label = {};
  std::string value = {};
};

// An Event about the index.
struct Announce {
  bool is_warning = false;
  std::string reason = {};
  std::string note = {};
};

using Action = std::variant<Apply, ApplyToken, Delete, SetLabel, Announce>;

struct Decision {
  api::RagIndexStatus status = {};
  std::vector<Action> actions = {};
  std::optional<Duration> look_again = {};  // Empty: an event will come.
  scrape::ScrapePlan plan = {};
};

}  // namespace sluice::rag_index
