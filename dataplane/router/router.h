#pragma once
// Router: what the lanes of one process share, without any socket: their minds (one Lane each,
// behind a lock of its own), the quarantine board, the plan. Outlives the proxy server.
// Thread-safe.

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "dataplane/router/core/lane.h"
#include "dataplane/router/core/plan.h"
#include "dataplane/router/core/quarantine.h"
#include "dataplane/wire/counters.h"

namespace sluice::router {

struct RouterOptions {
  std::string name = {};              // Pod name, for /counters.
  std::string process_start_id = {};  // Differs from start to start.
  std::size_t lanes = 1;
  std::uint64_t seed = 0;
};

struct Readiness {
  bool is_ready = false;
  std::string reason = {};  // Why not.
};

class Router {
 public:
  explicit Router(RouterOptions options);
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;

  // From the next query on every lane runs on `plan`; queries in flight finish as they began.
  void apply(const RoutingPlan& plan);

  // Lane's methods, under its lock; samples go to the board. The time of an arrival, and whether
  // the candidate is quarantined, are the router's to say.
  [[nodiscard]] Actions query_arrived(std::size_t lane, Query& query, Arrival arrival);
  [[nodiscard]] Actions attempt_ended(std::size_t lane, Query& query, Slot slot, AttemptEnd end);
  [[nodiscard]] bool start_streaming(std::size_t lane, Query& query, Slot slot, Actions& actions);
  [[nodiscard]] Actions time_passed(std::size_t lane, Query& query);
  [[nodiscard]] Actions client_gone(std::size_t lane, Query& query);

  // One consistent instant: all lanes are held while their counts are summed.
  [[nodiscard]] wire::Counters counters() const;

  // A table, a stable worker that answers, and not draining.
  [[nodiscard]] Readiness readiness() const;

  void set_draining() { is_draining_ = true; }

  [[nodiscard]] bool is_draining() const { return is_draining_; }

  [[nodiscard]] std::size_t lanes() const { return cells_.size(); }

 private:
  struct Cell {
    Cell(Rng rng, LaneOptions options) : lane(rng, options) {}

    mutable std::mutex mutex;
    Lane lane;
  };

  void feed(const Actions& actions);

  RouterOptions options_;
  std::vector<std::unique_ptr<Cell>> cells_;
  std::mutex apply_mutex_;  // Lanes get one plan after the other, in order.
  mutable std::mutex board_mutex_;
  QuarantineBoard board_;
  std::atomic<bool> is_quarantined_{false};  // The board's word, without its lock.
  std::atomic<bool> is_draining_{false};
};

}  // namespace sluice::router
