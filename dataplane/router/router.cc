#include "dataplane/router/router.h"

#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/machine.h"

namespace sluice::router {

Router::Router(RouterOptions options) : options_(std::move(options)) {
  CHECK(options_.lanes > 0);
  Rng rng(options_.seed);
  for (std::size_t i = 0; i < options_.lanes; ++i) {
    cells_.push_back(std::make_unique<Cell>(
        rng.fork(),
        LaneOptions{.retries_per_second =
                        kRetriesPerSecondMin / static_cast<double>(options_.lanes)}));
  }
}

void Router::apply(const RoutingPlan& plan) {
  const std::lock_guard in_turn(apply_mutex_);
  {
    const std::lock_guard lock(board_mutex_);
    board_.set_table(plan.table);
    is_quarantined_ = board_.is_active();
  }
  for (const auto& cell : cells_) {
    const std::lock_guard lock(cell->mutex);
    cell->lane.apply(plan);
  }
}

void Router::feed(const Actions& actions) {
  if (actions.sample_count == 0) {
    return;
  }
  bool was_quarantined = false;
  bool is_quarantined = false;
  {
    const std::lock_guard lock(board_mutex_);
    was_quarantined = board_.is_active();
    for (std::size_t i = 0; i < actions.sample_count; ++i) {
      const Sample& sample = actions.samples[i];
      board_.record(sample.revision, sample.has_failed, wall_now());
    }
    is_quarantined = board_.is_active();
    is_quarantined_.store(is_quarantined, std::memory_order_relaxed);
  }
  if (is_quarantined != was_quarantined) {
    log_warn(is_quarantined ? "the candidate is quarantined: stable answers in its place"
                            : "the candidate's quarantine is over");
  }
}

Actions Router::query_arrived(std::size_t lane, Query& query, Arrival arrival) {
  Cell& cell = *cells_[lane];
  arrival.now = monotonic_now();
  arrival.is_quarantined = is_quarantined_.load(std::memory_order_relaxed);
  const std::lock_guard lock(cell.mutex);
  return cell.lane.query_arrived(query, arrival);
}

Actions Router::attempt_ended(std::size_t lane, Query& query, Slot slot, AttemptEnd end) {
  Cell& cell = *cells_[lane];
  Actions actions;
  {
    const std::lock_guard lock(cell.mutex);
    actions = cell.lane.attempt_ended(query, slot, end, monotonic_now());
  }
  feed(actions);
  return actions;
}

bool Router::start_streaming(std::size_t lane, Query& query, Slot slot, Actions& actions) {
  Cell& cell = *cells_[lane];
  bool is_streaming = false;
  {
    const std::lock_guard lock(cell.mutex);
    is_streaming = cell.lane.start_streaming(query, slot, monotonic_now(), actions);
  }
  feed(actions);
  return is_streaming;
}

Actions Router::time_passed(std::size_t lane, Query& query) {
  Cell& cell = *cells_[lane];
  Actions actions;
  {
    const std::lock_guard lock(cell.mutex);
    actions = cell.lane.time_passed(query, monotonic_now());
  }
  feed(actions);
  return actions;
}

Actions Router::client_gone(std::size_t lane, Query& query) {
  Cell& cell = *cells_[lane];
  const std::lock_guard lock(cell.mutex);
  return cell.lane.client_gone(query, monotonic_now());
}

wire::Counters Router::counters() const {
  wire::Counters counters{.process_start_id = options_.process_start_id, .router = options_.name};
  TallySum sum;
  {
    // Always in this order; nobody else holds two of them.
    std::vector<std::unique_lock<std::mutex>> locks;
    locks.reserve(cells_.size());
    for (const auto& cell : cells_) {
      locks.emplace_back(cell->mutex);
    }
    for (const auto& cell : cells_) {
      sum.add(cell->lane.tally());
    }
    // A plan on its way through the lanes is not confirmed before the last one has it.
    const wire::RouteTable& table = cells_.back()->lane.table();
    counters.table = {.uid = table.uid, .epoch = table.epoch, .generation = table.generation};
    counters.candidate_weight = table.candidate ? table.candidate->weight : Share{0};
    counters.at = wall_now();
  }
  sum.write(counters);
  const std::lock_guard lock(board_mutex_);
  counters.quarantine = board_.report();
  return counters;
}

Readiness Router::readiness() const {
  if (is_draining_) {
    return {.reason = "draining"};
  }
  const MonotonicTime now = monotonic_now();
  for (const auto& cell : cells_) {
    const std::lock_guard lock(cell->mutex);
    if (cell->lane.table().uid.empty()) {
      return {.reason = "no route table yet"};
    }
    if (cell->lane.has_answering_stable(now)) {
      return {.is_ready = true};
    }
  }
  return {.reason = "no stable worker answers"};
}

}  // namespace sluice::router
