#pragma once
// How the tests are put together for the objectives at hand: which there are, their weights, and
// what a block adds to each. Shared by fold, assessment and outlook; not for other folders. Pure.

#include <array>

#include "controllers/analysis/counts.h"
#include "controllers/analysis/e_process.h"
#include "controllers/analysis/family.h"
#include "controllers/analysis/settings.h"
#include "controllers/analysis/state.h"

namespace sluice::analysis {

// A block's counts, as integers or as means.
struct EvidenceCounts {
  TwoArmCounts live;
  TwoArmCounts pairs;
};

struct Increments {
  std::array<double, 6> relative{};
  std::array<double, 6> absolute{};
};

// The objective's max is tested by K2 only inside (0, 1); 0 is a rule.
[[nodiscard]] bool has_absolute_test(const Settings& settings);
// There is something to prove: the candidate has a weight, or, in shadow, has had copies. A step
// without weight harms no user, so its margin is the widest.
[[nodiscard]] bool is_in_step(const State& state);
[[nodiscard]] EProcessSettings e_process_settings(const Settings& settings);
[[nodiscard]] double ln_rollback_threshold(const Settings& settings);
[[nodiscard]] double ln_advance_threshold(const Settings& settings);
// The weight of each test in the family; 0 for one that there is not.
[[nodiscard]] ByTest<double> test_weights(const Settings& settings);

// What these counts add; the absolute test gains nothing while masked. Needs an error objective.
[[nodiscard]] Increments increments_of(const Settings& settings,
                                       const EvidenceCounts& counts,
                                       double phi,
                                       bool masked);

// ln E of each test; 0 for one that has not begun.
[[nodiscard]] ByTest<double> ln_e_by_test(const State& state);
// ln E of the family from those of its tests.
[[nodiscard]] double ln_e_family(const Settings& settings, const ByTest<double>& ln_e);

}  // namespace sluice::analysis
