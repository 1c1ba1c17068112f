#pragma once
// What would change the verdict, and when: the tests themselves, fed with the rates of the last
// minutes. For people; no verdict rests on it. Not for other folders. Pure.

#include "controllers/analysis/assessment.h"
#include "controllers/analysis/settings.h"
#include "controllers/analysis/state.h"

namespace sluice::analysis {

// Empty members where the tests would not get there within the horizon, or nothing is known of the
// rates.
[[nodiscard]] Outlook outlook_of(const Settings& settings, const State& state);

}  // namespace sluice::analysis
