#pragma once
// Controller: takes keys from its queue and hands them to a reconciler, up to `in_flight_max` keys
// at once and never one key twice. The reconciler is given a key, never an event: it looks at what
// is true now. Loop thread.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "apiclient/informer.h"
#include "base/loop.h"
#include "base/metrics.h"
#include "base/rng.h"
#include "controllers/runtime/work_queue.h"

namespace sluice {

// How a reconcile ended. An error comes back with backoff; `look_again` comes back then (jittered
// by up to a tenth); neither waits for the next change.
struct ReconcileResult {
  std::optional<Error> error = {};
  std::optional<Duration> look_again = {};

  [[nodiscard]] static ReconcileResult done() { return {}; }

  [[nodiscard]] static ReconcileResult after(Duration delay) { return {.look_again = delay}; }

  [[nodiscard]] static ReconcileResult failed(Error error) { return {.error = std::move(error)}; }
};

using ReconcileDone = std::function<void(ReconcileResult)>;
// Must call `done` exactly once, at once or later. What a third party throws out of it is caught
// here, counted, and backs off that key only.
using ReconcileFunction = std::function<void(const kube::ObjectKey& key, ReconcileDone done)>;

struct ControllerOptions {
  std::string name = {};  // "ragindex": the `controller` label of its metrics.
  std::size_t in_flight_max = 32;
  // A reconcile that has not called done() for so long is reported (log and metric), and its key
  // counts as failed so that it is tried again.
  Duration watchdog = std::chrono::minutes{5};
  ReconcileFunction reconcile = {};
};

class Controller {
 public:
  Controller(Loop& loop, MetricsRegistry& metrics, Rng rng, ControllerOptions options);
  ~Controller();
  Controller(const Controller&) = delete;
  Controller& operator=(const Controller&) = delete;

  // Keys may be added at any moment; they wait until start().
  [[nodiscard]] WorkQueue& queue() { return queue_; }

  [[nodiscard]] const std::string& name() const { return options_.name; }

  // Enqueues each changed object's own key.
  template <class T>
  void watch(Informer<T>& informer) {
    informer.on_change([this](const Change<T>& change) { queue_.add(change.key); });
  }

  // Enqueues what `map` says for each change.
  template <class T>
  void watch(Informer<T>& informer,
             std::function<std::vector<kube::ObjectKey>(const Change<T>&)> map) {
    informer.on_change([this, map = std::move(map)](const Change<T>& change) {
      for (const kube::ObjectKey& key : map(change)) {
        queue_.add(key);
      }
    });
  }

  void start();
  // No reconcile begins any more; those under way end by themselves.
  void stop();

  [[nodiscard]] std::size_t in_flight() const { return queue_.in_flight(); }

 private:
  struct Metrics;

  void pump();
  void run(const kube::ObjectKey& key);
  void finished(const kube::ObjectKey& key, std::uint64_t run, const ReconcileResult& result);
  void stuck(const kube::ObjectKey& key);

  struct Running {
    std::uint64_t run;  // Tells a late answer of an abandoned run from that of the present one.
    MonotonicTime since;
    TimerId watchdog;
  };

  Loop& loop_;
  Rng rng_;
  ControllerOptions options_;
  WorkQueue queue_;
  std::unique_ptr<Metrics> metrics_;
  std::map<kube::ObjectKey, Running> running_;
  std::uint64_t last_run_ = 0;
  bool is_started_ = false;
  // Answers that come after the controller is gone find this empty.
  std::shared_ptr<Controller*> self_;
};

// The keys of the owners of this kind among an object's owner references, for watch()'s `map`.
template <class T>
[[nodiscard]] std::vector<kube::ObjectKey> owners_of_kind(const Change<T>& change,
                                                          std::string_view kind) {
  std::vector<kube::ObjectKey> keys;
  for (const auto& object : {change.before, change.after}) {
    if (object == nullptr) {
      continue;
    }
    for (const kube::OwnerReference& owner : object->metadata.owner_references) {
      if (owner.kind == kind) {
        keys.push_back({object->metadata.namespace_name, owner.name});
      }
    }
  }
  return keys;
}

}  // namespace sluice
