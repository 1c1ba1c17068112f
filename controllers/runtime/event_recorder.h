#pragma once
// EventRecorder: events.k8s.io/v1 Events about our objects, for people who describe them. Equal
// ones become a series (one write, then a patch at most every 6 minutes with the count), each
// object has a budget (a burst of 25, then one in 5 minutes), and at most 1,000 wait; the oldest
// are dropped and counted. Nothing is recorded for objects that are being deleted: their namespace
// may refuse it. Loop thread; outlived by loop and client.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <tuple>

#include "apiclient/client.h"
#include "apiclient/types/meta.h"
#include "base/loop.h"
#include "base/metrics.h"

namespace sluice {

enum class EventType { kNormal, kWarning };

// What happened. `reason` and `action` are CamelCase words of at most 128 bytes; `note` is cut to
// 1,024 bytes between characters.
struct EventNote {
  EventType type = EventType::kNormal;
  std::string reason = {};
  std::string action = {};
  std::string note = {};
};

class EventRecorder {
 public:
  // `controller` as in "sluice.dev/operator", `instance` as in the pod's name.
  EventRecorder(const ApiContext& context, std::string controller, std::string_view instance);
  ~EventRecorder();
  EventRecorder(const EventRecorder&) = delete;
  EventRecorder& operator=(const EventRecorder&) = delete;

  void record(const kube::ResourceKind& kind, const kube::ObjectMeta& about, const EventNote& note);

  [[nodiscard]] std::size_t waiting() const { return queue_.size(); }

 private:
  // Object UID, type, reason, action, note: what makes two events equal.
  using SeriesKey = std::tuple<std::string, EventType, std::string, std::string, std::string>;

  struct Series {
    kube::ObjectKey event;  // The Event object that stands for all of them.
    std::int32_t count = 1;
    std::int32_t count_sent = 1;
    WallTime last_seen;
    MonotonicTime last_seen_at;
    MonotonicTime sent_at;
  };

  struct Budget {
    double tokens;
    MonotonicTime filled_at;
  };

  struct Write {
    ApiRequest request;
    int attempts = 0;
  };

  [[nodiscard]] bool take_token(const std::string& uid);
  void refill(Budget& budget) const;
  void enqueue(ApiRequest request);
  void send_next();
  void sent(const Result<std::string>& outcome);
  void sweep();
  void arm_sweep();
  [[nodiscard]] ApiRequest new_event(const kube::ResourceKind& kind,
                                     const kube::ObjectMeta& about,
                                     const EventNote& note);

  Loop& loop_;
  Client& client_;
  std::string controller_;
  std::string instance_;
  Counter dropped_;
  std::map<SeriesKey, Series> series_;
  std::map<std::string, Budget> budgets_;
  std::deque<Write> queue_;  // The first one is being sent, or waits to be sent again.
  CallId sending_;
  TimerId retry_;
  TimerId sweep_timer_;
  std::uint64_t last_event_ = 0;
};

}  // namespace sluice
