#pragma once
// ArtifactOptions: where an index's artefacts are kept beside its workers. No part of a revision.
// Docs and bounds stand in artifact_options.cc.

#include <optional>
#include <string>

#include "base/field.h"

namespace sluice::api {

enum class ArtifactStorage { kEphemeral, kPersistentVolumeClaim };

struct VolumeClaim {
  std::string claim_name = {};
  bool operator==(const VolumeClaim&) const = default;
};

// The claim is set if and only if the type is kPersistentVolumeClaim.
struct ArtifactOptions {
  ArtifactStorage type = ArtifactStorage::kEphemeral;
  std::optional<VolumeClaim> persistent_volume_claim = {};
  bool operator==(const ArtifactOptions&) const = default;
};

template <class Io>
void describe(Io& io, ArtifactOptions& value);

}  // namespace sluice::api
