#include "dataplane/router/lane_loop.h"

#include <vector>

#include "base/machine.h"
#include "dataplane/router/client_session.h"
#include "dataplane/router/exchange.h"

namespace sluice::router {
namespace {

// Deadlines of queries are kept to 10 ms while there are queries.
constexpr std::chrono::milliseconds kFastTick{10};
constexpr std::chrono::milliseconds kSlowTick{250};
constexpr int kTicksToSweep = 25;

}  // namespace

LaneLoop::LaneLoop(Router& router, ProxyShared& shared, std::size_t index)
    : router_(router), shared_(shared), index_(index) {}

LaneLoop::~LaneLoop() {
  exchanges_.clear();
  pool_.clear();
}

void LaneLoop::start() {
  arm_ticker();
}

void LaneLoop::add(std::shared_ptr<Exchange> exchange) {
  Exchange* key = exchange.get();
  exchanges_.emplace(key, std::move(exchange));
  if (!ticks_fast_) {
    arm_ticker();
  }
}

void LaneLoop::remove(Exchange& exchange) {
  exchanges_.erase(&exchange);
}

void LaneLoop::arm_ticker() {
  ticks_fast_ = !exchanges_.empty();
  ticker_.expires_after(ticks_fast_ ? kFastTick : kSlowTick);
  ticker_.async_wait([this](const boost::system::error_code& error) {
    if (!error) {
      tick();
      arm_ticker();
    }
  });
}

void LaneLoop::tick() {
  const MonotonicTime now = monotonic_now();
  std::vector<std::shared_ptr<Exchange>> exchanges;
  exchanges.reserve(exchanges_.size());
  for (const auto& [key, exchange] : exchanges_) {
    exchanges.push_back(exchange);
  }
  for (const std::shared_ptr<Exchange>& exchange : exchanges) {
    exchange->tick(now);
  }
  if (ticks_fast_ && --ticks_to_sweep_ > 0) {
    return;
  }
  ticks_to_sweep_ = kTicksToSweep;
  pool_.sweep(now);
  const std::vector<ClientSession*> sessions(sessions_.begin(), sessions_.end());
  for (ClientSession* session : sessions) {
    session->check_deadline(now);
  }
}

void LaneLoop::finish_sessions() {
  const std::vector<ClientSession*> sessions(sessions_.begin(), sessions_.end());
  for (ClientSession* session : sessions) {
    session->finish();
  }
}

}  // namespace sluice::router
