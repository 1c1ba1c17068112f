#include "dataplane/wire/counters.h"

#include "base/describe.h"

namespace sluice {

template <>
struct EnumNames<wire::CounterMode> {
  static constexpr std::array<std::string_view, wire::kCounterModes> kNames{
      "live", "quarantine", "shadow"};
};

}  // namespace sluice

namespace sluice::wire {

template <class Io>
void describe(Io& io, RevisionCounters& value) {
  io.required("revision", value.revision);
  io.defaulted("mode", value.mode);
  io.defaulted("assigned", value.assigned, {.min = 0});
  io.defaulted("ended", value.ended, {.min = 0});
  io.defaulted("failed", value.failed, {.min = 0});
  io.defaulted("failedConnect", value.failed_connect, {.min = 0});
  io.defaulted("failedReset", value.failed_reset, {.min = 0});
  io.defaulted("failedStatus", value.failed_status, {.min = 0});
  io.defaulted("failedBody", value.failed_body, {.min = 0});
  io.defaulted("failedTimeout", value.failed_timeout, {.min = 0});
  io.defaulted("rescued", value.rescued, {.min = 0});
  io.defaulted("lost", value.lost, {.min = 0});
  io.defaulted("streamed", value.streamed, {.min = 0});
  io.defaulted("clientGone", value.client_gone, {.min = 0});
  io.defaulted("answered", value.answered, {.min = 0});
  io.defaulted("empty", value.empty, {.min = 0});
  io.defaulted("inFlight", value.in_flight, {.min = 0});
  io.defaulted("diverted", value.diverted, {.min = 0});
  io.defaulted("latency", value.latency, {.max_items = 161});
}

template <class Io>
void describe(Io& io, UpstreamCounters& value) {
  io.required("revision", value.revision);
  io.required("pod", value.pod);
  io.defaulted("mode", value.mode);
  io.defaulted("ended", value.ended, {.min = 0});
  io.defaulted("failed", value.failed, {.min = 0});
  io.defaulted("latency", value.latency, {.max_items = 41});
}

template <class Io>
void describe(Io& io, PairCounters& value) {
  io.required("stable", value.stable);
  io.required("revision", value.revision);
  io.defaulted("dropped", value.dropped, {.min = 0});
  io.defaulted("bothGood", value.both_good, {.min = 0});
  io.defaulted("onlyFailed", value.only_failed, {.min = 0});
  io.defaulted("onlyStableFailed", value.only_stable_failed, {.min = 0});
  io.defaulted("bothFailed", value.both_failed, {.min = 0});
  io.defaulted("overlap", value.overlap, {.max_items = 11});
  io.defaulted("rboSum", value.rbo_sum, {.min = 0});
  io.defaulted("incomparable", value.incomparable, {.min = 0});
  io.defaulted("latencyDifference", value.latency_difference, {.max_items = 41});
}

template <class Io>
void describe(Io& io, QuarantineState& value) {
  io.required("revision", value.revision);
  io.defaulted("active", value.active);
  io.defaulted("level", value.level);
  io.defaulted("trips", value.trips, {.min = 0});
  io.optional("firstFailureAt", value.first_failure_at);
  io.optional("trippedAt", value.tripped_at);
}

template <class Io>
void describe(Io& io, TableSeen& value) {
  io.defaulted("uid", value.uid);
  io.defaulted("epoch", value.epoch);
  io.defaulted("generation", value.generation);
}

template <class Io>
void describe(Io& io, Counters& value) {
  io.required("processStartId", value.process_start_id, {.min_length = 1});
  io.defaulted("router", value.router);
  io.required("at", value.at);
  io.required("table", value.table);
  io.defaulted("candidateWeight", value.candidate_weight);
  io.defaulted("revisions", value.revisions, {.max_items = 64});
  io.defaulted("upstreams", value.upstreams, {.max_items = 2048});
  io.defaulted("pairs", value.pairs, {.max_items = 64});
  io.defaulted("quarantine", value.quarantine, {.max_items = 64});
}

SLUICE_DESCRIBED(Counters);

}  // namespace sluice::wire
