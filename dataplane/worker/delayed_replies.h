#pragma once
// DelayedReplies: answers that are kept back for a while (a drill's latency) without holding a
// thread each. Bounded by the server's requests in flight. Thread-safe.

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "base/http/message.h"

namespace sluice::worker {

class DelayedReplies {
 public:
  DelayedReplies();
  DelayedReplies(const DelayedReplies&) = delete;
  DelayedReplies& operator=(const DelayedReplies&) = delete;
  // Sends at once what is still kept.
  ~DelayedReplies();

  void add(std::chrono::nanoseconds delay, http::Reply reply, http::Response response);

 private:
  using Clock = std::chrono::steady_clock;

  struct Kept {
    http::Reply reply;
    http::Response response;
  };

  void run();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<Clock::time_point, Kept> kept_;
  bool is_ending_ = false;
  std::jthread thread_;  // Last: it uses all of the above.
};

}  // namespace sluice::worker
