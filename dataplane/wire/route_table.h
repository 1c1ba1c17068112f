#pragma once
// RouteTable: what the operator tells the routers of one index. JSON under "table.json" in the
// ConfigMap "<index>-route"; the rag_index controller is its only writer, the routers its readers.

#include <cstdint>
#include <optional>
#include <string>

#include "base/field.h"

namespace sluice::wire {

struct RouteTarget {
  std::string revision = {};  // Name of the revision and of the Service of its workers.
  std::int32_t port = 8080;
  bool operator==(const RouteTarget&) const = default;
};

struct RouteCandidate {
  RouteTarget target = {};
  Share weight = {};
  // The errorRate objective's max, for the quarantine detector (p0 = max(1 %, this)).
  Share error_rate_max = {100};
  // The latency objective's max, 0 without one: an attempt at the candidate is given up after twice
  // that, so that stable answers in its place.
  std::int32_t latency_max_ms = 0;
  // Of the queries that stable answers, the share that is copied, to be compared; users never see
  // what comes of a copy.
  Share shadow = {};
  // Of the copies, the share that another worker of stable is asked instead of the candidate: how
  // far stable agrees with itself.
  Share shadow_stable = {};
  // The header that names a user, who is then wholly one arm's (dataplane/router/core/sticky.h). A
  // router that does not know this member splits query by query.
  std::optional<std::string> sticky_header = {};
  bool operator==(const RouteCandidate&) const = default;
};

// A router takes a table only if its (epoch, generation) is above that of the table it runs under
// the same uid; another uid (the index was deleted and made again) is always taken.
struct RouteTable {
  std::int32_t version = 1;  // Of this format. A router refuses one it does not know.
  std::string index = {};
  std::string uid = {};  // Of the RagIndex.
  std::int64_t epoch = 0;
  std::int64_t generation = 0;
  std::optional<RouteTarget> stable = {};
  std::optional<RouteCandidate> candidate = {};
  std::int32_t deadline_ms = 5000;  // Of a whole query.
  bool operator==(const RouteTable&) const = default;
};

template <class Io>
void describe(Io& io, RouteTable& value);

}  // namespace sluice::wire
