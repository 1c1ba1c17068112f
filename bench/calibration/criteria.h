#pragma once
// What the rules promise, as twelve criteria with bounds, each checked over random rollouts. In
// full (minutes) every figure itself has to keep its bound. At reduced size (seconds) the runs are
// few: there the end of the 95 % interval that is kinder to the rule counts, against a bound that
// is a quarter wider, so that only what is clearly wrong is found. Deterministic.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::bench {

inline constexpr int kCriteria = 12;

struct Effort {
  bool is_full = false;
  std::uint64_t seed = 1;
  // The file of vectors for criterion 1.
  std::string vectors = {};
};

// One figure against its bound.
struct Finding {
  std::string text = {};  // All of it, for people.
  double value = 0;
  double bound = 0;
  bool is_met = false;
  // Why the rules need not meet it; empty for most.
  std::string_view waived = {};
};

struct Criterion {
  int number = 0;
  std::string_view title = {};
  std::vector<Finding> findings = {};
};

// Every figure that is not waived keeps its bound, and there is one.
[[nodiscard]] bool is_met(const Criterion& criterion);

[[nodiscard]] std::string_view criterion_title(int number);
// number in [1, kCriteria].
[[nodiscard]] Criterion check_criterion(int number, const Effort& effort);

}  // namespace sluice::bench
