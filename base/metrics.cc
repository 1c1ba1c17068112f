#include "base/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <mutex>
#include <utility>

#include "base/check.h"

namespace sluice {
namespace {

// Finds or makes a family, then the metric in it. A registry knows families by name only through
// the object that made them, so they are kept here.
template <class M>
prometheus::Family<M>& family_of(std::map<std::string, prometheus::Family<M>*>& families,
                                 prometheus::detail::Builder<M> builder,
                                 std::pair<const std::string&, const std::string&> name_and_help,
                                 prometheus::Registry& registry) {
  auto [found, is_new] = families.try_emplace(name_and_help.first, nullptr);
  if (is_new) {
    found->second =
        &builder.Name(name_and_help.first).Help(name_and_help.second).Register(registry);
  }
  return *found->second;
}

}  // namespace

struct MetricsRegistry::State {
  mutable std::mutex mutex;
  // One registry throws when a name is used with two types, so a mistake cannot go unseen.
  prometheus::Registry registry;
  std::map<std::string, prometheus::Family<prometheus::Counter>*> counters;
  std::map<std::string, prometheus::Family<prometheus::Gauge>*> gauges;
  std::map<std::string, prometheus::Family<prometheus::Histogram>*> histograms;
  std::vector<std::function<void()>> refreshers;

  [[nodiscard]] bool is_name_free(const std::string& name, int besides) const {
    return (besides == 0 || !counters.contains(name)) && (besides == 1 || !gauges.contains(name)) &&
           (besides == 2 || !histograms.contains(name));
  }
};

void Counter::add(double amount) {
  counter_->Increment(amount);
}

double Counter::value() const {
  return counter_->Value();
}

void Gauge::set(double value) {
  gauge_->Set(value);
}

void Gauge::add(double amount) {
  gauge_->Increment(amount);
}

double Gauge::value() const {
  return gauge_->Value();
}

void Histogram::observe(double value) {
  histogram_->Observe(value);
}

const std::vector<double>& latency_buckets() {
  static const std::vector<double> buckets{
      0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
  return buckets;
}

MetricsRegistry::MetricsRegistry() : state_(std::make_unique<State>()) {}

MetricsRegistry::~MetricsRegistry() = default;

Counter MetricsRegistry::counter(const std::string& name,
                                 const std::string& help,
                                 const MetricLabels& labels) {
  const std::lock_guard lock(state_->mutex);
  CHECK(state_->is_name_free(name, 0));
  auto& family =
      family_of(state_->counters, prometheus::BuildCounter(), {name, help}, state_->registry);
  return Counter(&family.Add(labels));
}

Gauge MetricsRegistry::gauge(const std::string& name,
                             const std::string& help,
                             const MetricLabels& labels) {
  const std::lock_guard lock(state_->mutex);
  CHECK(state_->is_name_free(name, 1));
  auto& family =
      family_of(state_->gauges, prometheus::BuildGauge(), {name, help}, state_->registry);
  return Gauge(&family.Add(labels));
}

Histogram MetricsRegistry::histogram(const std::string& name,
                                     const std::string& help,
                                     const MetricLabels& labels,
                                     const std::vector<double>& buckets) {
  const std::lock_guard lock(state_->mutex);
  CHECK(state_->is_name_free(name, 2));
  auto& family =
      family_of(state_->histograms, prometheus::BuildHistogram(), {name, help}, state_->registry);
  return Histogram(&family.Add(labels, buckets));
}

void MetricsRegistry::before_text(std::function<void()> refresh) {
  const std::lock_guard lock(state_->mutex);
  state_->refreshers.push_back(std::move(refresh));
}

std::string MetricsRegistry::text() const {
  std::vector<std::function<void()>> refreshers;
  {
    const std::lock_guard lock(state_->mutex);
    refreshers = state_->refreshers;
  }
  for (const auto& refresh : refreshers) {
    refresh();  // Outside the lock: it may make metrics.
  }
  return prometheus::TextSerializer().Serialize(state_->registry.Collect());
}

}  // namespace sluice
