#pragma once
// The words of an assessment: numbers that people can check, in the order in which they ask. Not
// for other folders. Pure.

#include <string>

#include "controllers/analysis/assessment.h"
#include "controllers/analysis/settings.h"

namespace sluice::analysis {

// Both need all of the assessment's other members. `data_detail` explains an invalid block.
[[nodiscard]] std::string message_of(const Settings& settings,
                                     const Assessment& assessment,
                                     std::string_view data_detail);
[[nodiscard]] std::string one_line_of(const Settings& settings, const Assessment& assessment);
// All about the latency objective, in milliseconds and shares. Needs assessment.latency.
[[nodiscard]] std::string latency_message_of(const Assessment& assessment);

}  // namespace sluice::analysis
