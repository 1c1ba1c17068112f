#pragma once
// Internal to this folder: the open watches of the fake API server. Each has its place in the
// history and gets what came after it, a while later and cut into chunks anywhere.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "apiclient/transport.h"
#include "base/loop.h"
#include "base/rng.h"
#include "tests/fake_api/api_state.h"

namespace sluice::fake {

struct WatchStart {
  std::string kind_id;
  std::string kind_name;
  std::string api_version;
  std::string namespace_name;
  Selectors selectors;
  std::int64_t revision = 0;
  // WatchList: what is there comes first, then what changed meanwhile, then the bookmark that ends
  // it; each a delay later.
  enum class Initial { kNone, kObjects, kEnd };
  Initial initial = Initial::kNone;
  bool ends_initial = true;  // False: somebody who ignores what was asked.
  bool wants_bookmarks = false;
  Duration timeout = std::chrono::minutes{30};
};

// How a watch reaches its client.
struct WatchSink {
  std::function<void(std::string_view)> send;
  // Ends it: cleanly, or as a connection that broke.
  std::function<void(bool is_clean)> end;
};

class WatchHub {
 public:
  WatchHub(Loop& loop, Rng rng, const ApiState& state);
  ~WatchHub();
  WatchHub(const WatchHub&) = delete;
  WatchHub& operator=(const WatchHub&) = delete;

  std::uint64_t open(WatchStart start, WatchSink sink);
  void close(std::uint64_t watch);
  // Something changed: tell the watches, after the delay.
  void wake();
  void cut_all();
  // The open ones stay open and hear nothing any more.
  void stall_all();

  void set_delay(std::function<Duration()> delay) { delay_ = std::move(delay); }

  [[nodiscard]] std::size_t size() const { return watches_.size(); }

 private:
  struct Watch {
    WatchStart start;
    WatchSink sink;
    TimerId pump;
    TimerId bookmark;
    TimerId timeout;
    bool is_stalled = false;
  };

  void pump(std::uint64_t id);
  void bookmark(std::uint64_t id);
  void end(std::uint64_t id, bool is_clean);
  void schedule(std::uint64_t id, Watch& watch);
  void cancel_timers(const Watch& watch);
  [[nodiscard]] std::string lines_since(Watch& watch) const;
  [[nodiscard]] std::string next_lines(Watch& watch) const;

  Loop& loop_;
  Rng rng_;
  const ApiState& state_;
  std::function<Duration()> delay_ = [] { return std::chrono::milliseconds{1}; };
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, Watch> watches_;
};

}  // namespace sluice::fake
