#include "bench/calibration/peer_rules.h"

#include <algorithm>
#include <cmath>

#include "controllers/analysis/latency_buckets.h"

namespace sluice::bench {
namespace {

constexpr double kMinute = 60;
constexpr std::int64_t kMinutesBetweenJudgements = 10;

bool is_minute_over(const Tick& tick) {
  return std::fmod(tick.begins + tick.seconds + 1e-6, kMinute) < 1e-3;
}

// Shares of nothing are NaN, which no comparison accepts.
double share(std::int64_t part, std::int64_t whole) {
  return static_cast<double>(part) / static_cast<double>(whole);
}

bool is_successful(const Interval& minute, double success_min) {
  return minute.n > 0 && 1 - share(minute.bad, minute.n) >= success_min;
}

bool is_fast(const Interval& minute, double slow_max) {
  return minute.n > 0 && share(minute.slow, minute.n) <= slow_max;
}

// As histogram_quantile() interpolates.
double p95_of(const Seen& seen) {
  const double wanted = 0.95 * static_cast<double>(seen.counts.n);
  double below = 0;
  for (std::size_t bucket = 0; bucket < seen.histogram.size(); ++bucket) {
    const auto count = static_cast<double>(seen.histogram[bucket]);
    if (count > 0 && below + count >= wanted) {
      const auto at = static_cast<std::int64_t>(bucket);
      const double begins = at > 0 ? analysis::latency_edge_seconds(at - 1) : 0;
      return begins + (analysis::latency_edge_seconds(at) - begins) * (wanted - below) / count;
    }
    below += count;
  }
  return 0;
}

}  // namespace

bool Minutes::add(const Tick& tick) {
  now_.n += tick.candidate.counts.n;
  now_.bad += tick.candidate.counts.bad;
  now_.slow += tick.candidate.slow;
  if (!is_minute_over(tick)) {
    return false;
  }
  last_ = now_;
  now_ = {};
  return true;
}

ArgoRule::ArgoRule(const Settings& settings, bool has_latency)
    : settings_(settings), has_latency_(has_latency) {}

bool ArgoRule::rolls_back(const Tick& tick) {
  if (minutes_.add(tick)) {
    failed_ += is_successful(minutes_.last(), settings_.success_min) ? 0 : 1;
    failed_slow_ += !has_latency_ || is_fast(minutes_.last(), settings_.slow_max) ? 0 : 1;
  }
  return std::max(failed_, failed_slow_) > settings_.failure_limit;
}

FlaggerRule::FlaggerRule(const Settings& settings, bool has_latency)
    : settings_(settings), has_latency_(has_latency) {}

bool FlaggerRule::rolls_back(const Tick& tick) {
  if (!minutes_.add(tick)) {
    return false;
  }
  if (failed_checks_ >= settings_.threshold) {
    return true;
  }
  const bool is_good = is_successful(minutes_.last(), settings_.success_min) &&
                       (!has_latency_ || is_fast(minutes_.last(), settings_.slow_max));
  failed_checks_ += is_good ? 0 : 1;
  return false;
}

BurnRateRule::BurnRateRule(const Settings& settings, bool has_latency)
    : settings_(settings), has_latency_(has_latency) {}

bool BurnRateRule::rolls_back(const Tick& tick) {
  const double now = tick.begins + tick.seconds;
  window_.push_back({.ends = now,
                     .n = tick.candidate.counts.n,
                     .bad = tick.candidate.counts.bad,
                     .slow = tick.candidate.slow});
  while (window_.front().ends <= now - settings_.long_seconds) {
    window_.pop_front();
  }
  return now >= settings_.short_seconds && burns(settings_.short_seconds, now) &&
         burns(settings_.long_seconds, now);
}

bool BurnRateRule::burns(double seconds, double now) const {
  Interval sum;
  for (const Interval& part : window_) {
    if (part.ends > now - seconds) {
      sum.n += part.n;
      sum.bad += part.bad;
      sum.slow += part.slow;
    }
  }
  if (sum.n == 0) {
    return false;
  }
  return share(sum.bad, sum.n) > settings_.rate * settings_.error_budget ||
         (has_latency_ && share(sum.slow, sum.n) > settings_.rate * settings_.slow_budget);
}

KayentaRule::KayentaRule(const Settings& settings, bool has_latency)
    : settings_(settings), has_latency_(has_latency) {}

bool KayentaRule::rolls_back(const Tick& tick) {
  add(tick.candidate, experiment_);
  add(tick.baseline, control_);
  if (!is_minute_over(tick)) {
    return false;
  }
  end_minute(experiment_);
  end_minute(control_);
  ++minutes_;
  return minutes_ % kMinutesBetweenJudgements == 0 &&
         is_high(experiment_.points, control_.points, settings_);
}

void KayentaRule::add(const Seen& seen, Arm& arm) const {
  arm.minute.counts.n += seen.counts.n;
  arm.minute.counts.bad += seen.counts.bad;
  if (has_latency_) {
    arm.minute.histogram.resize(std::max(arm.minute.histogram.size(), seen.histogram.size()));
    for (std::size_t i = 0; i < seen.histogram.size(); ++i) {
      arm.minute.histogram[i] += seen.histogram[i];
    }
  }
}

void KayentaRule::end_minute(Arm& arm) const {
  if (arm.minute.counts.n > 0) {
    const double point =
        has_latency_ ? p95_of(arm.minute) : share(arm.minute.counts.bad, arm.minute.counts.n);
    arm.points.insert(std::ranges::upper_bound(arm.points, point), point);
  }
  arm.minute = {};
}

}  // namespace sluice::bench
