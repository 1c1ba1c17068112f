#include "bench/load/load_statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace sluice::load {
namespace {

constexpr double kFirstEdgeMs = 0.01;
constexpr double kGrowth = 1.015;
constexpr std::size_t kMarksMax = 64;
constexpr std::size_t kProblemsMax = 10;
constexpr std::size_t kReasonsMax = 32;

double to_ms(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

double seconds_between(WallTime from, WallTime to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

void LatencyHistogram::add(Duration latency) {
  const double ms = std::max(0.0, to_ms(latency));
  const double place = ms <= kFirstEdgeMs ? 0 : std::log(ms / kFirstEdgeMs) / std::log(kGrowth);
  const double last = static_cast<double>(buckets_.size() - 1);
  ++buckets_[static_cast<std::size_t>(std::min(std::ceil(place), last))];
  ++count_;
  max_ms_ = std::max(max_ms_, ms);
}

double LatencyHistogram::quantile_ms(double quantile) const {
  const double wanted = quantile * static_cast<double>(count_);
  double below = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    below += buckets_[i];
    if (buckets_[i] > 0 && below >= wanted) {
      return std::min(max_ms_, kFirstEdgeMs * std::pow(kGrowth, static_cast<double>(i)));
    }
  }
  return 0;
}

LoadStatistics::LoadStatistics(WallTime wall_start, double rate) : rate_(rate) {
  total_.at = wall_start;
  second_.at = wall_start;
  marks_.push_back({.name = "start", .at = wall_start});
}

void LoadStatistics::Mark::count(const Outcome& outcome) {
  if (outcome.is_ok) {
    ++ok;
    ++by_revision[outcome.revision];
    latency.add(outcome.latency);
    return;
  }
  ++failed;
  ++failures[failures.size() < kReasonsMax || failures.contains(outcome.reason) ? outcome.reason
                                                                                : "other"];
}

std::size_t LoadStatistics::sent() {
  const std::lock_guard lock(mutex_);
  ++total_.sent;
  ++second_.sent;
  ++marks_.back().sent;
  return marks_.size() - 1;
}

void LoadStatistics::done(std::size_t mark, const Outcome& outcome, WallTime now) {
  const std::lock_guard lock(mutex_);
  total_.count(outcome);
  second_.count(outcome);
  marks_[mark].count(outcome);
  if (!outcome.is_ok && problems_.size() < kProblemsMax) {
    problems_.push_back(
        fmt::format("{} {}: {}", format_micro_time(now), outcome.reason, outcome.detail));
  }
}

bool LoadStatistics::begin_mark(std::string name, WallTime now) {
  const std::lock_guard lock(mutex_);
  if (marks_.size() >= kMarksMax) {
    return false;
  }
  marks_.push_back({.name = std::move(name), .at = now});
  return true;
}

std::uint64_t LoadStatistics::failed() const {
  const std::lock_guard lock(mutex_);
  return total_.failed;
}

void LoadStatistics::Mark::write(JsonWriter& json, WallTime now) const {
  json.member("sent", sent).member("ok", ok).member("failed", failed);
  json.member("inFlight", sent - ok - failed);
  json.member("startedAt", format_micro_time(at));
  json.member("seconds", seconds_between(at, now));
  json.key("failures").begin_object();
  for (const auto& [reason, count] : failures) {
    json.member(reason, count);
  }
  json.end_object().key("byRevision").begin_object();
  for (const auto& [revision, count] : by_revision) {
    json.member(revision, count);
  }
  json.end_object().key("latencyMs").begin_object();
  json.member("p50", latency.quantile_ms(0.5)).member("p90", latency.quantile_ms(0.9));
  json.member("p99", latency.quantile_ms(0.99)).member("p999", latency.quantile_ms(0.999));
  json.member("max", latency.max_ms()).end_object();
}

std::string LoadStatistics::to_json(WallTime now) const {
  const std::lock_guard lock(mutex_);
  JsonWriter json;
  json.begin_object();
  json.member("rate", rate_);
  total_.write(json, now);
  json.key("problems").begin_array();
  for (const std::string& problem : problems_) {
    json.value(problem);
  }
  json.end_array().key("marks").begin_array();
  for (std::size_t i = 0; i < marks_.size(); ++i) {
    json.begin_object().member("name", marks_[i].name);
    marks_[i].write(json, i + 1 < marks_.size() ? marks_[i + 1].at : now);
    json.end_object();
  }
  json.end_array().end_object();
  return json.take();
}

std::string LoadStatistics::progress_line(WallTime now) {
  const std::lock_guard lock(mutex_);
  std::string arms;
  for (const auto& [revision, count] : second_.by_revision) {
    const auto share =
        100.0 * static_cast<double>(count) / std::max(1.0, static_cast<double>(second_.ok));
    arms += fmt::format("  {} {:.0f}%", revision, share);
  }
  std::string line =
      fmt::format("{:.0f} s  sent {} ok {} failed {} in flight {}  p50 {:.2f} ms p99 {:.2f} ms{}",
                  seconds_between(total_.at, now),
                  total_.sent,
                  total_.ok,
                  total_.failed,
                  total_.sent - total_.ok - total_.failed,
                  second_.latency.quantile_ms(0.5),
                  second_.latency.quantile_ms(0.99),
                  arms);
  second_ = Mark{.at = now};
  return line;
}

}  // namespace sluice::load
