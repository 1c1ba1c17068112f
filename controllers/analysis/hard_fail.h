#pragma once
// What needs no statistics: facts about the candidate that end a rollout within one block, with or
// without valid counts. Pure.

#include <optional>
#include <string_view>

#include "controllers/analysis/counts.h"

namespace sluice::analysis {

// Given by the caller, who sees pods and routers.
struct HardFacts {
  bool crash_loop = false;            // One pod restarted 3 times within 5 minutes.
  bool no_ready_worker = false;       // None ready, though the candidate had been ready.
  bool all_requests_failing = false;  // See all_requests_failing() below.
};

enum class HardFail { kCrashLoop, kNoReadyWorker, kAllRequestsFailing };
[[nodiscard]] std::string_view to_string(HardFail fail);

// The first fact that holds.
[[nodiscard]] std::optional<HardFail> hard_fail(const HardFacts& facts);

// Whether a block shows a total outage of the candidate alone: at least `requests_min` requests,
// every one bad, while less than half of stable's were. `requests_min` keeps a handful of
// unlucky requests from being a rule.
[[nodiscard]] bool all_requests_failing(const ArmCounts& candidate,
                                        const ArmCounts& stable,
                                        std::int64_t requests_min = 20);

}  // namespace sluice::analysis
