#include "tests/sim_loop/sim_loop.h"

#include <algorithm>

#include "base/check.h"

namespace sluice {

SimLoop::SimLoop(WallTime wall) : wall_(wall) {}

TimerId SimLoop::call_after(Duration delay, std::function<void()> task) {
  CHECK(task != nullptr);
  const MonotonicTime due = now_ + std::max(delay, Duration{0});
  const std::uint64_t id = ++last_id_;
  tasks_.emplace(std::pair{due, id}, std::move(task));
  due_times_.emplace(id, due);
  return TimerId{id};
}

void SimLoop::cancel(TimerId timer) {
  const auto found = due_times_.find(timer.value);
  if (found == due_times_.end()) {
    return;
  }
  tasks_.erase({found->second, timer.value});
  due_times_.erase(found);
}

void SimLoop::post(std::function<void()> task) {
  call_after(Duration{0}, std::move(task));
}

void SimLoop::run_for(Duration span) {
  const MonotonicTime end = now_ + span;
  while (run_next(end)) {
  }
  set_time(std::max(end, now_));
}

bool SimLoop::run_until(const std::function<bool()>& is_done, Duration limit) {
  const MonotonicTime end = now_ + limit;
  while (!is_done()) {
    if (!run_next(end)) {
      set_time(std::max(end, now_));
      return is_done();
    }
  }
  return true;
}

void SimLoop::jump(Duration span) {
  set_time(now_ + span);
}

bool SimLoop::run_next(MonotonicTime limit) {
  if (tasks_.empty() || tasks_.begin()->first.first > limit) {
    return false;
  }
  const auto next = tasks_.begin();
  set_time(std::max(now_, next->first.first));
  const std::function<void()> task = std::move(next->second);
  due_times_.erase(next->first.second);
  tasks_.erase(next);
  task();
  return true;
}

void SimLoop::set_time(MonotonicTime time) {
  CHECK(time >= now_);
  wall_ = wall_ + (time - now_);
  now_ = time;
}

}  // namespace sluice
