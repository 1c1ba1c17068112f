#include "dataplane/worker/delayed_replies.h"

#include <utility>

namespace sluice::worker {

DelayedReplies::DelayedReplies() : thread_([this] { run(); }) {}

DelayedReplies::~DelayedReplies() {
  {
    const std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void DelayedReplies::add(std::chrono::nanoseconds delay,
                         http::Reply reply,
                         http::Response response) {
  {
    const std::lock_guard lock(mutex_);
    kept_.emplace(Clock::now() + delay,
                  Kept{.reply = std::move(reply), .response = std::move(response)});
  }
  changed_.notify_all();
}

void DelayedReplies::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (kept_.empty()) {
      if (is_ending_) {
        return;
      }
      changed_.wait(lock);
      continue;
    }
    const Clock::time_point due = kept_.begin()->first;
    if (!is_ending_ && Clock::now() < due) {
      changed_.wait_until(lock, due);
      continue;
    }
    Kept first = std::move(kept_.extract(kept_.begin()).mapped());
    lock.unlock();
    first.reply(std::move(first.response));
    lock.lock();
  }
}

}  // namespace sluice::worker
