#include "controllers/runtime/manager.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/mutant.h"

namespace sluice {
namespace {

constexpr Duration kCheckEvery = std::chrono::milliseconds{100};
constexpr Duration kDrainMax = std::chrono::seconds{20};

}  // namespace

Manager::Manager(Loop& loop, LeaderElector* elector) : loop_(loop), elector_(elector) {}

Manager::~Manager() {
  loop_.cancel(check_timer_);
}

void Manager::add(ManagedCache cache) {
  CHECK(!is_started_);
  caches_.push_back(std::move(cache));
}

void Manager::add(Controller& controller, std::vector<std::string> needs) {
  CHECK(!is_started_);
  if (needs.empty()) {
    for (const ManagedCache& cache : caches_) {
      needs.push_back(cache.name);
    }
  }
  controllers_.push_back({.controller = &controller, .needs = std::move(needs)});
}

void Manager::start(std::function<void()> on_lost) {
  CHECK(!is_started_);
  is_started_ = true;
  on_lost_ = std::move(on_lost);
  for (const ManagedCache& cache : caches_) {
    cache.start();
  }
  check_caches();
}

bool Manager::are_synced(const std::vector<std::string>& names) const {
  return std::ranges::all_of(caches_, [&](const ManagedCache& cache) {
    return std::ranges::find(names, cache.name) == names.end() || cache.has_synced();
  });
}

bool Manager::is_ready() const {
  return is_started_ &&
         std::ranges::all_of(caches_, [](const ManagedCache& cache) { return cache.has_synced(); });
}

std::vector<std::string> Manager::problems() const {
  std::vector<std::string> all;
  for (const ManagedCache& cache : caches_) {
    if (const auto problem = cache.problem()) {
      all.push_back(cache.name + ": " + problem->describe());
    }
  }
  return all;
}

// Polled, because caches become ready one by one and a kind may come hours later.
void Manager::check_caches() {
  const bool can_work = std::ranges::any_of(
      controllers_, [this](const Entry& entry) { return are_synced(entry.needs); });
  if (!is_electing_ && (can_work || controllers_.empty())) {
    is_electing_ = true;
    const auto won = [this] {
      is_leading_ = true;
      start_controllers();
    };
    if (elector_ == nullptr || is_planted(Mutant::kLeaseIgnored)) {
      won();
    } else {
      elector_->start(won, [this] {
        is_leading_ = false;
        for (const Entry& entry : controllers_) {
          entry.controller->stop();
        }
        on_lost_();
      });
    }
  }
  start_controllers();
  if (!is_ready() || !is_electing_) {
    check_timer_ = loop_.call_after(kCheckEvery, [this] { check_caches(); });
  }
}

void Manager::start_controllers() {
  if (!is_leading_) {
    return;
  }
  for (Entry& entry : controllers_) {
    if (!entry.is_started && are_synced(entry.needs)) {
      entry.is_started = true;
      log_info("controller started", {{"controller", entry.controller->name()}});
      entry.controller->start();
    }
  }
}

void Manager::stop(std::function<void()> stopped) {
  loop_.cancel(check_timer_);
  for (const Entry& entry : controllers_) {
    entry.controller->stop();
  }
  is_leading_ = false;
  wait_for_reconciles(loop_.now() + kDrainMax, [this, stopped = std::move(stopped)] {
    const auto stop_caches = [this, stopped] {
      for (auto cache = caches_.rbegin(); cache != caches_.rend(); ++cache) {
        cache->stop();
      }
      stopped();
    };
    if (elector_ != nullptr && is_electing_) {
      elector_->stop(stop_caches);
    } else {
      stop_caches();
    }
  });
}

// The lease is only released when no write of ours can be under way any more.
void Manager::wait_for_reconciles(MonotonicTime until, std::function<void()> then) {
  const bool is_quiet = std::ranges::all_of(
      controllers_, [](const Entry& entry) { return entry.controller->in_flight() == 0; });
  if (is_quiet || loop_.now() >= until) {
    then();
    return;
  }
  check_timer_ = loop_.call_after(
      kCheckEvery / 4, [this, until, then = std::move(then)] { wait_for_reconciles(until, then); });
}

}  // namespace sluice
