#include "controllers/analysis/dispersion.h"

#include <algorithm>

#include "controllers/analysis/counters.h"

namespace sluice::analysis {
namespace {

constexpr double kForgettingPerBlock = 0.995;
constexpr double kPriorDegrees = 20;  // Weight of the prior belief that phi is 1.
constexpr double kPhiMax = 50;
constexpr double kTrafficSmoothing = 0.1;
// No window counts for more than so many errors: a shared outage must not drown all else.
constexpr double kWindowWeightMax = 10;

// What is sought is the size of the cluster that a random error is in, not the size of a random
// cluster; so a window counts as often as it has errors.
double weight_of(std::span<const ArmCounts> pods) {
  double bad = 0;
  for (const ArmCounts& pod : pods) {
    bad += static_cast<double>(pod.bad);
  }
  return std::min(kWindowWeightMax, bad);
}

void add_window(ScaleSum& sum, std::span<const ArmCounts> pods, std::int64_t scale) {
  const PodX2 window = pod_x2(pods);
  if (window.df < 1) {
    return;
  }
  const double weight = weight_of(pods);
  double forgetting = 1;
  for (std::int64_t i = 0; i < scale; ++i) {
    forgetting *= kForgettingPerBlock;
  }
  sum.x2 = sum.x2 * forgetting + weight * window.x2;
  sum.df = sum.df * forgetting + weight * static_cast<double>(window.df);
}

PodWindow* window_of(std::vector<PodWindow>& windows, std::uint64_t pod) {
  const auto found =
      std::ranges::find_if(windows, [pod](const PodWindow& window) { return window.pod == pod; });
  if (found != windows.end()) {
    return &*found;
  }
  if (windows.size() >= kTrackedPodsMax) {
    return nullptr;
  }
  windows.push_back({.pod = pod});
  return &windows.back();
}

// Ends the window of scale `which` (0: 6 blocks, 1: 30 blocks).
void close_window(Dispersion& dispersion, std::size_t which) {
  std::vector<ArmCounts> counts;
  counts.reserve(dispersion.windows.size());
  for (PodWindow& window : dispersion.windows) {
    counts.push_back(window.counts[which]);
    window.counts[which] = {};
  }
  add_window(dispersion.sums[which + 1], counts, kScales[which + 1]);
  // Pods that are gone leave no trace.
  std::erase_if(dispersion.windows, [](const PodWindow& window) {
    return window.counts[0].n == 0 && window.counts[1].n == 0;
  });
}

}  // namespace

PodX2 pod_x2(std::span<const ArmCounts> pods) {
  double n = 0;
  double bad = 0;
  std::int64_t with_traffic = 0;
  for (const ArmCounts& pod : pods) {
    n += static_cast<double>(pod.n);
    bad += static_cast<double>(pod.bad);
    with_traffic += pod.n > 0 ? 1 : 0;
  }
  if (with_traffic < 2) {
    return {};
  }
  const double p = bad / n;
  if (p <= 0 || p >= 1) {
    return {};
  }
  double x2 = 0;
  for (const ArmCounts& pod : pods) {
    if (pod.n > 0) {
      const double expected = static_cast<double>(pod.n) * p;
      const double difference = static_cast<double>(pod.bad) - expected;
      x2 += difference * difference / (expected * (1 - p));
    }
  }
  return {.x2 = x2, .df = with_traffic - 1};
}

double phi_candidate(const std::array<double, 3>& phi, double traffic_ratio) {
  const double clustering = std::max(1.0, phi[0] - std::max(0.0, phi[1] - phi[0]) / 5);
  double highest = clustering;
  for (const double at_scale : phi) {
    highest = std::max(highest, clustering + traffic_ratio * (at_scale - clustering));
  }
  return highest;
}

void fold_pods(Dispersion& dispersion, std::span<const PodCounts> pods) {
  std::vector<ArmCounts> counts;
  counts.reserve(pods.size());
  for (const PodCounts& pod : pods) {
    counts.push_back({.n = pod.n, .bad = pod.bad});
    if (pod.n == 0) {
      continue;
    }
    PodWindow* window = window_of(dispersion.windows, name_hash(pod.pod));
    if (window != nullptr) {
      for (ArmCounts& sum : window->counts) {
        sum.n += pod.n;
        sum.bad += pod.bad;
      }
    }
  }
  ++dispersion.blocks;
  add_window(dispersion.sums[0], counts, kScales[0]);
  for (std::size_t which = 0; which < 2; ++which) {
    if (dispersion.blocks % kScales[which + 1] == 0) {
      close_window(dispersion, which);
    }
  }
}

TrafficRatio blend(const TrafficRatio& ratio, const PodTraffic& traffic) {
  if (traffic.candidate_n <= 0 || traffic.candidate_pods <= 0 || traffic.stable_n <= 0 ||
      traffic.stable_pods <= 0) {
    return ratio;
  }
  const double candidate =
      static_cast<double>(traffic.candidate_n) / static_cast<double>(traffic.candidate_pods);
  const double stable =
      static_cast<double>(traffic.stable_n) / static_cast<double>(traffic.stable_pods);
  const double now = candidate / stable;
  if (!ratio.is_known) {
    return {.value = now, .is_known = true};
  }
  return {.value = ratio.value + kTrafficSmoothing * (now - ratio.value), .is_known = true};
}

std::array<double, 3> scale_phi(const Dispersion& dispersion) {
  std::array<double, 3> phi{};
  for (std::size_t i = 0; i < phi.size(); ++i) {
    const ScaleSum& sum = dispersion.sums[i];
    phi[i] = std::clamp((kPriorDegrees + sum.x2) / (kPriorDegrees + sum.df), 1.0, kPhiMax);
  }
  return phi;
}

double current_phi(const Dispersion& dispersion, const PhiQuestion& question) {
  const double learned = phi_candidate(scale_phi(dispersion), question.traffic_ratio);
  return question.stable_pods < 2 ? std::max(learned, question.prior) : learned;
}

}  // namespace sluice::analysis
