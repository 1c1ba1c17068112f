#pragma once
// LaneLoop: the event loop of one lane (one thread), with what lives on it: client sessions,
// exchanges in flight, idle connections to workers, and a ticker for all their deadlines, which
// costs less than a timer each. Internal, because it shows Asio.

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstddef>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "dataplane/router/proxy_options.h"
#include "dataplane/router/router.h"
#include "dataplane/router/upstream.h"

namespace sluice::router {

class ClientSession;
class Exchange;

class LaneLoop {
 public:
  LaneLoop(Router& router, ProxyShared& shared, std::size_t index);
  ~LaneLoop();
  LaneLoop(const LaneLoop&) = delete;
  LaneLoop& operator=(const LaneLoop&) = delete;

  // Starts the ticker; call once, before or on the loop's thread.
  void start();

  void add(std::shared_ptr<Exchange> exchange);
  void remove(Exchange& exchange);

  void add(ClientSession& session) { sessions_.insert(&session); }

  void remove(ClientSession& session) { sessions_.erase(&session); }

  // Draining: sessions between two requests are closed now, the others after their answer.
  void finish_sessions();

  [[nodiscard]] Router& router() { return router_; }

  [[nodiscard]] ProxyShared& shared() { return shared_; }

  [[nodiscard]] std::size_t index() const { return index_; }

  [[nodiscard]] UpstreamPool& pool() { return pool_; }

  [[nodiscard]] boost::asio::io_context& context() { return context_; }

 private:
  void arm_ticker();
  void tick();

  Router& router_;
  ProxyShared& shared_;
  std::size_t index_;
  std::unordered_map<Exchange*, std::shared_ptr<Exchange>> exchanges_;
  std::unordered_set<ClientSession*> sessions_;
  UpstreamPool pool_;
  bool ticks_fast_ = false;
  int ticks_to_sweep_ = 0;
  boost::asio::io_context context_{1};  // Sessions die with it and look above.
  boost::asio::steady_timer ticker_{context_};
};

}  // namespace sluice::router
