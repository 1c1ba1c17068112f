#pragma once
// The production tests by themselves, as rules over the same traffic: where their null holds they
// may cross with probability at most alpha.

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "bench/calibration/draws.h"
#include "bench/calibration/scenario.h"
#include "bench/calibration/trial.h"

namespace sluice::bench {

struct TwoArmTest {
  double alpha = 0.01;
  double r0 = 1;
  double delta = 0;
  double phi = 1;
  bool restarts = false;  // Half of the capital joins later, and a block adds only so much.
};

// K1 crosses: the candidate looks worse.
[[nodiscard]] RuleKind two_arm_kind(const TwoArmTest& test);
// The proof that the candidate is no worse than that crosses.
[[nodiscard]] RuleKind promotion_kind(const TwoArmTest& test);
// The confidence sequence for the excess misses the truth, at level 1 - alpha.
[[nodiscard]] RuleKind excess_kind(const TwoArmTest& test);

struct OneArmTest {
  double alpha = 0.01;
  double p0 = 0.01;
  double phi = 1;
};

// K2 crosses, with restarts and cap: the candidate looks worse than p0.
[[nodiscard]] RuleKind one_arm_kind(const OneArmTest& test);

// One row of the table of nulls.
struct Null {
  std::string_view name = {};
  Scenario scenario = {};
  RuleKind kind = {};
  double alpha = 0.01;
  double reference = 0;  // The rate that the independent study found.
  // The upper end of the interval may be at most so many times alpha. Where dispersion is learned,
  // control is approximate, and the rate itself may be twice alpha.
  bool is_learned = false;
};

[[nodiscard]] const std::vector<Null>& nulls();

}  // namespace sluice::bench
