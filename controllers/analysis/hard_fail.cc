#include "controllers/analysis/hard_fail.h"

namespace sluice::analysis {

std::string_view to_string(HardFail fail) {
  switch (fail) {
    case HardFail::kCrashLoop:
      return "CrashLoop";
    case HardFail::kNoReadyWorker:
      return "NoReadyWorker";
    case HardFail::kAllRequestsFailing:
      return "AllRequestsFailing";
  }
  return "AllRequestsFailing";
}

std::optional<HardFail> hard_fail(const HardFacts& facts) {
  if (facts.crash_loop) {
    return HardFail::kCrashLoop;
  }
  if (facts.no_ready_worker) {
    return HardFail::kNoReadyWorker;
  }
  if (facts.all_requests_failing) {
    return HardFail::kAllRequestsFailing;
  }
  return std::nullopt;
}

bool all_requests_failing(const ArmCounts& candidate,
                          const ArmCounts& stable,
                          std::int64_t requests_min) {
  return candidate.n >= requests_min && candidate.n > 0 && candidate.bad == candidate.n &&
         2 * stable.bad < stable.n;
}

}  // namespace sluice::analysis
