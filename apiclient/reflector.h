#pragma once
// Reflector: keeps a sink equal to one collection of the API server: list, watch from there, list
// again when the server has forgotten where we were. An explicit state machine; loop thread.
//
//   Stopped -> Watching, first what is there -> Watching -> (end of stream) Watching
//           -> Listing, page by page         ->
//   an error of either -> Waiting (backoff) -> the same again;  410 -> from the start
//
// A list comes as the first events of a watch (WatchList), or in pages where the server refuses
// that or where two streams in a row broke. Either way it is delivered as a whole: the sink keeps
// what it has until on_list_end. Kinds whose CRD is absent or that we may not read (404, 403) are
// tried again for ever, with backoff, and named in problem().

#include <functional>
#include <optional>
#include <string>
#include <variant>

#include "apiclient/client.h"
#include "apiclient/watch.h"
#include "base/loop.h"
#include "base/rng.h"

namespace sluice {

// One stream: a kind in a namespace (or all), narrowed by selectors.
struct Selection {
  kube::ResourceKind kind = {};
  std::string namespace_name = {};
  std::string label_selector = {};
  std::string field_selector = {};
};

struct ReflectorSink {
  std::function<void()> on_list_begin;  // Forget an unfinished list.
  std::function<void(JsonView)> on_list_item;
  std::function<void(JsonView)> on_list_item_gone;  // Deleted since it came.
  std::function<void()> on_list_end;                // Swap the list in.
  // Added, modified or deleted.
  std::function<void(WatchEventType, JsonView)> on_event;
};

class Reflector {
 public:
  // `client` and `loop` outlive it. Destroying it stops it.
  Reflector(Loop& loop, Client& client, Rng rng, Selection selection);
  ~Reflector();
  Reflector(const Reflector&) = delete;
  Reflector& operator=(const Reflector&) = delete;

  void start(ReflectorSink sink);
  void stop();

  // The last error while it lasts: set by a failed list or watch, cleared by the next success.
  [[nodiscard]] const std::optional<Error>& problem() const { return problem_; }

  // Where the stream stands; empty before the first list.
  [[nodiscard]] const std::string& resource_version() const { return resource_version_; }

 private:
  struct Stopped {};

  struct Listing {
    CallId call;
    bool is_unpaged = false;  // After a continue token expired.
  };

  struct Watching {
    CallId call;
    MonotonicTime since;
    LineFramer framer;
    bool had_event = false;
    bool is_list = false;  // Until the end of what is there from the start.
    TimerId list_deadline;
  };

  struct Waiting {
    TimerId timer;
  };

  using State = std::variant<Stopped, Listing, Watching, Waiting>;

  void list_again();
  void list_first_page(bool is_unpaged);
  void list_page(const std::string& continue_token, bool is_unpaged);
  void take_page(const Result<std::string>& page, bool was_continued);
  void list_failed(const Error& error, bool was_continued);

  void watch() { open_watch(false); }

  void open_watch(bool is_list);
  void take_bytes(std::string_view bytes);
  [[nodiscard]] bool take_line(std::string_view line);
  [[nodiscard]] bool take_list_event(const WatchEvent& event);
  void list_is_whole(const std::string& version, bool was_streamed);
  void watch_ended(const Status& outcome);
  void stream_ended(const Status& outcome);
  void stream_refused(const Error& error);
  void stream_broke(const Error& error);
  void watch_broke(const Error& error);
  void wait_then(const Error& error, void (Reflector::*next)());
  void leave_state();
  void recovered();

  Loop& loop_;
  Client& client_;
  Rng rng_;
  Selection selection_;
  ReflectorSink sink_;
  State state_;
  std::string resource_version_;
  int broken_streams_ = 0;  // In a row, before their list was whole.
  std::optional<Error> problem_;
  Duration backoff_;
  MonotonicTime last_failure_;
};

}  // namespace sluice
