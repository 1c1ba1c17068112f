#include "dataplane/router/core/quarantine.h"

#include "base/mutant.h"

#include <algorithm>
#include <cmath>

namespace sluice::router {
namespace {

constexpr std::size_t kDetectorsMax = 16;

}  // namespace

DetectorSteps detector_steps(Share error_rate_max) {
  const double p0 = std::clamp(error_rate_max.fraction(), 0.01, 0.9);
  const double p1 = std::clamp(5 * p0, 0.20, 0.95);
  return {.failure = std::log(p1 / p0), .success = std::log((1 - p1) / (1 - p0))};
}

double next_level(double level, const DetectorSteps& steps, bool has_failed) {
  return std::clamp(level + (has_failed ? steps.failure : steps.success), 0.0, kQuarantineMax);
}

void QuarantineBoard::set_table(const wire::RouteTable& table) {
  const std::string candidate = table.candidate ? table.candidate->target.revision : "";
  const bool has_weight = table.candidate && table.candidate->weight > Share{0};
  if (candidate != candidate_) {
    // Whoever was the candidate is stable now, or gets no traffic: nobody to be kept from.
    if (const auto before = detectors_.find(candidate_); before != detectors_.end()) {
      before->second.is_active = false;
    }
    had_weight_ = false;
  }
  stable_ = table.stable ? table.stable->revision : "";
  candidate_ = candidate;
  steps_ = detector_steps(table.candidate ? table.candidate->error_rate_max : Share{0});
  if (!stable_.empty()) {
    detectors_.try_emplace(stable_);
  }
  if (!candidate_.empty() && has_weight && !had_weight_) {
    Detector fresh;
    fresh.trips = detectors_[candidate_].trips;  // A counter: it never goes down.
    detectors_[candidate_] = fresh;
  }
  had_weight_ = has_weight;
  forget_oldest();
}

// Names of revisions carry no order; which of the unused ones goes does not matter much.
void QuarantineBoard::forget_oldest() {
  for (auto at = detectors_.begin(); at != detectors_.end() && detectors_.size() > kDetectorsMax;) {
    const bool is_in_use = at->first == stable_ || at->first == candidate_;
    at = is_in_use ? std::next(at) : detectors_.erase(at);
  }
}

bool QuarantineBoard::stable_is_tripped() const {
  const auto stable = detectors_.find(stable_);
  return stable != detectors_.end() && stable->second.is_tripped;
}

void QuarantineBoard::record(std::string_view revision, bool has_failed, WallTime now) {
  if (revision.empty() || (revision != stable_ && revision != candidate_)) {
    return;
  }
  auto found = detectors_.find(revision);
  if (found == detectors_.end()) {
    found = detectors_.emplace(std::string(revision), Detector{}).first;
  }
  Detector& detector = found->second;
  detector.level = next_level(detector.level, steps_, has_failed);
  if (has_failed && !detector.first_failure_at) {
    detector.first_failure_at = now;
  }
  if (detector.level <= 0) {
    detector.is_tripped = false;
    detector.is_active = false;
  } else if (detector.level >= kQuarantineTrip) {
    detector.is_tripped = true;
  }
  // When stable fails as well, the candidate is not to blame and taking it away helps nobody.
  if (revision == candidate_ && detector.level >= kQuarantineTrip && !detector.is_active &&
      !stable_is_tripped() && !is_planted(Mutant::kQuarantineDeaf)) {
    detector.is_active = true;
    ++detector.trips;
    if (!detector.tripped_at) {
      detector.tripped_at = now;
    }
  }
}

bool QuarantineBoard::is_active() const {
  const auto candidate = detectors_.find(candidate_);
  return candidate != detectors_.end() && candidate->second.is_active;
}

std::vector<wire::QuarantineState> QuarantineBoard::report() const {
  std::vector<wire::QuarantineState> states;
  states.reserve(detectors_.size());
  for (const auto& [revision, detector] : detectors_) {
    states.push_back({.revision = revision,
                      .active = detector.is_active,
                      .level = detector.level,
                      .trips = detector.trips,
                      .first_failure_at = detector.first_failure_at,
                      .tripped_at = detector.tripped_at});
  }
  return states;
}

}  // namespace sluice::router
