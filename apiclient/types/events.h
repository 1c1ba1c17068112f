#pragma once
// Event (events.k8s.io/v1) as the recorder writes it and tests read it.

#include <cstdint>
#include <optional>
#include <string>

#include "apiclient/types/discovery.h"
#include "apiclient/types/meta.h"

namespace sluice::kube {

inline constexpr ResourceKind kEventKind{"events.k8s.io", "v1", "Event", "events"};

struct EventSeries {
  std::int32_t count = 0;
  WallTime last_observed_time = {};
  bool operator==(const EventSeries&) const = default;
};

struct Event {
  ObjectMeta metadata = {};
  std::optional<WallTime> event_time = {};
  std::optional<EventSeries> series = {};
  std::string type = {};  // Normal or Warning.
  std::string reason = {};
  std::string action = {};
  std::string note = {};
  std::string reporting_controller = {};
  std::string reporting_instance = {};
  ObjectReference regarding = {};
  bool operator==(const Event&) const = default;
};

template <class Io>
void describe(Io& io, EventSeries& value);
template <class Io>
void describe(Io& io, Event& value);

}  // namespace sluice::kube
