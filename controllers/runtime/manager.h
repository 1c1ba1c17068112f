#pragma once
// Manager: starts what an operator is made of in order, and stops it in reverse.
//   start  caches -> (all synced) -> leader election -> (won) -> controllers
//   stop   controllers -> (in-flight reconciles end, at most 20 s) -> release the lease -> caches
// A standby keeps its caches warm and reconciles nothing. Caches that cannot sync (CRD absent, RBAC
// missing) are named in problems(); controllers start when the caches they need have synced, so one
// missing kind does not stop the others. Loop thread; outlives nothing it was given.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apiclient/informer.h"
#include "controllers/runtime/controller.h"
#include "controllers/runtime/leader_elector.h"

namespace sluice {

// An informer of any type, as the manager sees it.
struct ManagedCache {
  std::string name = {};
  std::function<void()> start;
  std::function<void()> stop;
  std::function<bool()> has_synced;
  std::function<std::optional<Error>()> problem;
};

template <class T>
[[nodiscard]] ManagedCache managed(Informer<T>& informer) {
  return {.name = std::string(informer.kind().kind),
          .start = [&informer] { informer.start(); },
          .stop = [&informer] { informer.stop(); },
          .has_synced = [&informer] { return informer.has_synced(); },
          .problem = [&informer] { return informer.problem(); }};
}

class Manager {
 public:
  // `elector` may be null: a single instance without election (tests, --leader-elect=false).
  Manager(Loop& loop, LeaderElector* elector);
  ~Manager();
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  void add(ManagedCache cache);
  // `needs` names caches (by kind) that must have synced; empty: all of them.
  void add(Controller& controller, std::vector<std::string> needs = {});

  // `on_lost`: the lease is gone, the process should end.
  void start(std::function<void()> on_lost);
  void stop(std::function<void()> stopped);

  // Every cache has synced. A standby is ready too.
  [[nodiscard]] bool is_ready() const;

  [[nodiscard]] bool is_leading() const { return is_leading_; }

  // "RagIndex: not_found (404): …" for each cache with a problem.
  [[nodiscard]] std::vector<std::string> problems() const;

 private:
  struct Entry {
    Controller* controller;
    std::vector<std::string> needs;
    bool is_started = false;
  };

  void check_caches();
  void start_controllers();
  void wait_for_reconciles(MonotonicTime until, std::function<void()> then);
  [[nodiscard]] bool are_synced(const std::vector<std::string>& names) const;

  Loop& loop_;
  LeaderElector* elector_;
  std::vector<ManagedCache> caches_;
  std::vector<Entry> controllers_;
  std::function<void()> on_lost_;
  TimerId check_timer_;
  bool is_started_ = false;
  bool is_electing_ = false;
  bool is_leading_ = false;
};

}  // namespace sluice
