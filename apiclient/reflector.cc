#include "apiclient/reflector.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/mutant.h"

namespace sluice {
namespace {

constexpr Duration kBackoffFirst = std::chrono::milliseconds{800};
constexpr Duration kBackoffMax = std::chrono::seconds{30};
// Two minutes without a failure, and the next one begins with a short wait again.
constexpr Duration kBackoffReset = std::chrono::minutes{2};
// A watch that ends sooner and without an event counts as a failure: a server that accepts and
// closes must not be asked a thousand times a second.
constexpr Duration kShortWatch = std::chrono::seconds{1};
constexpr int kWatchSecondsMin = 300;
constexpr int kWatchSecondsMax = 600;
constexpr int kPageLimit = 500;
// A list that has not come by then as a stream is given up. Large ones take a second or two; a
// server that ignores what was asked shows it by its first bookmark, after a minute.
constexpr Duration kStreamedListMax = std::chrono::seconds{90};
constexpr int kBrokenStreamsMax = 2;

bool is_version(const std::string& text) {
  return !text.empty() && text != "0";
}

// What a server says that knows WatchList and has it switched off, or does not know it.
bool is_refusal(const Error& error) {
  return error.http_status == 400 || error.http_status == 422;
}

// Says nothing of streams: a list would fare no better.
bool is_for_all_reads(const Error& error) {
  return error.code == ErrorCode::kForbidden || error.code == ErrorCode::kNotFound ||
         error.code == ErrorCode::kThrottled;
}

}  // namespace

Reflector::Reflector(Loop& loop, Client& client, Rng rng, Selection selection)
    : loop_(loop),
      client_(client),
      rng_(rng),
      selection_(std::move(selection)),
      backoff_(kBackoffFirst) {}

Reflector::~Reflector() {
  stop();
}

void Reflector::start(ReflectorSink sink) {
  CHECK(std::holds_alternative<Stopped>(state_));
  sink_ = std::move(sink);
  list_again();
}

void Reflector::stop() {
  leave_state();
}

void Reflector::leave_state() {
  if (const auto* listing = std::get_if<Listing>(&state_)) {
    client_.cancel(listing->call);
  } else if (const auto* watching = std::get_if<Watching>(&state_)) {
    client_.cancel(watching->call);
    loop_.cancel(watching->list_deadline);
  } else if (const auto* waiting = std::get_if<Waiting>(&state_)) {
    loop_.cancel(waiting->timer);
  }
  state_.emplace<Stopped>();
}

void Reflector::list_again() {
  if (client_.may_stream_lists() && broken_streams_ < kBrokenStreamsMax) {
    sink_.on_list_begin();
    open_watch(true);
  } else {
    list_first_page(false);
  }
}

void Reflector::list_first_page(bool is_unpaged) {
  sink_.on_list_begin();
  list_page({}, is_unpaged);
}

void Reflector::list_page(const std::string& continue_token, bool is_unpaged) {
  leave_state();
  const ListRequest request{.kind = selection_.kind,
                            .namespace_name = selection_.namespace_name,
                            .label_selector = selection_.label_selector,
                            .field_selector = selection_.field_selector,
                            .limit = is_unpaged ? 0 : kPageLimit,
                            .continue_token = continue_token};
  const bool was_continued = !continue_token.empty();
  const CallId call = client_.list(request, [this, was_continued](const Result<std::string>& page) {
    take_page(page, was_continued);
  });
  state_ = Listing{.call = call, .is_unpaged = is_unpaged};
}

void Reflector::take_page(const Result<std::string>& page, bool was_continued) {
  if (!page) {
    list_failed(page.error(), was_continued);
    return;
  }
  const auto document = JsonDocument::parse(*page);
  if (!document) {
    list_failed(document.error(), false);
    return;
  }
  std::string version;
  std::string continue_token;
  if (const auto metadata = document->root().find("metadata")) {
    const auto text = [&](std::string_view key) {
      const auto node = metadata->find(key);
      return std::string(node ? node->as_string().value_or("") : "");
    };
    version = text("resourceVersion");
    continue_token = text("continue");
  }
  if (!is_version(version)) {
    list_failed({.code = ErrorCode::kUnavailable, .message = "a list without a resource version"},
                false);
    return;
  }
  if (const auto items = document->root().find("items")) {
    items->for_each_element([this](JsonView item) { sink_.on_list_item(item); });
  }
  if (!continue_token.empty()) {
    list_page(continue_token, false);
    return;
  }
  list_is_whole(version, false);
  watch();
}

void Reflector::list_is_whole(const std::string& version, bool was_streamed) {
  resource_version_ = version;
  broken_streams_ = 0;
  client_.count_list(selection_.kind, was_streamed);
  recovered();
  sink_.on_list_end();
}

void Reflector::list_failed(const Error& error, bool was_continued) {
  if (error.code == ErrorCode::kGone && was_continued) {
    // The snapshot behind the pages expired: once more, in one piece.
    list_first_page(true);
    return;
  }
  wait_then(error, &Reflector::list_again);
}

void Reflector::open_watch(bool is_list) {
  leave_state();
  const auto spread = std::uint64_t{kWatchSecondsMax - kWatchSecondsMin + 1};
  const auto seconds = kWatchSecondsMin + static_cast<std::int64_t>(rng_.below(spread));
  const WatchRequest request{.kind = selection_.kind,
                             .namespace_name = selection_.namespace_name,
                             .label_selector = selection_.label_selector,
                             .field_selector = selection_.field_selector,
                             .resource_version = is_list ? std::string() : resource_version_,
                             .wants_initial_events = is_list,
                             .timeout = std::chrono::seconds{seconds}};
  const CallId call = client_.watch(
      request,
      [this](std::string_view bytes) { take_bytes(bytes); },
      [this](const Status& outcome) { watch_ended(outcome); });
  auto& watching = state_.emplace<Watching>();
  watching.call = call;
  watching.since = loop_.now();
  watching.is_list = is_list;
  if (is_list) {
    watching.list_deadline = loop_.call_after(kStreamedListMax, [this] {
      stream_broke({.code = ErrorCode::kTimeout, .message = "the list did not come to its end"});
    });
  }
}

void Reflector::take_bytes(std::string_view bytes) {
  auto* watching = std::get_if<Watching>(&state_);
  CHECK(watching != nullptr);
  // A line may end this watch (and with it the framer): work on a framer of our own meanwhile.
  LineFramer framer = std::move(watching->framer);
  const CallId call = watching->call;
  const Status fed = framer.feed(bytes, [this](std::string_view line) { return take_line(line); });
  watching = std::get_if<Watching>(&state_);
  if (watching == nullptr || watching->call != call) {
    return;
  }
  watching->framer = std::move(framer);
  if (!fed) {
    watch_broke(fed.error());
  }
}

// False when the watch has been left.
bool Reflector::take_line(std::string_view line) {
  const auto document = JsonDocument::parse(line);
  auto event = document ? read_watch_event(*document) : Result<WatchEvent>(fail(document.error()));
  if (!event) {
    watch_broke(event.error());
    return false;
  }
  if (event->type == WatchEventType::kError) {
    watch_ended(fail(error_of_status(event->object, 500)));
    return false;
  }
  auto& watching = std::get<Watching>(state_);
  const bool is_first = !std::exchange(watching.had_event, true);
  if (watching.is_list) {
    return take_list_event(*event);
  }
  if (!event->resource_version.empty()) {
    resource_version_ = event->resource_version;
  }
  recovered();
  const bool is_lost = is_first && is_planted(Mutant::kFirstEventLost);
  if (event->type != WatchEventType::kBookmark && !is_lost) {
    sink_.on_event(event->type, event->object);
  }
  return std::holds_alternative<Watching>(state_);
}

// What is there from the start comes in any order of versions, and what changes meanwhile after it.
bool Reflector::take_list_event(const WatchEvent& event) {
  if (event.type == WatchEventType::kDeleted) {
    sink_.on_list_item_gone(event.object);
  } else if (event.type != WatchEventType::kBookmark) {
    sink_.on_list_item(event.object);
  } else if (!event.ends_initial_events) {
    // A bookmark before the end comes only from somebody who does not know what was asked.
    stream_refused({.code = ErrorCode::kInvalid, .message = "a list without an end"});
    return false;
  } else if (!is_version(event.resource_version)) {
    stream_broke({.code = ErrorCode::kUnavailable, .message = "a list without a resource version"});
    return false;
  } else {
    auto& watching = std::get<Watching>(state_);
    watching.is_list = false;
    loop_.cancel(watching.list_deadline);
    list_is_whole(event.resource_version, true);
  }
  return std::holds_alternative<Watching>(state_);
}

void Reflector::stream_ended(const Status& outcome) {
  if (outcome) {
    stream_broke({.code = ErrorCode::kUnavailable, .message = "a list was cut short"});
  } else if (is_refusal(outcome.error()) && !std::get<Watching>(state_).had_event) {
    stream_refused(outcome.error());
  } else {
    stream_broke(outcome.error());
  }
}

void Reflector::stream_refused(const Error& error) {
  if (client_.may_stream_lists()) {
    log_info("the API server does not stream lists, reading them in pages from now on",
             {{"kind", std::string(selection_.kind.kind)}, {"error", error.describe()}});
  }
  client_.stop_streaming_lists();
  list_first_page(false);
}

// Before its list was whole: nothing of it is kept.
void Reflector::stream_broke(const Error& error) {
  broken_streams_ += is_for_all_reads(error) ? 0 : 1;
  wait_then(error, &Reflector::list_again);
}

// The stream itself is broken: our place, if we have one, is still good.
void Reflector::watch_broke(const Error& error) {
  if (std::get<Watching>(state_).is_list) {
    stream_broke(error);
  } else {
    wait_then(error, &Reflector::watch);
  }
}

void Reflector::watch_ended(const Status& outcome) {
  const auto* watching = std::get_if<Watching>(&state_);
  CHECK(watching != nullptr);
  if (watching->is_list) {
    stream_ended(outcome);
    return;
  }
  if (!outcome) {
    const Error& error = outcome.error();
    if (error.code == ErrorCode::kGone && is_planted(Mutant::kGoneResumed)) {
      wait_then(error, &Reflector::watch);
      return;
    }
    const bool was_useful = watching->had_event || loop_.now() - watching->since >= kShortWatch;
    if (error.code == ErrorCode::kGone && was_useful) {
      log_info("the server forgot where the watch stood, listing again",
               {{"kind", std::string(selection_.kind.kind)}});
      list_again();
    } else if (error.code == ErrorCode::kTimeout && watching->had_event) {
      recovered();
      watch();  // Our own watchdog or deadline: the place is still good.
    } else if (error.code == ErrorCode::kGone || error.code == ErrorCode::kInvalid) {
      wait_then(error, &Reflector::list_again);  // The server refuses the place itself.
    } else {
      wait_then(error, &Reflector::watch);
    }
    return;
  }
  if (!watching->had_event && loop_.now() - watching->since < kShortWatch) {
    wait_then({.code = ErrorCode::kUnavailable, .message = "the watch was closed at once"},
              &Reflector::watch);
    return;
  }
  recovered();
  watch();
}

void Reflector::wait_then(const Error& error, void (Reflector::*next)()) {
  leave_state();
  if (!problem_ || problem_->code != error.code) {
    log_warn("a cache cannot follow the API server, trying again",
             {{"kind", std::string(selection_.kind.kind)}, {"error", error.describe()}});
  }
  problem_ = error;
  const MonotonicTime now = loop_.now();
  backoff_ = now - last_failure_ > kBackoffReset ? kBackoffFirst : backoff_;
  const auto jitter =
      static_cast<std::int64_t>(static_cast<double>(backoff_.count()) * rng_.unit());
  Duration wait = backoff_ + Duration{jitter};
  if (error.retry_after) {
    wait = std::max<Duration>(wait, *error.retry_after);
  }
  backoff_ = std::min(backoff_ * 2, kBackoffMax);
  last_failure_ = now + wait;
  state_ = Waiting{.timer = loop_.call_after(wait, [this, next] {
    state_.emplace<Stopped>();
    (this->*next)();
  })};
}

void Reflector::recovered() {
  if (problem_) {
    log_info("a cache follows the API server again", {{"kind", std::string(selection_.kind.kind)}});
    problem_.reset();
  }
}

}  // namespace sluice
