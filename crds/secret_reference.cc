#include "crds/secret_reference.h"

#include "base/describe.h"

namespace sluice::api {

template <class Io>
void describe(Io& io, SecretReference& value) {
  io.required("name",
              value.name,
              {.doc = "A Secret of this namespace.",
               .max_length = 253,
               .pattern = "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"});
}

SLUICE_DESCRIBED(SecretReference);

}  // namespace sluice::api
