#pragma once
// How much bad events clump (phi), learned from the differences between stable's pods at three time
// scales. What does not grow with the scale is clustering of requests and applies to the candidate
// in full; what grows is pods wandering and applies in proportion to the candidate's lower traffic
// for each pod. Taken before a block is added, so that it stays predictable. Plain state, pure
// functions.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "controllers/analysis/counts.h"

namespace sluice::analysis {

// More pods than these are left out of the longer scales, which keeps the state small.
inline constexpr std::size_t kTrackedPodsMax = 64;
inline constexpr std::array<std::int64_t, 3> kScales = {1, 6, 30};

struct PodX2 {
  double x2 = 0;
  std::int64_t df = 0;  // Pods with traffic, less one.
};

// Pearson's statistic of the pods' bad events against their common rate; pods without traffic are
// skipped. {0, 0} when it says nothing (fewer than two pods, or nothing or everything bad).
[[nodiscard]] PodX2 pod_x2(std::span<const ArmCounts> pods);

// phi at the scales of 1, 6 and 30 blocks, and the candidate's traffic for each pod as a share of
// stable's -> phi for the candidate, >= 1.
[[nodiscard]] double phi_candidate(const std::array<double, 3>& phi, double traffic_ratio);

struct ScaleSum {
  double x2 = 0;
  double df = 0;
  bool operator==(const ScaleSum&) const = default;
};

// A pod's counts in the unfinished windows of the two longer scales.
struct PodWindow {
  std::uint64_t pod = 0;  // name_hash of its name.
  std::array<ArmCounts, 2> counts{};
  bool operator==(const PodWindow&) const = default;
};

// The candidate's requests for each pod, as a moving average of its share of stable's.
struct TrafficRatio {
  double value = 1;
  bool is_known = false;
  bool operator==(const TrafficRatio&) const = default;
};

struct Dispersion {
  std::array<ScaleSum, 3> sums{};
  std::int64_t blocks = 0;
  TrafficRatio traffic;
  std::vector<PodWindow> windows = {};
  bool operator==(const Dispersion&) const = default;
};

// Folds a block's stable pods into all scales.
void fold_pods(Dispersion& dispersion, std::span<const PodCounts> pods);

// What a block tells of the traffic for each pod.
struct PodTraffic {
  std::int64_t candidate_n = 0;
  std::int64_t candidate_pods = 0;
  std::int64_t stable_n = 0;
  std::int64_t stable_pods = 0;
};

// The ratio with this block in it; unchanged when an arm has no pods or stable no traffic. It rests
// on counts of requests only, so it may come before the block's evidence is taken.
[[nodiscard]] TrafficRatio blend(const TrafficRatio& ratio, const PodTraffic& traffic);

// The learned phi of each scale, in [1, 50].
[[nodiscard]] std::array<double, 3> scale_phi(const Dispersion& dispersion);

// The candidate's phi; never below `prior` while stable has fewer than two pods to learn from.
struct PhiQuestion {
  double traffic_ratio = 1;
  std::int64_t stable_pods = 0;
  double prior = 2;
};

[[nodiscard]] double current_phi(const Dispersion& dispersion, const PhiQuestion& question);

}  // namespace sluice::analysis
