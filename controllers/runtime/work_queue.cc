#include "controllers/runtime/work_queue.h"

#include <algorithm>

#include "base/check.h"
#include "base/mutant.h"

namespace sluice {
namespace {

double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

WorkQueue::WorkQueue(Loop& loop, Rng rng, MetricsRegistry& metrics, const std::string& name)
    : loop_(loop),
      rng_(rng),
      adds_(metrics.counter("workqueue_adds_total", "Keys added.", {{"name", name}})),
      retries_(metrics.counter(
          "workqueue_retries_total", "Keys added after a failure.", {{"name", name}})),
      depth_(metrics.gauge("workqueue_depth", "Keys that wait.", {{"name", name}})),
      queue_seconds_(metrics.histogram("workqueue_queue_duration_seconds",
                                       "How long a key waits before it is worked on.",
                                       {{"name", name}})),
      work_seconds_(metrics.histogram("workqueue_work_duration_seconds",
                                      "How long working on a key takes.",
                                      {{"name", name}})) {}

WorkQueue::~WorkQueue() {
  loop_.cancel(tell_timer_);
  for (const auto& [key, delayed] : delayed_) {
    loop_.cancel(delayed.timer);
  }
}

void WorkQueue::add(const kube::ObjectKey& key) {
  adds_.add();
  cancel_delayed(key);
  if (in_flight_.contains(key)) {
    if (!is_planted(Mutant::kDirtyLost)) {
      again_.insert(key);
    }
    return;
  }
  make_ready(key);
}

void WorkQueue::add_after(const kube::ObjectKey& key, Duration delay) {
  if (delay <= Duration{0}) {
    add(key);
    return;
  }
  const MonotonicTime due = loop_.now() + delay;
  if (ready_since_.contains(key) || again_.contains(key)) {
    return;  // It will run before that, and then say again when to look.
  }
  const auto found = delayed_.find(key);
  if (found != delayed_.end() && found->second.due <= due) {
    return;
  }
  cancel_delayed(key);
  const TimerId timer = loop_.call_after(delay, [this, key] {
    delayed_.erase(key);
    add(key);
  });
  delayed_.emplace(key, Delayed{.timer = timer, .due = due});
}

void WorkQueue::add_after_failure(const kube::ObjectKey& key, Duration at_least) {
  int& failures = failures_[key];
  Duration ceiling = backoff_.first;
  for (int i = 0; i < failures && ceiling < backoff_.max; ++i) {
    ceiling *= 2;
  }
  ceiling = std::min(ceiling, backoff_.max);
  ++failures;
  retries_.add();
  const auto jittered =
      static_cast<std::int64_t>(static_cast<double>(ceiling.count()) * rng_.unit());
  // Never at once: a failing key must let the loop breathe.
  const Duration least = std::max(at_least, Duration{std::chrono::milliseconds{1}});
  add_after(key, std::max(Duration{jittered}, least));
}

void WorkQueue::forget(const kube::ObjectKey& key) {
  failures_.erase(key);
}

std::optional<kube::ObjectKey> WorkQueue::take() {
  if (ready_.empty()) {
    return std::nullopt;
  }
  kube::ObjectKey key = std::move(ready_.front());
  ready_.pop_front();
  const auto since = ready_since_.find(key);
  CHECK(since != ready_since_.end());
  queue_seconds_.observe(seconds(loop_.now() - since->second));
  ready_since_.erase(since);
  depth_.set(static_cast<double>(ready_.size()));
  const bool is_alone = in_flight_.emplace(key, loop_.now()).second;
  CHECK(is_alone);
  return key;
}

void WorkQueue::done(const kube::ObjectKey& key) {
  const auto found = in_flight_.find(key);
  CHECK(found != in_flight_.end());
  work_seconds_.observe(seconds(loop_.now() - found->second));
  in_flight_.erase(found);
  if (again_.erase(key) > 0) {
    cancel_delayed(key);
    make_ready(key);
  }
}

int WorkQueue::failures(const kube::ObjectKey& key) const {
  const auto found = failures_.find(key);
  return found == failures_.end() ? 0 : found->second;
}

void WorkQueue::make_ready(const kube::ObjectKey& key) {
  if (ready_since_.emplace(key, loop_.now()).second) {
    ready_.push_back(key);
    depth_.set(static_cast<double>(ready_.size()));
  }
  tell();
}

void WorkQueue::cancel_delayed(const kube::ObjectKey& key) {
  const auto found = delayed_.find(key);
  if (found != delayed_.end()) {
    loop_.cancel(found->second.timer);
    delayed_.erase(found);
  }
}

void WorkQueue::tell() {
  if (!on_ready_ || tell_timer_ != TimerId{}) {
    return;
  }
  tell_timer_ = loop_.call_after(Duration{0}, [this] {
    tell_timer_ = {};
    on_ready_();
  });
}

}  // namespace sluice
