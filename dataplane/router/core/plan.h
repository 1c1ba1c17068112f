#pragma once
// RoutingPlan: what a router runs on: the table it was told and the workers it found. A plain
// value; made on the watching thread, applied to each lane.

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "dataplane/wire/route_table.h"

namespace sluice::router {

// Where one worker listens.
struct EndpointAddress {
  std::string pod = {};   // Pod name, else "host:port".
  std::string host = {};  // Numeric IPv4 or IPv6 address.
  std::uint16_t port = 0;
  auto operator<=>(const EndpointAddress&) const = default;
};

// By revision.
using EndpointsByRevision = std::map<std::string, std::vector<EndpointAddress>>;

struct RoutingPlan {
  wire::RouteTable table = {};
  EndpointsByRevision endpoints = {};
  bool operator==(const RoutingPlan&) const = default;
};

}  // namespace sluice::router
