#include "crds/artifact_options.h"

#include "base/describe.h"

namespace sluice {

template <>
struct EnumNames<api::ArtifactStorage> {
  static constexpr std::array<std::string_view, 2> kNames{"Ephemeral", "PersistentVolumeClaim"};
};

}  // namespace sluice

namespace sluice::api {

template <class Io>
void describe(Io& io, VolumeClaim& value) {
  io.required("claimName",
              value.claim_name,
              {.doc = "A PersistentVolumeClaim in the same namespace; indexes may share it.",
               .max_length = 253,
               .pattern = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"});
}

template <class Io>
void describe(Io& io, ArtifactOptions& value) {
  io.defaulted("type",
               value.type,
               {.doc = "Ephemeral: on the pods alone. PersistentVolumeClaim: on a volume too, so "
                       "that nothing need be built again when all pods are lost."});
  io.optional("persistentVolumeClaim",
              value.persistent_volume_claim,
              {.doc = "The volume, for type PersistentVolumeClaim."});
  io.rule("has(self.persistentVolumeClaim) == (self.type == 'PersistentVolumeClaim')",
          "persistentVolumeClaim must be set for type PersistentVolumeClaim, and only for that",
          value.persistent_volume_claim.has_value() ==
              (value.type == ArtifactStorage::kPersistentVolumeClaim));
}

SLUICE_DESCRIBED(ArtifactOptions);

}  // namespace sluice::api
