#pragma once
// What happens to one random rollout: traffic, errors and latencies of both arms over its hours.
// Plain values; rates are shares, times are seconds from the first step. Stable has ten pods with
// equal parts of its traffic.

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>
#include <vector>

namespace sluice::bench {

inline constexpr std::size_t kStablePods = 10;
inline constexpr double kForever = std::numeric_limits<double>::infinity();

// The candidate's share of the traffic and its pods.
struct Step {
  double weight = 0;
  std::int64_t candidate_pods = 1;
};

enum class Hits { kCandidate, kStable, kBoth };

// So many of the arm's requests fail for a while; the later incident in the list counts.
struct Incident {
  Hits hits = Hits::kBoth;
  double begins = 0;
  double lasts = 0;
  double bad_rate = 0;
  double every = 0;  // Comes again so many seconds after each beginning; 0: once.
};

// A rate that rises evenly from what it is at `begins` to `bad_rate` at `ends`, and stays.
struct Ramp {
  double begins = 0;
  double ends = 0;
  double bad_rate = 0;
};

// Day and night: traffic and stable's errors swing round their means by these shares.
struct Swing {
  double requests = 0;
  double bad = 0;
  double period = 3600;
};

// Answers take a lognormal time (median 80 ms, p95 215 ms for stable); the objective is 300 ms.
struct Slowness {
  double candidate = 1;     // The candidate takes so many times as long.
  double both = 1;          // Both arms, for a minute from both_at on.
  double both_at = -1;      // None below 0.
  double pod_sd = 0;        // Of the logarithm of a pod's speed, which wanders (AR(1)) …
  double pod_seconds = 60;  // … over so long.
};

struct Scenario {
  std::string_view name = {};
  double requests_per_second = 200;
  double hours = 1;
  // Of equal length.
  std::vector<Step> steps = {{0.01, 1}, {0.05, 1}, {0.25, 3}, {0.5, 5}};
  double bad_stable = 0.001;
  // The candidate's rate is stable's (without incidents) times this plus that.
  double bad_factor = 1;
  double bad_extra = 0;
  double cluster_mean = 1;  // Bad requests come in groups of this mean (geometric), in one pod.
  std::vector<Incident> incidents = {};
  std::optional<Ramp> ramp = {};  // Of the candidate.
  std::optional<Swing> swing = {};
  double pod_bursts_per_hour = 0;         // Each pod of both arms fails for a block, at random.
  std::optional<Slowness> slowness = {};  // Set: latencies are drawn and judged too.
  double learn_seconds = 1800;            // Of stable alone before the first step.
  // Detection times count from here; what the candidate does before is part of its bad requests.
  double turns_bad_at = 0;
  double block_seconds = 10;
  // What an independent study of the same scenario found for Argo, Flagger, Kayenta, burn rate and
  // these rules; empty where it has none.
  std::array<std::string_view, 5> reference = {};
};

// Bad rates of both arms, averaged over one block.
struct BadRates {
  double candidate = 0;
  double stable = 0;
};

[[nodiscard]] BadRates bad_rates(const Scenario& scenario, double begins);
// Requests of both arms together in the block.
[[nodiscard]] double requests_in_block(const Scenario& scenario, double begins);
[[nodiscard]] std::int64_t blocks_of(const Scenario& scenario);
// Of stable alone, before the first.
[[nodiscard]] std::int64_t learned_blocks(const Scenario& scenario);
[[nodiscard]] const Step& step_at(const Scenario& scenario, double begins);

// The scenarios whose candidate must not be rolled back, and those whose must. One table each.
[[nodiscard]] const std::vector<Scenario>& healthy_scenarios();
[[nodiscard]] const std::vector<Scenario>& faulty_scenarios();
// By name, from both tables; CHECKs that there is one.
[[nodiscard]] const Scenario& scenario_named(std::string_view name);

}  // namespace sluice::bench
