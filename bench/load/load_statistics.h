#pragma once
// LoadStatistics: what became of the queries, in all and by mark. Thread-safe: the runner writes,
// the stats server reads and marks.

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/json_writer.h"
#include "base/time.h"

namespace sluice::load {

// Latencies in buckets of 1.5 %, from 10 us to a minute and more.
class LatencyHistogram {
 public:
  void add(Duration latency);
  // The upper edge of the bucket in which the quantile lies; 0 when empty. In milliseconds.
  [[nodiscard]] double quantile_ms(double quantile) const;

  [[nodiscard]] double max_ms() const { return max_ms_; }

 private:
  std::array<std::uint32_t, 1100> buckets_ = {};
  std::uint64_t count_ = 0;
  double max_ms_ = 0;
};

struct Outcome {
  bool is_ok = false;
  std::string revision = {};  // Of a good answer.
  std::string reason = {};    // Of a failure; few different ones.
  std::string detail = {};    // For the first ten problems.
  Duration latency{0};        // From the intended time.
};

class LoadStatistics {
 public:
  LoadStatistics(WallTime wall_start, double rate);

  // A query is due; returns the mark to which it belongs.
  [[nodiscard]] std::size_t sent();
  void done(std::size_t mark, const Outcome& outcome, WallTime now);
  // False when there are too many marks already.
  [[nodiscard]] bool begin_mark(std::string name, WallTime now);

  [[nodiscard]] std::string to_json(WallTime now) const;
  // One line for people: totals and what happened since the last call.
  [[nodiscard]] std::string progress_line(WallTime now);
  [[nodiscard]] std::uint64_t failed() const;

 private:
  struct Mark {
    std::string name = {};
    WallTime at = {};
    std::uint64_t sent = 0;
    std::uint64_t ok = 0;
    std::uint64_t failed = 0;
    std::map<std::string, std::uint64_t> failures = {};
    std::map<std::string, std::uint64_t> by_revision = {};
    LatencyHistogram latency = {};

    void count(const Outcome& outcome);
    void write(JsonWriter& json, WallTime now) const;
  };

  mutable std::mutex mutex_;
  double rate_;
  Mark total_;
  std::vector<Mark> marks_;
  std::vector<std::string> problems_;
  Mark second_;  // Since the last progress line.
};

}  // namespace sluice::load
