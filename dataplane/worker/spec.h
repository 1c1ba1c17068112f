#pragma once
// The RagIndex as the worker reads it: the same YAML or JSON as in the cluster.

#include <string>
#include <string_view>

#include "crds/rag_index.h"
#include "dataplane/retrieval/builder.h"
#include "dataplane/worker/outcome.h"

namespace sluice::worker {

// From a file with a RagIndex, or with a spec alone. Strict: a member that no field has is an
// error, because people write these by hand.
[[nodiscard]] Outcome<api::RagIndexSpec> read_spec(const std::string& path);
// From JSON text, as the operator gives it. Lenient: a newer operator may know more fields than
// this image, which an index keeps across the operator's upgrades.
[[nodiscard]] Outcome<api::RagIndexSpec> parse_spec(std::string_view json);

// How the engine builds what the spec asks for. Paths are left to the caller.
[[nodiscard]] retrieval::BuildOptions build_options(const api::RagIndexSpec& spec);

// Written into each index.
inline constexpr const char* kCreator = "sluice-worker 0.1.0";

}  // namespace sluice::worker
