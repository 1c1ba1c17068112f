#include "controllers/canary_rollout/blocks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "base/check.h"
#include "controllers/analysis/counters.h"
#include "controllers/analysis/latency_buckets.h"
#include "controllers/analysis/latency_evidence.h"
#include "controllers/canary_rollout/policy.h"

namespace sluice::canary_rollout {
namespace {

using analysis::ArmCounts;

// A value of a router's counters and where its increment belongs. Values of one name that stand
// behind each other are one series of the ledger.
struct Series {
  std::string name;
  std::int64_t value = 0;
  std::int64_t* target = nullptr;
};

// What the blocks of all routers add up to.
struct Sums {
  ArmCounts candidate;
  ArmCounts stable;
  ArmCounts candidate_pairs;
  ArmCounts stable_pairs;
  std::map<std::string, analysis::PodCounts> stable_pods;
  analysis::LatencyTaken latency;
  api::RankingAgreement compared;
};

// The latency objective of this rollout and what its tests have fixed; without edges nothing is
// read of latencies.
struct LatencyView {
  const std::optional<analysis::LatencyObjective>& objective;
  const analysis::LatencyState& state;

  [[nodiscard]] bool is_on() const { return objective && !state.edges.empty(); }
};

// A pod's answers beyond the edge of a bucket, about: its buckets are four of a revision's.
std::int64_t slow_at(const wire::UpstreamCounters& upstream, std::int64_t bucket) {
  constexpr std::int64_t kBucketsInOne = 4;
  const std::int64_t nearest = (bucket + kBucketsInOne / 2) / kBucketsInOne;
  return analysis::count_above(upstream.latency, nearest);
}

// Pairs of a shadow step are its copies; of any other step those of quarantine.
std::string_view pairs_name(bool is_shadow) {
  return is_shadow ? "shadow" : "pairs";
}

bool are_pairs(wire::CounterMode mode, bool is_shadow) {
  return mode == (is_shadow ? wire::CounterMode::kShadow : wire::CounterMode::kQuarantine);
}

ArmCounts* arm_of(Sums& sums,
                  const wire::RevisionCounters& counters,
                  const api::CanaryRolloutStatus& status) {
  const bool is_live = counters.mode == wire::CounterMode::kLive;
  const bool is_shadow = status.desired.mode == api::TrafficMode::kShadow;
  if (!is_live && !are_pairs(counters.mode, is_shadow)) {
    return nullptr;
  }
  if (counters.revision == status.candidate_revision) {
    return is_live ? &sums.candidate : &sums.candidate_pairs;
  }
  if (counters.revision == status.stable_revision) {
    return is_live ? &sums.stable : &sums.stable_pairs;
  }
  return nullptr;
}

// By what a router's counters are told apart.
struct Telling {
  const api::CanaryRolloutStatus& status;
  LatencyView latency;
};

// How many of a revision's answers are beyond the edges that are judged; in the series before it.
void add_latency(std::vector<Series>& series,
                 Sums& sums,
                 const wire::RevisionCounters& counters,
                 const Telling& telling) {
  const std::string name = series.back().name;
  const bool is_live = counters.mode == wire::CounterMode::kLive;
  analysis::LatencyCounts& counts = is_live ? sums.latency.live : sums.latency.pairs;
  const LatencyView& view = telling.latency;
  const auto readings =
      counters.revision == telling.status.candidate_revision
          ? analysis::candidate_readings(view.state, *view.objective, counters.latency, counts)
          : analysis::stable_readings(view.state, counters.latency, counts);
  for (const analysis::SlowReading& reading : readings) {
    series.push_back({name, reading.value, reading.target});
  }
}

void add_overlap(std::vector<Series>& series,
                 const wire::PairCounters& pair,
                 std::vector<std::int64_t>& sums) {
  sums.resize(std::max(sums.size(), pair.overlap.size()));
  for (std::size_t i = 0; i < pair.overlap.size(); ++i) {
    series.push_back({fmt::format("{}/overlap/{}", pair.revision, i), pair.overlap[i], &sums[i]});
  }
}

// What comparing the candidate's answers, or another stable worker's, with stable's gave.
void add_comparisons(std::vector<Series>& series,
                     Sums& sums,
                     const wire::Counters& counters,
                     const api::CanaryRolloutStatus& status) {
  for (const wire::PairCounters& pair : counters.pairs) {
    if (pair.stable != status.stable_revision) {
      continue;
    }
    if (pair.revision == status.stable_revision) {
      add_overlap(series, pair, sums.compared.stable);
    } else if (pair.revision == status.candidate_revision) {
      add_overlap(series, pair, sums.compared.candidate);
      series.push_back({"shadow/rbo", pair.rbo_sum, &sums.compared.rbo_sum});
      series.push_back({"shadow/incomparable", pair.incomparable, &sums.compared.incomparable});
      series.push_back({"shadow/dropped", pair.dropped, &sums.compared.dropped});
    }
  }
}

std::vector<Series> series_of(Sums& sums, const wire::Counters& counters, const Telling& telling) {
  const auto& [status, view] = telling;
  std::vector<Series> series;
  const bool is_shadow = status.desired.mode == api::TrafficMode::kShadow;
  for (const wire::RevisionCounters& revision : counters.revisions) {
    if (ArmCounts* arm = arm_of(sums, revision, status)) {
      const bool is_live = revision.mode == wire::CounterMode::kLive;
      const std::string name =
          fmt::format("{}/{}", revision.revision, is_live ? "live" : pairs_name(is_shadow));
      series.push_back({name, revision.ended, &arm->n});
      series.push_back({name, revision.failed, &arm->bad});
      if (view.is_on()) {
        add_latency(series, sums, revision, telling);
      }
    }
  }
  for (const wire::UpstreamCounters& upstream : counters.upstreams) {
    if (upstream.revision == status.stable_revision && upstream.mode == wire::CounterMode::kLive) {
      analysis::PodCounts& pod = sums.stable_pods[upstream.pod];
      const std::string name = "pod/" + upstream.pod;
      series.push_back({name, upstream.ended, &pod.n});
      series.push_back({name, upstream.failed, &pod.bad});
      for (std::size_t i = 0; view.is_on() && i < view.state.edges.size(); ++i) {
        series.push_back({name, slow_at(upstream, view.state.edges[i].bucket), &pod.slow.at(i)});
      }
    }
  }
  if (is_shadow) {
    add_comparisons(series, sums, counters, status);
  }
  return series;
}

// One reading for each run of values with the same name.
std::vector<analysis::CounterReading> readings_of(const std::vector<Series>& series) {
  std::vector<analysis::CounterReading> readings;
  for (const Series& one : series) {
    if (readings.empty() || readings.back().series != one.name) {
      readings.push_back({.series = one.name});
    }
    readings.back().values.push_back(one.value);
  }
  return readings;
}

Status add_router(Sums& sums,
                  analysis::CounterLedger& ledger,
                  const RouterSeen& router,
                  const Telling& telling) {
  const std::vector<Series> series = series_of(sums, *router.counters, telling);
  const std::vector<analysis::CounterReading> readings = readings_of(series);
  const auto increments =
      analysis::take_increments(ledger,
                                {.source = router.name,
                                 .process_start_id = router.counters->process_start_id,
                                 .readings = readings});
  if (!increments) {
    return fail(increments.error());
  }
  for (std::size_t i = 0; i < series.size(); ++i) {
    *series[i].target += (*increments)[i];
  }
  return {};
}

// A pair is counted for both arms when it ends; should one arm's be read a moment later than the
// other's, what both have is used.
analysis::PairCounts pairs_of(const Sums& sums) {
  const std::int64_t n = std::min(sums.candidate_pairs.n, sums.stable_pairs.n);
  return {.n = n,
          .bad_candidate = std::min(n, sums.candidate_pairs.bad),
          .bad_stable = std::min(n, sums.stable_pairs.bad)};
}

// As pairs_of(): no more answers can be slow than there are.
void bound(analysis::LatencyCounts& counts, std::int64_t candidate, std::int64_t stable) {
  for (analysis::SlowCounts& edge : counts.edges) {
    edge = {.candidate = std::min(candidate, edge.candidate),
            .stable = std::clamp<std::int64_t>(edge.stable, 0, stable)};
  }
  counts.gate = std::min(candidate, counts.gate);
  counts.limit = std::min(candidate, counts.limit);
  counts.possibly = std::min(candidate, counts.possibly);
}

// All that stable ever answered, as its routers tell it now.
std::vector<std::int64_t> stable_histogram(const Turn& turn) {
  std::vector<std::int64_t> sum;
  for (const RouterSeen& router : turn.seen.routers) {
    if (!router.counters) {
      continue;
    }
    for (const wire::RevisionCounters& counters : router.counters->revisions) {
      if (counters.revision != turn.status().stable_revision ||
          counters.mode != wire::CounterMode::kLive) {
        continue;
      }
      sum.resize(std::max(sum.size(), counters.latency.size()));
      for (std::size_t i = 0; i < counters.latency.size(); ++i) {
        sum[i] += counters.latency[i];
      }
    }
  }
  return sum;
}

// Counters that cannot be read make no baseline; the first good ones will.
void add_all_to_ledger(const Turn& turn, const Telling& telling, analysis::CounterLedger& ledger) {
  Sums ignored;
  for (const RouterSeen& router : turn.seen.routers) {
    if (router.counters) {
      static_cast<void>(add_router(ignored, ledger, router, telling));
    }
  }
}

// Stable's live queries that are in no pair of copies. A pair ends later than its live query, so
// that in one block there may be more of them.
ArmCounts without_pairs(const ArmCounts& live, const analysis::PairCounts& pairs) {
  const std::int64_t n = std::max<std::int64_t>(0, live.n - pairs.n);
  return {.n = n, .bad = std::clamp<std::int64_t>(live.bad - pairs.bad_stable, 0, n)};
}

// How long the block's requests took; as without_pairs() where its pairs are copies.
analysis::LatencyTaken latency_of(const Sums& sums, const analysis::Block& block) {
  analysis::LatencyTaken latency = sums.latency;
  if (block.is_shadow) {
    for (std::size_t i = 0; i < latency.live.edges.size(); ++i) {
      latency.live.edges[i].stable -= latency.pairs.edges[i].stable;
    }
  }
  bound(latency.live, block.candidate.n, block.stable.n);
  bound(latency.pairs, block.pairs.n, block.pairs.n);
  return latency;
}

ArmCounts sum_of(const ArmCounts& live, std::int64_t n, std::int64_t bad) {
  return {.n = live.n + n, .bad = live.bad + bad};
}

// A process that has just begun has heard no router yet, whatever they had to tell: that is not
// their silence. One block is enough for the first round of scrapes.
bool is_first_look(const Turn& turn) {
  const Duration looked = turn.now - turn.seen.looking_since;
  return looked >= Duration::zero() && looked < turn.policy->analysis.block;
}

}  // namespace

Freshness freshness(const Turn& turn, WallTime since, Duration age_max) {
  bool is_any = false;
  for (const RouterSeen& router : turn.seen.routers) {
    if (!router.is_expected) {
      continue;
    }
    is_any = true;
    if (!router.counters) {
      return {.detail = fmt::format("router {} has not told its counters", router.name)};
    }
    const Duration age = turn.now - router.arrived_at;
    // From the future: the clock was set back since, so the age says nothing.
    const bool is_from_future = age < -std::chrono::seconds(1);
    if (router.arrived_at <= since || age > age_max || is_from_future) {
      return {.detail = fmt::format("router {} has told no new counters", router.name)};
    }
  }
  return is_any ? Freshness{.is_fresh = true} : Freshness{.detail = "no router is ready"};
}

bool all_run_the_table(const Turn& turn) {
  const api::RouteStatus* route = turn.route();
  if (route == nullptr) {
    return false;
  }
  return std::ranges::all_of(turn.seen.routers, [&](const RouterSeen& router) {
    if (!router.is_expected) {
      return true;
    }
    if (!router.counters) {
      return false;
    }
    const wire::TableSeen& table = router.counters->table;
    return table.uid == turn.index().metadata.uid &&
           std::tie(table.epoch, table.generation) >= std::tie(route->epoch, route->generation);
  });
}

bool is_quarantined(const Turn& turn) {
  return std::ranges::any_of(turn.seen.routers, [&](const RouterSeen& router) {
    return router.is_expected && router.counters &&
           std::ranges::any_of(
               router.counters->quarantine, [&](const wire::QuarantineState& state) {
                 return state.active && state.revision == turn.status().candidate_revision;
               });
  });
}

std::optional<analysis::State> stored_state(const Turn& turn) {
  const auto& evidence = turn.status().evidence;
  if (!evidence || evidence->state.empty()) {
    return std::nullopt;
  }
  auto state = analysis::decode(evidence->state);
  return state ? std::optional(std::move(*state)) : std::nullopt;
}

void store_state(Turn& turn, const analysis::State& state) {
  api::EvidenceSnapshot& evidence =
      turn.status().evidence ? *turn.status().evidence : turn.status().evidence.emplace();
  evidence.state = analysis::encode(state);
  evidence.block = std::max<std::int64_t>(0, state.block_index);
  evidence.block_ended_at = turn.second;
}

std::optional<EndedBlock> ended_block(Turn& turn) {
  CHECK(turn.status().evidence && turn.status().evidence->block_ended_at);
  const Duration block = turn.policy->analysis.block;
  const WallTime ended_at = *turn.status().evidence->block_ended_at;
  const Duration elapsed = turn.now - ended_at;
  if (elapsed < Duration::zero()) {
    // The clock was set back. The ledger knows what was counted, so the block only ends late.
    turn.status().evidence->block_ended_at = turn.second;
    look_again_in(turn, block);
    return std::nullopt;
  }
  if (elapsed < block) {
    look_again_in(turn, block - elapsed);
    return std::nullopt;
  }
  Freshness fresh = freshness(turn, ended_at, block);
  if (!fresh.is_fresh && (elapsed < block + block / 2 || is_first_look(turn))) {
    look_again_in(turn, block / 8);
    return std::nullopt;
  }
  return EndedBlock{.fresh = std::move(fresh),
                    .intervals = std::max<std::int64_t>(1, elapsed / block)};
}

void take_baseline(const Turn& turn, analysis::State& state) {
  const analysis::Settings settings = settings_of(*turn.policy);
  static_cast<void>(analysis::plan_latency(settings, state, stable_histogram(turn)));
  state.counters = {};
  add_all_to_ledger(
      turn,
      {.status = turn.status(), .latency = {.objective = settings.latency, .state = state.latency}},
      state.counters);
}

TakenBlock take_block(const Turn& turn, analysis::State& state) {
  const analysis::Settings settings = settings_of(*turn.policy);
  const Telling telling{.status = turn.status(),
                        .latency = {.objective = settings.latency, .state = state.latency}};
  TakenBlock taken;
  analysis::Block& block = taken.block;
  analysis::CounterLedger ledger = state.counters;
  Sums sums;
  for (const RouterSeen& router : turn.seen.routers) {
    if (!router.counters) {
      continue;
    }
    if (const Status status = add_router(sums, ledger, router, telling); !status) {
      block.data = analysis::BlockData::kBadCounts;
      block.data_detail = status.error().message;
      return taken;
    }
  }
  state.counters = std::move(ledger);
  block.candidate = sums.candidate;
  block.stable = sums.stable;
  block.pairs = pairs_of(sums);
  block.is_shadow = is_in_shadow(turn);
  if (block.is_shadow) {
    block.stable = without_pairs(block.stable, block.pairs);
    taken.compared = std::move(sums.compared);
  }
  if (telling.latency.is_on()) {
    block.latency = latency_of(sums, block);
  } else if (analysis::plan_latency(settings, state, stable_histogram(turn))) {
    // What was answered so far has told where the edges are; only what comes is judged at them.
    add_all_to_ledger(turn, telling, state.counters);
  }
  for (auto& [pod, counts] : sums.stable_pods) {
    if (counts.n > 0 || counts.bad > 0) {
      counts.pod = pod;
      block.stable_pods.push_back(counts);
    }
  }
  block.candidate_pods = turn.seen.candidate_pods.ready;
  block.facts.all_requests_failing = analysis::all_requests_failing(
      sum_of(block.candidate, block.pairs.n, block.pairs.bad_candidate),
      sum_of(block.stable, block.pairs.n, block.pairs.bad_stable));
  return taken;
}

}  // namespace sluice::canary_rollout
