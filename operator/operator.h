#pragma once
// Operator: everything that runs, made of the three seams and a Config. No statics: two of them can
// live in one process. Loop thread; loop and transport outlive it.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "apiclient/transport.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "base/rng.h"

namespace sluice {

struct OperatorConfig {
  std::string image = {};            // Of the workers and routers made from now on.
  std::string pod_name = {};         // Names us in events.
  std::string pod_namespace = {};    // Ours, of the key for tokens; never empty.
  std::string lease_namespace = {};  // Empty: no election, this is the only operator.
  std::string watch_namespace = {};  // Empty: all.
};

// What an operator lives on: time, the API server and chance. Loop and transport outlive it.
struct OperatorSeams {
  Loop& loop;
  Transport& transport;
  Rng rng;
};

class Operator {
 public:
  Operator(OperatorSeams seams, MetricsRegistry& metrics, const OperatorConfig& config);
  ~Operator();
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;

  // `on_lost`: another operator holds the lease; the process should end at once.
  void start(std::function<void()> on_lost);
  // Reconciles in flight end, the lease is given back, caches stop.
  void stop(std::function<void()> stopped);

  // Every cache has synced; a standby is ready too.
  [[nodiscard]] bool is_ready() const;
  [[nodiscard]] bool is_leading() const;
  // What keeps a cache from syncing, a line each.
  [[nodiscard]] std::vector<std::string> problems() const;

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace sluice
