#pragma once
// LoadRunner: sends queries by a fixed schedule over as many connections as it needs, checks the
// answers and tells LoadStatistics.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench/load/load_options.h"
#include "bench/load/load_statistics.h"

namespace sluice::load {

// Empty: a good answer. Else what is wrong with it, in a few words.
[[nodiscard]] std::string problem_of(int status, std::string_view body, std::string_view revision);

class LoadRunner {
 public:
  LoadRunner(LoadOptions options,
             const std::vector<std::string>& bodies,
             LoadStatistics& statistics);
  ~LoadRunner();
  LoadRunner(const LoadRunner&) = delete;
  LoadRunner& operator=(const LoadRunner&) = delete;

  // Blocks its thread until the duration is over or `is_told_to_stop` (asked every millisecond),
  // and then at most the timeout longer. kUnavailable: the host's name could not be resolved.
  [[nodiscard]] Status run(const std::function<bool()>& is_told_to_stop);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::load
