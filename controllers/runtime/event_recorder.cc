#include "controllers/runtime/event_recorder.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "apiclient/types/events.h"
#include "base/json_writer.h"
#include "base/log.h"
#include "base/utf8.h"

namespace sluice {
namespace {

constexpr std::size_t kNoteMax = 1024;
constexpr std::size_t kWordMax = 128;
constexpr std::size_t kObjectNameMax = 220;  // Leaves room for the suffix within 253.
constexpr std::size_t kQueueMax = 1000;
constexpr std::size_t kSeriesMax = 4096;
constexpr int kAttemptsMax = 12;
constexpr Duration kRetryAfter = std::chrono::seconds{10};
constexpr Duration kSeriesSilence = std::chrono::minutes{6};
constexpr Duration kSeriesRefresh = std::chrono::minutes{30};
constexpr Duration kSweepEvery = std::chrono::minutes{1};
constexpr double kBurst = 25;
constexpr Duration kTokenEvery = std::chrono::minutes{5};

std::string_view name_of(EventType type) {
  return type == EventType::kWarning ? "Warning" : "Normal";
}

std::string series_patch(std::int32_t count, WallTime last_seen) {
  JsonWriter json;
  json.begin_object()
      .key("series")
      .begin_object()
      .member("count", count)
      .member("lastObservedTime", std::string_view(format_micro_time(last_seen)))
      .end_object()
      .end_object();
  return json.take();
}

bool is_worth_repeating(const Error& error) {
  return error.code == ErrorCode::kThrottled || error.code == ErrorCode::kUnavailable ||
         error.code == ErrorCode::kTimeout;
}

}  // namespace

EventRecorder::EventRecorder(const ApiContext& context,
                             std::string controller,
                             std::string_view instance)
    : loop_(context.loop),
      client_(context.client),
      controller_(std::move(controller)),
      instance_(cut_utf8(instance, kWordMax)),
      dropped_(context.metrics.counter(
          "sluice_events_dropped_total",
          "Events that were not written: over budget, or the queue was full.")) {}

EventRecorder::~EventRecorder() {
  client_.cancel(sending_);
  loop_.cancel(retry_);
  loop_.cancel(sweep_timer_);
}

void EventRecorder::record(const kube::ResourceKind& kind,
                           const kube::ObjectMeta& about,
                           const EventNote& note) {
  if (about.deletion_timestamp) {
    return;
  }
  const SeriesKey key{about.uid, note.type, note.reason, note.action, note.note};
  if (const auto found = series_.find(key); found != series_.end()) {
    Series& series = found->second;
    ++series.count;
    series.last_seen = loop_.wall_now();
    series.last_seen_at = loop_.now();
    return;
  }
  if (!take_token(about.uid)) {
    dropped_.add();
    return;
  }
  ApiRequest request = new_event(kind, about, note);
  if (series_.size() < kSeriesMax) {
    series_.emplace(key,
                    Series{.event = request.key,
                           .last_seen = loop_.wall_now(),
                           .last_seen_at = loop_.now(),
                           .sent_at = loop_.now()});
    arm_sweep();
  }
  enqueue(std::move(request));
}

ApiRequest EventRecorder::new_event(const kube::ResourceKind& kind,
                                    const kube::ObjectMeta& about,
                                    const EventNote& note) {
  const WallTime now = loop_.wall_now();
  kube::ObjectKey key{about.namespace_name.empty() ? "default" : about.namespace_name,
                      fmt::format("{}.{:x}{:04x}",
                                  about.name.substr(0, kObjectNameMax),
                                  now.since_epoch.count(),
                                  ++last_event_ & 0xffff)};
  JsonWriter json;
  const auto member = [&json](std::string_view name, std::string_view value) {
    json.member(name, value);
  };
  json.begin_object();
  member("apiVersion", kube::kEventKind.api_version());
  member("kind", kube::kEventKind.kind);
  json.key("metadata").begin_object();
  member("name", key.name);
  member("namespace", key.namespace_name);
  json.end_object();
  member("eventTime", format_micro_time(now));
  member("type", name_of(note.type));
  member("reason", cut_utf8(note.reason, kWordMax));
  member("action", cut_utf8(note.action.empty() ? note.reason : note.action, kWordMax));
  member("note", cut_utf8(note.note, kNoteMax));
  member("reportingController", controller_);
  member("reportingInstance", instance_);
  json.key("regarding").begin_object();
  member("apiVersion", kind.api_version());
  member("kind", kind.kind);
  member("namespace", about.namespace_name);
  member("name", about.name);
  member("uid", about.uid);
  member("resourceVersion", about.resource_version);
  json.end_object().end_object();
  return create_object(kube::kEventKind, std::move(key), json.take());
}

void EventRecorder::refill(Budget& budget) const {
  const Duration since = loop_.now() - budget.filled_at;
  budget.tokens +=
      std::chrono::duration<double>(since) / std::chrono::duration<double>(kTokenEvery);
  budget.tokens = std::min(budget.tokens, kBurst);
  budget.filled_at = loop_.now();
}

bool EventRecorder::take_token(const std::string& uid) {
  Budget& budget =
      budgets_.try_emplace(uid, Budget{.tokens = kBurst, .filled_at = loop_.now()}).first->second;
  refill(budget);
  arm_sweep();
  if (budget.tokens < 1) {
    return false;
  }
  budget.tokens -= 1;
  return true;
}

void EventRecorder::enqueue(ApiRequest request) {
  if (queue_.size() >= kQueueMax) {
    // The first one may be on its way: the oldest that only waits goes.
    queue_.erase(queue_.begin() + 1);
    dropped_.add();
  }
  queue_.push_back({.request = std::move(request)});
  if (sending_ == CallId{} && retry_ == TimerId{}) {
    send_next();
  }
}

void EventRecorder::send_next() {
  if (queue_.empty()) {
    return;
  }
  ++queue_.front().attempts;
  sending_ = client_.send(queue_.front().request,
                          [this](const Result<std::string>& outcome) { sent(outcome); });
}

void EventRecorder::sent(const Result<std::string>& outcome) {
  sending_ = {};
  if (!outcome && is_worth_repeating(outcome.error()) && queue_.front().attempts < kAttemptsMax) {
    retry_ = loop_.call_after(kRetryAfter, [this] {
      retry_ = {};
      send_next();
    });
    return;
  }
  if (!outcome) {
    log_debug("an event was not written", {{"error", outcome.error().describe()}});
    dropped_.add();
  }
  queue_.pop_front();
  send_next();
}

void EventRecorder::arm_sweep() {
  if (sweep_timer_ == TimerId{}) {
    sweep_timer_ = loop_.call_after(kSweepEvery, [this] {
      sweep_timer_ = {};
      sweep();
    });
  }
}

void EventRecorder::sweep() {
  const MonotonicTime now = loop_.now();
  for (auto at = series_.begin(); at != series_.end();) {
    Series& series = at->second;
    const bool is_over = now - series.last_seen_at >= kSeriesSilence;
    if (series.count > series.count_sent && (is_over || now - series.sent_at >= kSeriesRefresh)) {
      series.count_sent = series.count;
      series.sent_at = now;
      enqueue(merge_patch(
          kube::kEventKind, series.event, series_patch(series.count, series.last_seen)));
    }
    at = is_over ? series_.erase(at) : std::next(at);
  }
  for (auto at = budgets_.begin(); at != budgets_.end();) {
    refill(at->second);
    at = at->second.tokens >= kBurst ? budgets_.erase(at) : std::next(at);
  }
  if (!series_.empty() || !budgets_.empty()) {
    arm_sweep();
  }
}

}  // namespace sluice
