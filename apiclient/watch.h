#pragma once
// Watch decoding: bytes as they come -> lines -> events. Pure, no I/O.

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "base/json_view.h"
#include "base/result.h"

namespace sluice {

// Cuts a stream into lines whatever way it is chunked. Empty lines are skipped.
class LineFramer {
 public:
  static constexpr std::size_t kLineMax = std::size_t{8} * 1024 * 1024;

  explicit LineFramer(std::size_t line_max = kLineMax) : line_max_(line_max) {}

  // Calls `on_line` for each line that `bytes` completes; stops early when it returns false.
  // kInvalid when a line is longer than the limit: the stream cannot be used any more.
  Status feed(std::string_view bytes, const std::function<bool(std::string_view)>& on_line);

 private:
  std::size_t line_max_;
  std::string partial_;
};

enum class WatchEventType { kAdded, kModified, kDeleted, kBookmark, kError };

struct WatchEvent {
  WatchEventType type = WatchEventType::kError;
  JsonView object;                    // Valid as long as the line's document.
  std::string resource_version = {};  // Of the object; empty for errors.
  bool ends_initial_events = false;   // A bookmark: what was there from the start has been sent.
};

// kInvalid when the line is not a watch event.
[[nodiscard]] Result<WatchEvent> read_watch_event(const JsonDocument& line);

// The Error in a Status object (an ERROR event's object, or the body of a failed call).
[[nodiscard]] Error error_of_status(JsonView status, int http_status);

}  // namespace sluice
