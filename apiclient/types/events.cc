#include "apiclient/types/events.h"

#include "apiclient/types/bounds.h"
#include "base/describe.h"

namespace sluice::kube {

template <class Io>
void describe(Io& io, EventSeries& value) {
  io.required("count", value.count);
  io.required("lastObservedTime", value.last_observed_time);
}

template <class Io>
void describe(Io& io, Event& value) {
  io.required("metadata", value.metadata);
  io.optional("eventTime", value.event_time);
  io.optional("series", value.series);
  io.defaulted("type", value.type, kForeign);
  io.defaulted("reason", value.reason, kForeign);
  io.defaulted("action", value.action, kForeign);
  io.defaulted("note", value.note, kForeign);
  io.defaulted("reportingController", value.reporting_controller, kForeign);
  io.defaulted("reportingInstance", value.reporting_instance, kForeign);
  io.defaulted("regarding", value.regarding);
}

SLUICE_DESCRIBED(EventSeries);
SLUICE_DESCRIBED(Event);

}  // namespace sluice::kube
