#pragma once
// The decision rules of others in the scenarios, as their documentation and sources describe them:
// each reads the candidate's traffic block by block and says when it would roll back. With
// latencies a request slower than the objective is judged as well: at most 5 % of them may be.
// One object for each run and thread.

#include <cstdint>
#include <deque>
#include <vector>

#include "bench/calibration/mann_whitney.h"
#include "bench/calibration/traffic.h"

namespace sluice::bench {

// What the candidate did in an interval.
struct Interval {
  double ends = 0;
  std::int64_t n = 0;
  std::int64_t bad = 0;
  std::int64_t slow = 0;
};

// Adds blocks up to full minutes. A block must not reach over the end of a minute.
class Minutes {
 public:
  // True when the block ended a minute, which is then in `last()`.
  bool add(const Tick& tick);

  [[nodiscard]] const Interval& last() const { return last_; }

 private:
  Interval now_;
  Interval last_;
};

// Argo Rollouts, background analysis: a measurement each minute for each metric; failures are
// counted over the whole run, and more than `failure_limit` of one metric abort. Without a request
// the success rate is NaN, which is a failure.
class ArgoRule {
 public:
  struct Settings {
    double success_min = 0.95;
    double slow_max = 0.05;
    std::int64_t failure_limit = 3;
  };

  ArgoRule(const Settings& settings, bool has_latency);
  [[nodiscard]] bool rolls_back(const Tick& tick);

 private:
  Settings settings_;
  bool has_latency_;
  Minutes minutes_;
  std::int64_t failed_ = 0;
  std::int64_t failed_slow_ = 0;
};

// Flagger: a check each minute; failed checks are counted over the whole run and never forgotten,
// no values are a failed check, and the rollback comes with the check after the `threshold`-th.
class FlaggerRule {
 public:
  struct Settings {
    double success_min = 0.99;
    double slow_max = 0.05;
    std::int64_t threshold = 5;
  };

  FlaggerRule(const Settings& settings, bool has_latency);
  [[nodiscard]] bool rolls_back(const Tick& tick);

 private:
  Settings settings_;
  bool has_latency_;
  Minutes minutes_;
  std::int64_t failed_checks_ = 0;
};

// Burn rate alerts: the error budget burns faster than `rate` over both windows. Looked at after
// each block from the end of the short window on.
class BurnRateRule {
 public:
  struct Settings {
    double rate = 14.4;
    double error_budget = 0.001;
    double slow_budget = 0.05;
    double long_seconds = 300;
    double short_seconds = 60;
  };

  BurnRateRule(const Settings& settings, bool has_latency);
  [[nodiscard]] bool rolls_back(const Tick& tick);

 private:
  [[nodiscard]] bool burns(double seconds, double now) const;

  Settings settings_;
  bool has_latency_;
  std::deque<Interval> window_;  // As long as the long window.
};

// Kayenta, one metric: the Mann-Whitney test over the points of each minute since the start, made
// every ten minutes, of the candidate against a baseline of its size. The metric is the error rate,
// with latencies the p95; minutes without requests give no point.
class KayentaRule {
 public:
  using Settings = HighQuestion;

  KayentaRule(const Settings& settings, bool has_latency);
  [[nodiscard]] bool rolls_back(const Tick& tick);

 private:
  // One arm's present minute and its points so far, ascending.
  struct Arm {
    Seen minute = {};
    std::vector<double> points = {};
  };

  void add(const Seen& seen, Arm& arm) const;
  void end_minute(Arm& arm) const;

  Settings settings_;
  bool has_latency_;
  Arm experiment_;
  Arm control_;
  std::int64_t minutes_ = 0;
};

}  // namespace sluice::bench
