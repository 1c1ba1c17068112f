#pragma once
// SimLoop: a Loop with a clock of its own, for tests. Nothing happens until a test runs it; time
// passes only there, as fast as the work allows. One thread.

#include <functional>
#include <map>
#include <unordered_map>
#include <utility>

#include "base/loop.h"

namespace sluice {

class SimLoop final : public Loop {
 public:
  // Starts at `wall`, one second after boot.
  explicit SimLoop(WallTime wall = {std::chrono::seconds{1'800'000'000}});

  [[nodiscard]] MonotonicTime now() const override { return now_; }

  [[nodiscard]] WallTime wall_now() const override { return wall_; }

  TimerId call_after(Duration delay, std::function<void()> task) override;
  void cancel(TimerId timer) override;
  void post(std::function<void()> task) override;

  // Runs everything that is due within `span`, then the clock stands at its end.
  void run_for(Duration span);
  // Runs until `is_done` or until `limit` has passed; true when it is done.
  bool run_until(const std::function<bool()>& is_done, Duration limit);

  // Runs what is due now, without letting time pass.
  void run_ready() { run_for(Duration{0}); }

  // Moves the clock without running anything, as a stopped process sees it (SIGSTOP, suspend).
  void jump(Duration span);

  [[nodiscard]] std::size_t pending() const { return tasks_.size(); }

 private:
  bool run_next(MonotonicTime limit);
  void set_time(MonotonicTime time);

  MonotonicTime now_{std::chrono::seconds{1}};
  WallTime wall_;
  std::uint64_t last_id_ = 0;
  std::map<std::pair<MonotonicTime, std::uint64_t>, std::function<void()>> tasks_;
  std::unordered_map<std::uint64_t, MonotonicTime> due_times_;
};

}  // namespace sluice
