#include "apiclient/types/discovery.h"

#include "apiclient/types/bounds.h"
#include "base/describe.h"

namespace sluice::kube {

template <class Io>
void describe(Io& io, EndpointConditions& value) {
  io.defaulted("ready", value.ready);
  io.defaulted("serving", value.serving);
  io.defaulted("terminating", value.terminating);
}

template <class Io>
void describe(Io& io, ObjectReference& value) {
  io.defaulted("apiVersion", value.api_version, kForeign);
  io.defaulted("kind", value.kind, kForeign);
  io.defaulted("namespace", value.namespace_name, kForeign);
  io.defaulted("name", value.name, kForeign);
  io.defaulted("uid", value.uid, kForeign);
}

template <class Io>
void describe(Io& io, Endpoint& value) {
  io.defaulted("addresses", value.addresses, kForeign);
  io.defaulted("conditions", value.conditions);
  io.optional("targetRef", value.target_ref);
}

template <class Io>
void describe(Io& io, EndpointPort& value) {
  io.defaulted("name", value.name, kForeign);
  io.defaulted("port", value.port);
}

template <class Io>
void describe(Io& io, EndpointSlice& value) {
  io.required("metadata", value.metadata);
  io.defaulted("addressType", value.address_type, kForeign);
  io.defaulted("endpoints", value.endpoints, kForeign);
  io.defaulted("ports", value.ports, kForeign);
}

SLUICE_DESCRIBED(EndpointConditions);
SLUICE_DESCRIBED(ObjectReference);
SLUICE_DESCRIBED(Endpoint);
SLUICE_DESCRIBED(EndpointPort);
SLUICE_DESCRIBED(EndpointSlice);

}  // namespace sluice::kube
