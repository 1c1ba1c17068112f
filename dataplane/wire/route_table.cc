#include "dataplane/wire/route_table.h"

#include "base/describe.h"

namespace sluice::wire {

template <class Io>
void describe(Io& io, RouteTarget& value) {
  io.required("revision", value.revision, {.min_length = 1, .max_length = 63});
  io.defaulted("port", value.port, {.min = 1, .max = 65535});
}

template <class Io>
void describe(Io& io, RouteCandidate& value) {
  io.required("target", value.target);
  io.required("weight", value.weight);
  io.defaulted("errorRateMax", value.error_rate_max);
  io.defaulted("latencyMaxMs", value.latency_max_ms, {.min = 0, .max = 60'000});
  io.defaulted("shadow", value.shadow);
  io.defaulted("shadowStable", value.shadow_stable);
  io.optional("stickyHeader", value.sticky_header, {.min_length = 1, .max_length = 64});
}

template <class Io>
void describe(Io& io, RouteTable& value) {
  io.required("version", value.version, {.min = 1});
  io.required("index", value.index);
  io.required("uid", value.uid);
  io.required("epoch", value.epoch);
  io.required("generation", value.generation);
  io.optional("stable", value.stable);
  io.optional("candidate", value.candidate);
  io.defaulted("deadlineMs", value.deadline_ms, {.min = 10, .max = 600'000});
}

SLUICE_DESCRIBED(RouteTable);

}  // namespace sluice::wire
