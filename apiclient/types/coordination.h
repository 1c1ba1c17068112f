#pragma once
// Lease (coordination.k8s.io/v1): what leader election reads and writes. `strategy` and
// `preferredHolder` are carried so that a renewal does not erase what others put there.

#include <cstdint>
#include <optional>
#include <string>

#include "apiclient/types/meta.h"

namespace sluice::kube {

inline constexpr ResourceKind kLeaseKind{"coordination.k8s.io", "v1", "Lease", "leases"};

struct LeaseSpec {
  std::string holder_identity = {};
  std::int32_t lease_duration_seconds = 0;
  std::optional<WallTime> acquire_time = {};
  std::optional<WallTime> renew_time = {};
  std::int32_t lease_transitions = 0;
  std::optional<std::string> strategy = {};
  std::optional<std::string> preferred_holder = {};
  bool operator==(const LeaseSpec&) const = default;
};

struct Lease {
  ObjectMeta metadata = {};
  LeaseSpec spec = {};
  bool operator==(const Lease&) const = default;
};

template <class Io>
void describe(Io& io, LeaseSpec& value);
template <class Io>
void describe(Io& io, Lease& value);

}  // namespace sluice::kube
