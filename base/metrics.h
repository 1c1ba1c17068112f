#pragma once
// Metrics: counters, gauges and histograms by name and labels, printed as Prometheus text. One
// registry a program, owned by main and passed down; no statics. Making and reading metrics is
// thread-safe; so are the handles, which live as long as their registry.

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace sluice {

using MetricLabels = std::map<std::string, std::string>;

// Only grows.
class Counter {
 public:
  explicit Counter(prometheus::Counter* counter) : counter_(counter) {}

  void add(double amount = 1);
  [[nodiscard]] double value() const;

 private:
  prometheus::Counter* counter_;
};

class Gauge {
 public:
  explicit Gauge(prometheus::Gauge* gauge) : gauge_(gauge) {}

  void set(double value);
  void add(double amount);
  [[nodiscard]] double value() const;

 private:
  prometheus::Gauge* gauge_;
};

class Histogram {
 public:
  explicit Histogram(prometheus::Histogram* histogram) : histogram_(histogram) {}

  void observe(double value);

 private:
  prometheus::Histogram* histogram_;
};

// Seconds, from a millisecond to a minute.
[[nodiscard]] const std::vector<double>& latency_buckets();

class MetricsRegistry {
 public:
  MetricsRegistry();
  ~MetricsRegistry();
  MetricsRegistry(const MetricsRegistry&) = delete;
  MetricsRegistry& operator=(const MetricsRegistry&) = delete;

  // The same name and labels give the same metric. A name keeps its help and type of first use;
  // using it with another type is a bug (CHECK).
  [[nodiscard]] Counter counter(const std::string& name,
                                const std::string& help,
                                const MetricLabels& labels = {});
  [[nodiscard]] Gauge gauge(const std::string& name,
                            const std::string& help,
                            const MetricLabels& labels = {});
  // Buckets of the first use of the name count.
  [[nodiscard]] Histogram histogram(const std::string& name,
                                    const std::string& help,
                                    const MetricLabels& labels = {},
                                    const std::vector<double>& buckets = latency_buckets());

  // Called at the beginning of each text(), on its thread: sets gauges that are only worth
  // computing when somebody looks.
  void before_text(std::function<void()> refresh);
  // Prometheus text format 0.0.4.
  [[nodiscard]] std::string text() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice
