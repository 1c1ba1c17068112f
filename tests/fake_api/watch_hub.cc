#include "tests/fake_api/watch_hub.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace sluice::fake {
namespace {

constexpr Duration kBookmarkEvery = std::chrono::seconds{60};

std::string line(const char* type, const Json& object) {
  return R"({"object":)" + object.dump() + R"(,"type":")" + type + "\"}\n";
}

bool is_seen(const WatchStart& start, const Json& object) {
  if (object.is_null()) {
    return false;
  }
  const bool is_in_namespace = start.namespace_name.empty() ||
                               start.namespace_name == text_at(object, {"metadata", "namespace"});
  return is_in_namespace && matches(start.selectors, object).value_or(false);
}

std::string bookmark_line(const WatchStart& start, bool ends_initial) {
  Json metadata = {{"resourceVersion", std::to_string(start.revision)}};
  if (ends_initial) {
    metadata["annotations"] = {{"k8s.io/initial-events-end", "true"}};
  }
  return line(
      "BOOKMARK",
      {{"kind", start.kind_name}, {"apiVersion", start.api_version}, {"metadata", metadata}});
}

// What this change is to a watch that sees only some objects; empty when it is nothing.
std::string line_of(const WatchStart& start, const HistoryEvent& event) {
  const bool was_seen = is_seen(start, event.before);
  const bool is_now_seen = !event.is_delete && is_seen(start, event.after);
  if (is_now_seen) {
    return line(was_seen ? "MODIFIED" : "ADDED", event.after);
  }
  if (!was_seen) {
    return {};
  }
  // It left the selection: its last matching state, under the revision of the change.
  Json last = event.is_delete ? event.after : event.before;
  last["metadata"]["resourceVersion"] = std::to_string(event.revision);
  return line("DELETED", last);
}

}  // namespace

WatchHub::WatchHub(Loop& loop, Rng rng, const ApiState& state)
    : loop_(loop), rng_(rng), state_(state) {}

WatchHub::~WatchHub() {
  while (!watches_.empty()) {
    close(watches_.begin()->first);
  }
}

std::uint64_t WatchHub::open(WatchStart start, WatchSink sink) {
  const std::uint64_t id = ++last_id_;
  Watch& watch = watches_[id];
  watch.start = std::move(start);
  watch.sink = std::move(sink);
  watch.timeout = loop_.call_after(watch.start.timeout, [this, id] { end(id, true); });
  if (watch.start.wants_bookmarks) {
    watch.bookmark = loop_.call_after(kBookmarkEvery, [this, id] { bookmark(id); });
  }
  schedule(id, watch);
  return id;
}

void WatchHub::close(std::uint64_t watch) {
  const auto found = watches_.find(watch);
  if (found == watches_.end()) {
    return;
  }
  cancel_timers(found->second);
  watches_.erase(found);
}

void WatchHub::cancel_timers(const Watch& watch) {
  loop_.cancel(watch.pump);
  loop_.cancel(watch.bookmark);
  loop_.cancel(watch.timeout);
}

void WatchHub::end(std::uint64_t id, bool is_clean) {
  const auto found = watches_.find(id);
  CHECK(found != watches_.end());
  const auto tell = std::move(found->second.sink.end);
  close(id);
  tell(is_clean);
}

void WatchHub::cut_all() {
  while (!watches_.empty()) {
    end(watches_.begin()->first, false);
  }
}

void WatchHub::stall_all() {
  for (auto& [id, watch] : watches_) {
    watch.is_stalled = true;
    cancel_timers(watch);
  }
}

void WatchHub::wake() {
  for (auto& [id, watch] : watches_) {
    schedule(id, watch);
  }
}

void WatchHub::schedule(std::uint64_t id, Watch& watch) {
  if (watch.pump == TimerId{} && !watch.is_stalled) {
    watch.pump = loop_.call_after(delay_(), [this, id] { pump(id); });
  }
}

std::string WatchHub::lines_since(Watch& watch) const {
  std::string lines;
  const auto& history = state_.history();
  auto next = std::ranges::upper_bound(history, watch.start.revision, {}, &HistoryEvent::revision);
  for (; next != history.end(); ++next) {
    watch.start.revision = next->revision;
    if (next->kind_id == watch.start.kind_id) {
      lines += line_of(watch.start, *next);
    }
  }
  return lines;
}

// The present objects, then the end of them, then what changes.
std::string WatchHub::next_lines(Watch& watch) const {
  using Initial = WatchStart::Initial;
  if (watch.start.initial == Initial::kObjects) {
    watch.start.initial = watch.start.ends_initial ? Initial::kEnd : Initial::kNone;
    watch.start.revision = state_.revision();
    const std::size_t slash = watch.start.kind_id.find('/');
    const KindTraits* kind = state_.find_kind(watch.start.kind_id.substr(0, slash),
                                              watch.start.kind_id.substr(slash + 1));
    CHECK(kind != nullptr);
    const auto objects = state_.list(*kind, watch.start.namespace_name, watch.start.selectors);
    std::string lines;
    for (const Json& object : objects.value_or(std::vector<Json>{})) {
      lines += line("ADDED", object);
    }
    return lines;
  }
  std::string lines = lines_since(watch);
  if (watch.start.initial == Initial::kEnd) {
    watch.start.initial = Initial::kNone;
    watch.start.revision = std::max(watch.start.revision, state_.revision());
    lines += bookmark_line(watch.start, true);
  }
  return lines;
}

void WatchHub::pump(std::uint64_t id) {
  Watch& watch = watches_.at(id);
  watch.pump = {};
  if (watch.start.initial != WatchStart::Initial::kObjects &&
      watch.start.revision < state_.compacted()) {
    const ApiError gone{.code = 410, .reason = "Expired", .message = "too old resource version"};
    const auto send = watch.sink.send;
    send(line("ERROR", gone.status()));
    if (watches_.contains(id)) {
      end(id, true);
    }
    return;
  }
  const std::string lines = next_lines(watch);
  if (watch.start.initial == WatchStart::Initial::kEnd) {
    schedule(id, watch);
  }
  if (lines.empty()) {
    return;
  }
  // Cut somewhere: a client must not rely on where chunks end. The watch may be closed between.
  const std::size_t cut = rng_.below(lines.size());
  const auto send = watch.sink.send;
  if (cut > 0) {
    send(std::string_view(lines).substr(0, cut));
  }
  if (watches_.contains(id)) {
    send(std::string_view(lines).substr(cut));
  }
}

void WatchHub::bookmark(std::uint64_t id) {
  Watch& watch = watches_.at(id);
  watch.bookmark = loop_.call_after(kBookmarkEvery, [this, id] { bookmark(id); });
  if (watch.pump == TimerId{} && watch.start.revision >= state_.compacted()) {
    watch.start.revision = std::max(watch.start.revision, state_.revision());
  }
  if (watch.start.initial == WatchStart::Initial::kNone) {
    const auto send = watch.sink.send;
    send(bookmark_line(watch.start, false));
  }
}

}  // namespace sluice::fake
