#include "apiclient/types/coordination.h"

#include "apiclient/types/bounds.h"
#include "base/describe.h"

namespace sluice::kube {

template <class Io>
void describe(Io& io, LeaseSpec& value) {
  io.defaulted("holderIdentity", value.holder_identity, kForeign);
  io.defaulted("leaseDurationSeconds", value.lease_duration_seconds);
  io.optional("acquireTime", value.acquire_time);
  io.optional("renewTime", value.renew_time);
  io.defaulted("leaseTransitions", value.lease_transitions);
  io.optional("strategy", value.strategy);
  io.optional("preferredHolder", value.preferred_holder);
}

template <class Io>
void describe(Io& io, Lease& value) {
  io.required("metadata", value.metadata);
  io.defaulted("spec", value.spec);
}

SLUICE_DESCRIBED(LeaseSpec);
SLUICE_DESCRIBED(Lease);

}  // namespace sluice::kube
