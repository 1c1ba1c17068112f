#pragma once
// decide: what is true of a ModelVersion. Pure: no I/O, no clock.

#include <string>
#include <vector>

#include "base/time.h"
#include "crds/model_version.h"
#include "crds/rag_index.h"

namespace sluice::model_version {

// Of an inline model's canonical JSON: it goes into a builder's arguments and into the
// ControllerRevisions of what is built with it.
inline constexpr std::size_t kInlineBytesMax = 64 * 1024;

struct Observation {
  api::ModelVersion model = {};
  std::vector<api::RagIndex> indexes = {};  // Of its namespace, those that concern() it.
};

// An Event about the model.
struct Announce {
  bool is_warning = false;
  std::string reason = {};
  std::string note = {};
};

struct Decision {
  api::ModelVersionStatus status = {};
  std::vector<Announce> events = {};
};

// The index names the model, serves its bytes, or is named by one of its gates.
[[nodiscard]] bool concerns(const api::RagIndex& index, const api::ModelVersion& model);

[[nodiscard]] Decision decide(const Observation& seen, WallTime now);

}  // namespace sluice::model_version
