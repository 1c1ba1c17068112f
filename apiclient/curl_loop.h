#pragma once
// CurlLoop: production's Loop. One thread calls run(); it waits in curl_multi_poll for sockets,
// timers and the inbox together. Create it before threads start and destroy it after run() has
// returned; transports on it must be destroyed first. now() is CLOCK_BOOTTIME: it goes on while
// the machine sleeps, so that a lease is not believed in after a suspend. The program must ignore
// SIGPIPE: TLS writes to a connection that the peer closed raise it.

#include <cstdint>
#include <functional>
#include <memory>

#include "base/loop.h"

namespace sluice {

class CurlLoop final : public Loop {
 public:
  CurlLoop();
  ~CurlLoop() override;

  [[nodiscard]] MonotonicTime now() const override;
  [[nodiscard]] WallTime wall_now() const override;
  TimerId call_after(Duration delay, std::function<void()> task) override;
  void cancel(TimerId timer) override;
  void post(std::function<void()> task) override;

  // Runs callbacks on the calling thread until stop().
  void run();
  // Makes run() return after the current turn. Any thread.
  void stop();

  // How long ago the last turn began; for liveness. Any thread.
  [[nodiscard]] Duration since_last_turn() const;
  // Callbacks that took longer than 50 ms so far. Any thread.
  [[nodiscard]] std::uint64_t slow_tasks() const;

  // What CurlTransport uses: a multi handle (CURLM*), and what to do after each perform on it.
  // Nothing may add to or remove from the handle inside libcurl's own callbacks.
  [[nodiscard]] void* multi();
  void set_after_perform(std::function<void()> task);

 private:
  struct State;
  void turn();
  void run_task(const std::function<void()>& task);
  void run_due_timers();
  void run_inbox();
  [[nodiscard]] int wait_milliseconds();

  std::unique_ptr<State> state_;
};

}  // namespace sluice
