#pragma once
// EventCount: something happens in one thread of a test, and another waits for it instead of
// sleeping. Any thread.

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace sluice {

class EventCount {
 public:
  void add() {
    const std::lock_guard lock(mutex_);
    ++count_;
    changed_.notify_all();
  }

  // Whether it happened `times` times, within ten seconds.
  [[nodiscard]] bool wait_for(int times) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds{10}, [&] { return count_ >= times; });
  }

  [[nodiscard]] int count() const {
    const std::lock_guard lock(mutex_);
    return count_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

}  // namespace sluice
