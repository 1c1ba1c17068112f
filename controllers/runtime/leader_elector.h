#pragma once
// LeaderElector: one of several operators may write. It holds a Lease and fences itself: an
// election does not stop a paused leader from writing after it lost, so is_leader() is false as
// soon as `renew_deadline` has passed on the loop's clock since the *start* of the last good
// renewal, whatever the server says later. Client::set_fence asks it before each write. Loop
// thread.

#include <functional>
#include <optional>
#include <string>

#include "apiclient/client.h"
#include "apiclient/types/coordination.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "base/rng.h"

namespace sluice {

struct LeaderElectorOptions {
  kube::ObjectKey lease = {};
  std::string identity = {};  // Pod name and something random.
  Duration lease_duration = std::chrono::seconds{15};
  Duration renew_deadline = std::chrono::seconds{10};
  Duration retry_period = std::chrono::seconds{2};
};

class LeaderElector {
 public:
  LeaderElector(const ApiContext& context, Rng rng, LeaderElectorOptions options);
  ~LeaderElector();
  LeaderElector(const LeaderElector&) = delete;
  LeaderElector& operator=(const LeaderElector&) = delete;

  // Competes until stop(). `on_won` once; `on_lost` at most once, after it: the process should
  // exit.
  void start(std::function<void()> on_won, std::function<void()> on_lost);
  // Gives the lease back if it is held (at most one request, 2 s), then calls `released`.
  void stop(std::function<void()> released);

  // May write now. Cheap; reads the clock.
  [[nodiscard]] bool is_leader() const;

  // How often the lease has changed hands: the epoch of this leader.
  [[nodiscard]] std::int32_t transitions() const { return transitions_; }

  // Who holds the lease as far as we know, for logs.
  [[nodiscard]] const std::string& holder() const { return observed_holder_; }

 private:
  void attempt();
  void took_lease(const Result<std::string>& body);
  void look_at(const kube::Lease& lease);
  void write(kube::Lease lease, bool is_new);
  void written(const Result<std::string>& body, MonotonicTime sent_at);
  void schedule_next();
  void check_fence();
  [[nodiscard]] std::string lease_body(const kube::Lease& lease) const;

  Loop& loop_;
  Client& client_;
  Rng rng_;
  LeaderElectorOptions options_;
  std::function<void()> on_won_;
  std::function<void()> on_lost_;
  Gauge status_;
  TimerId next_attempt_;
  TimerId fence_timer_;
  CallId call_;
  bool is_running_ = false;
  bool has_won_ = false;
  bool has_lost_ = false;
  MonotonicTime renewed_at_;
  std::optional<kube::Lease> held_;  // As last written by us.
  std::int32_t transitions_ = 0;
  // The lease as another holder left it, and when we first saw it so: it may be taken when it has
  // not changed for its whole duration by our own clock (theirs may differ).
  std::string observed_holder_;
  std::string observed_version_;
  MonotonicTime observed_at_;
};

}  // namespace sluice
