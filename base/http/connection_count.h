#pragma once
// ConnectionCount: how many connections a server has, and how to wait until the last one is gone.
// Outlives the connections. Any thread.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace sluice::http {

class ConnectionCount {
 public:
  // One more; false, and counted as refused, if there are `limit` already.
  [[nodiscard]] bool add(std::uint64_t limit);
  void remove();
  // Nothing more will be added.
  void close();

  // Whether it was closed and the last connection has gone, within the limit.
  [[nodiscard]] bool wait_for_end(std::chrono::milliseconds limit);

  [[nodiscard]] std::uint64_t open() const { return open_; }

  [[nodiscard]] std::uint64_t refused() const { return refused_; }

 private:
  std::atomic<std::uint64_t> open_{0};
  std::atomic<std::uint64_t> refused_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_closed_ = false;  // Under mutex_.
};

}  // namespace sluice::http
