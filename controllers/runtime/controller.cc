#include "controllers/runtime/controller.h"

#include <exception>
#include <utility>

#include "base/check.h"
#include "base/log.h"
#include "base/mutant.h"

namespace sluice {
namespace {

MetricLabels with_result(const std::string& controller, const std::string& result) {
  return {{"controller", controller}, {"result", result}};
}

}  // namespace

// controller-runtime's names, so that kubebuilder's dashboards work.
struct Controller::Metrics {
  Metrics(MetricsRegistry& metrics, const ControllerOptions& options)
      : success(total(metrics, options.name, "success")),
        error(total(metrics, options.name, "error")),
        requeue_after(total(metrics, options.name, "requeue_after")),
        errors(metrics.counter("controller_runtime_reconcile_errors_total",
                               "Reconciles that failed.",
                               {{"controller", options.name}})),
        panics(metrics.counter("controller_runtime_reconcile_panics_total",
                               "Exceptions that came out of reconcilers.",
                               {{"controller", options.name}})),
        timeouts(metrics.counter("controller_runtime_reconcile_timeouts_total",
                                 "Reconciles that the watchdog gave up on.",
                                 {{"controller", options.name}})),
        active(metrics.gauge("controller_runtime_active_workers",
                             "Reconciles under way.",
                             {{"controller", options.name}})),
        seconds(metrics.histogram("controller_runtime_reconcile_time_seconds",
                                  "How long reconciles take.",
                                  {{"controller", options.name}})) {
    metrics
        .gauge("controller_runtime_max_concurrent_reconciles",
               "Reconciles that may be under way at once.",
               {{"controller", options.name}})
        .set(static_cast<double>(options.in_flight_max));
  }

  static Counter total(MetricsRegistry& metrics,
                       const std::string& controller,
                       const std::string& result) {
    return metrics.counter("controller_runtime_reconcile_total",
                           "Reconciles by result.",
                           with_result(controller, result));
  }

  Counter success;
  Counter error;
  Counter requeue_after;
  Counter errors;
  Counter panics;
  Counter timeouts;
  Gauge active;
  Histogram seconds;
};

Controller::Controller(Loop& loop, MetricsRegistry& metrics, Rng rng, ControllerOptions options)
    : loop_(loop),
      rng_(rng.fork()),
      options_(std::move(options)),
      queue_(loop, rng_.fork(), metrics, options_.name),
      metrics_(std::make_unique<Metrics>(metrics, options_)),
      self_(std::make_shared<Controller*>(this)) {
  CHECK(!options_.name.empty() && options_.in_flight_max > 0 && options_.reconcile != nullptr);
  queue_.on_ready([this] { pump(); });
}

Controller::~Controller() {
  *self_ = nullptr;
  for (const auto& [key, running] : running_) {
    loop_.cancel(running.watchdog);
  }
}

void Controller::start() {
  is_started_ = true;
  pump();
}

void Controller::stop() {
  is_started_ = false;
}

void Controller::pump() {
  while (is_started_ && queue_.in_flight() < options_.in_flight_max) {
    const auto key = queue_.take();
    if (!key) {
      return;
    }
    run(*key);
  }
}

void Controller::run(const kube::ObjectKey& key) {
  const std::uint64_t id = ++last_run_;
  const TimerId watchdog = loop_.call_after(options_.watchdog, [this, key] { stuck(key); });
  running_[key] = {.run = id, .since = loop_.now(), .watchdog = watchdog};
  metrics_->active.set(static_cast<double>(running_.size()));
  const ReconcileDone done = [self = self_, key, id](const ReconcileResult& result) {
    if (*self != nullptr) {
      (*self)->finished(key, id, result);
    }
  };
  // The one place where what libraries throw is caught: one poisoned object must not stop the rest.
  try {
    options_.reconcile(key, done);
  } catch (const std::exception& thrown) {
    metrics_->panics.add();
    done(ReconcileResult::failed({.code = ErrorCode::kInternal, .message = thrown.what()}));
  }
}

void Controller::finished(const kube::ObjectKey& key,
                          std::uint64_t run,
                          const ReconcileResult& result) {
  const auto found = running_.find(key);
  if (found == running_.end() || found->second.run != run) {
    return;  // The watchdog gave this run up.
  }
  loop_.cancel(found->second.watchdog);
  metrics_->seconds.observe(
      std::chrono::duration<double>(loop_.now() - found->second.since).count());
  running_.erase(found);
  metrics_->active.set(static_cast<double>(running_.size()));
  queue_.done(key);
  if (result.error) {
    metrics_->error.add();
    metrics_->errors.add();
    // A conflict is the ordinary way of learning that the cache was behind.
    const bool is_expected =
        result.error->code == ErrorCode::kConflict || result.error->code == ErrorCode::kCancelled;
    log(is_expected ? LogLevel::kDebug : LogLevel::kWarn,
        "reconcile failed, trying again",
        {{"controller", options_.name}, {"key", key.text()}, {"error", result.error->describe()}});
    if (is_planted(Mutant::kRetryForgotten)) {
      return;
    }
    queue_.add_after_failure(key, result.error->retry_after.value_or(std::chrono::milliseconds{0}));
  } else {
    queue_.forget(key);
    (result.look_again ? metrics_->requeue_after : metrics_->success).add();
    if (result.look_again && !is_planted(Mutant::kLookAgainDropped)) {
      // Spread, so that a thousand objects do not come back in the same instant.
      const double spread = 1.0 + 0.1 * rng_.unit();
      const auto delay = static_cast<double>(result.look_again->count()) * spread;
      queue_.add_after(key, Duration{static_cast<std::int64_t>(delay)});
    }
  }
  // Not from inside the reconciler: a chain of keys must not deepen the stack.
  loop_.call_after(Duration{0}, [self = self_] {
    if (*self != nullptr) {
      (*self)->pump();
    }
  });
}

void Controller::stuck(const kube::ObjectKey& key) {
  const auto found = running_.find(key);
  CHECK(found != running_.end());
  metrics_->timeouts.add();
  log_error("a reconcile does not end, giving it up",
            {{"controller", options_.name}, {"key", key.text()}});
  finished(key,
           found->second.run,
           ReconcileResult::failed(
               {.code = ErrorCode::kTimeout, .message = "the reconcile did not end in time"}));
}

}  // namespace sluice
