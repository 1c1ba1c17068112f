#include "apiclient/watch.h"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace sluice {
namespace {

std::string text_of(JsonView node, std::string_view key) {
  const auto found = node.find(key);
  const auto text = found ? found->as_string() : std::nullopt;
  return text ? std::string(*text) : std::string{};
}

constexpr std::string_view kInitialEventsEnd = "k8s.io/initial-events-end";

ErrorCode code_of(int http_status) {
  switch (http_status) {
    case 401:
    case 403:
      return ErrorCode::kForbidden;
    case 404:
      return ErrorCode::kNotFound;
    case 408:
    case 504:
      return ErrorCode::kTimeout;
    case 409:
      return ErrorCode::kConflict;
    case 410:
      return ErrorCode::kGone;
    case 429:
      return ErrorCode::kThrottled;
    default:
      return http_status >= 400 && http_status < 500 ? ErrorCode::kInvalid
                                                     : ErrorCode::kUnavailable;
  }
}

// A StatusCause of that type; "reason" is its name in JSON.
bool has_cause(JsonView details, std::string_view reason) {
  bool is_there = false;
  if (const auto causes = details.find("causes")) {
    causes->for_each_element(
        [&](JsonView cause) { is_there = is_there || text_of(cause, "reason") == reason; });
  }
  return is_there;
}

}  // namespace

Status LineFramer::feed(std::string_view bytes,
                        const std::function<bool(std::string_view)>& on_line) {
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    if (partial_.size() + piece.size() > line_max_) {
      partial_.clear();
      return fail(ErrorCode::kInvalid, fmt::format("an event is longer than {} bytes", line_max_));
    }
    if (end == std::string_view::npos) {
      partial_ += piece;
      return {};
    }
    bytes.remove_prefix(end + 1);
    std::string whole;
    whole.swap(partial_);  // The handler may end the stream and us with it.
    whole += piece;
    if (!whole.empty() && whole != "\r" && !on_line(whole)) {
      return {};
    }
  }
  return {};
}

Result<WatchEvent> read_watch_event(const JsonDocument& line) {
  static constexpr std::array<std::pair<std::string_view, WatchEventType>, 5> kTypes{
      {{"ADDED", WatchEventType::kAdded},
       {"MODIFIED", WatchEventType::kModified},
       {"DELETED", WatchEventType::kDeleted},
       {"BOOKMARK", WatchEventType::kBookmark},
       {"ERROR", WatchEventType::kError}}};
  const JsonView root = line.root();
  const std::string type = text_of(root, "type");
  const auto object = root.find("object");
  for (const auto& [name, value] : kTypes) {
    if (name != type || !object || object->kind() != JsonKind::kObject) {
      continue;
    }
    WatchEvent event{.type = value, .object = *object};
    if (const auto metadata = object->find("metadata")) {
      event.resource_version = text_of(*metadata, "resourceVersion");
      const auto annotations = metadata->find("annotations");
      event.ends_initial_events = value == WatchEventType::kBookmark && annotations &&
                                  text_of(*annotations, kInitialEventsEnd) == "true";
    }
    return event;
  }
  return fail(ErrorCode::kInvalid, fmt::format("not a watch event: type \"{}\"", type));
}

Error error_of_status(JsonView status, int http_status) {
  int code = http_status;
  if (const auto said = status.find("code"); said && said->as_integer()) {
    code = static_cast<int>(*said->as_integer());
  }
  Error error{.code = code_of(code), .message = text_of(status, "message"), .http_status = code};
  if (error.message.empty()) {
    const std::string reason = text_of(status, "reason");
    error.message = reason.empty() ? fmt::format("HTTP status {}", code) : reason;
  }
  if (const auto details = status.find("details")) {
    const auto seconds = details->find("retryAfterSeconds");
    if (seconds && seconds->as_integer()) {
      error.retry_after = std::chrono::seconds{*seconds->as_integer()};
    }
    error.is_namespace_ending =
        error.code == ErrorCode::kForbidden && has_cause(*details, "NamespaceTerminating");
  }
  return error;
}

}  // namespace sluice
