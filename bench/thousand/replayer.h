#pragma once
// Replayer: makes noted writes again, without looking at anything: those of one pair one after the
// other, pairs side by side, so many at once. What the server itself gives names (UIDs, resource
// versions) is replaced by what it says this time. Transport and loop outlive it. Loop thread.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "apiclient/transport.h"
#include "bench/thousand/write.h"

namespace sluice::bench {

class Replayer {
 public:
  Replayer(Transport& transport, std::size_t in_flight_max)
      : transport_(transport), in_flight_max_(in_flight_max) {}

  Replayer(const Replayer&) = delete;
  Replayer& operator=(const Replayer&) = delete;

  // `done` is called once, after the last answer.
  void start(const std::vector<Write>& writes, std::function<void()> done);

  [[nodiscard]] std::int64_t made() const { return made_; }

  // What the server refused, or did not answer; the first says why.
  [[nodiscard]] std::int64_t failed() const { return failed_; }

  [[nodiscard]] const std::string& first_failure() const { return first_failure_; }

 private:
  struct Pair {
    std::deque<Write> writes = {};
    std::map<std::string, std::string> now = {};  // Of UIDs and versions as they were noted.
  };

  void go_on(const std::string& name);
  void next_pair();
  void take(Pair& pair, const Write& write, const Result<HttpResponse>& answer);
  [[nodiscard]] static std::string of_now(const Pair& pair, const std::string& text);

  Transport& transport_;
  std::size_t in_flight_max_;
  std::map<std::string, Pair> pairs_;
  std::deque<std::string> waiting_;  // Pairs that have not begun, in order of their first write.
  std::size_t in_flight_ = 0;
  std::int64_t made_ = 0;
  std::int64_t failed_ = 0;
  std::string first_failure_;
  std::function<void()> done_;
};

}  // namespace sluice::bench
