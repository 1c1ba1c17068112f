#pragma once
// WorkQueue: the keys that want a reconcile. Fair (first come, first served), de-duplicating (a key
// waits at most once), one in flight for each key (a key added while it is worked on runs once more
// afterwards). Bounded by the number of keys. Loop thread.

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "apiclient/types/meta.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "base/rng.h"

namespace sluice {

struct BackoffOptions {
  Duration first = std::chrono::milliseconds{5};
  Duration max = std::chrono::minutes{5};
};

class WorkQueue {
 public:
  // `name` is the controller's, for the workqueue_* metrics.
  WorkQueue(Loop& loop, Rng rng, MetricsRegistry& metrics, const std::string& name);
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  void add(const kube::ObjectKey& key);
  // After `delay`; of several the earliest wins, and a plain add() overtakes it.
  void add_after(const kube::ObjectKey& key, Duration delay);
  // After the key's backoff: 5 ms doubling to 5 min, full jitter (uniform in [0, backoff]).
  // `at_least` is what the server asked for.
  void add_after_failure(const kube::ObjectKey& key, Duration at_least = Duration{0});
  // Forgets the key's failures.
  void forget(const kube::ObjectKey& key);

  // The next key to work on; it is in flight until done(). Empty when none is ready.
  [[nodiscard]] std::optional<kube::ObjectKey> take();
  void done(const kube::ObjectKey& key);

  // Called (soon, on the loop) when a key became ready.
  void on_ready(std::function<void()> handler) { on_ready_ = std::move(handler); }

  [[nodiscard]] std::size_t ready() const { return ready_.size(); }

  [[nodiscard]] std::size_t in_flight() const { return in_flight_.size(); }

  [[nodiscard]] int failures(const kube::ObjectKey& key) const;

 private:
  struct Delayed {
    TimerId timer;
    MonotonicTime due;
  };

  void make_ready(const kube::ObjectKey& key);
  void cancel_delayed(const kube::ObjectKey& key);
  void tell();

  Loop& loop_;
  Rng rng_;
  BackoffOptions backoff_;
  std::deque<kube::ObjectKey> ready_;
  std::map<kube::ObjectKey, MonotonicTime> ready_since_;  // The same keys as ready_.
  std::map<kube::ObjectKey, MonotonicTime> in_flight_;    // Since when.
  std::set<kube::ObjectKey> again_;                       // In flight, and wanted once more.
  std::map<kube::ObjectKey, Delayed> delayed_;
  std::map<kube::ObjectKey, int> failures_;
  std::function<void()> on_ready_;
  TimerId tell_timer_;
  Counter adds_;
  Counter retries_;
  Gauge depth_;
  Histogram queue_seconds_;
  Histogram work_seconds_;
};

}  // namespace sluice
