#pragma once
// EndpointSlice (discovery.k8s.io/v1) as far as we read it: which pods answer for a Service.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apiclient/types/meta.h"

namespace sluice::kube {

inline constexpr ResourceKind kEndpointSliceKind{
    "discovery.k8s.io", "v1", "EndpointSlice", "endpointslices"};
// The label that names the Service of a slice.
inline constexpr std::string_view kServiceNameLabel = "kubernetes.io/service-name";

// Absent conditions count as ready and serving, and not terminating (the API's own rule).
struct EndpointConditions {
  bool ready = true;
  bool serving = true;
  bool terminating = false;
  bool operator==(const EndpointConditions&) const = default;
};

struct ObjectReference {
  std::string api_version = {};
  std::string kind = {};
  std::string namespace_name = {};
  std::string name = {};
  std::string uid = {};
  bool operator==(const ObjectReference&) const = default;
};

struct Endpoint {
  std::vector<std::string> addresses = {};
  EndpointConditions conditions = {};
  std::optional<ObjectReference> target_ref = {};
  bool operator==(const Endpoint&) const = default;
};

struct EndpointPort {
  std::string name = {};
  std::int32_t port = 0;
  bool operator==(const EndpointPort&) const = default;
};

struct EndpointSlice {
  ObjectMeta metadata = {};
  std::string address_type = {};
  std::vector<Endpoint> endpoints = {};
  std::vector<EndpointPort> ports = {};
  bool operator==(const EndpointSlice&) const = default;
};

template <class Io>
void describe(Io& io, EndpointConditions& value);
template <class Io>
void describe(Io& io, ObjectReference& value);
template <class Io>
void describe(Io& io, Endpoint& value);
template <class Io>
void describe(Io& io, EndpointPort& value);
template <class Io>
void describe(Io& io, EndpointSlice& value);

}  // namespace sluice::kube
