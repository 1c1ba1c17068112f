#include "dataplane/router/core/tally.h"

#include <iterator>
#include <vector>

#include "base/check.h"

namespace sluice::router {
namespace {

constexpr std::size_t kRevisionsMax = 12;
constexpr std::size_t kPodsMax = 256;
constexpr std::size_t kPairsMax = 12;
constexpr std::array<wire::CounterMode, wire::kCounterModes> kModes{
    wire::CounterMode::kLive, wire::CounterMode::kQuarantine, wire::CounterMode::kShadow};

bool is_silent(const ArmCounts& counts) {
  return counts.assigned == 0 && counts.diverted == 0;
}

wire::RevisionCounters to_wire(const std::string& revision,
                               wire::CounterMode mode,
                               const ArmCounts& counts) {
  wire::RevisionCounters out{.revision = revision, .mode = mode};
  out.assigned = counts.assigned;
  out.ended = counts.ended;
  for (const std::int64_t failed : counts.failed) {
    out.failed += failed;
  }
  const auto of = [&counts](FailureClass failure) {
    return counts.failed[static_cast<std::size_t>(failure)];
  };
  out.failed_connect = of(FailureClass::kConnect);
  out.failed_reset = of(FailureClass::kReset);
  out.failed_status = of(FailureClass::kStatus);
  out.failed_body = of(FailureClass::kBody);
  out.failed_timeout = of(FailureClass::kTimeout);
  out.rescued = counts.rescued;
  out.lost = counts.lost;
  out.streamed = counts.streamed;
  out.client_gone = counts.client_gone;
  out.answered = counts.answered;
  out.empty = counts.empty;
  out.in_flight = counts.in_flight;
  out.diverted = counts.diverted;
  out.latency.assign(counts.latency.begin(), counts.latency.end());
  return out;
}

wire::PairCounters to_wire(const PairKey& key, const PairTally& pair) {
  wire::PairCounters out{.stable = key.first, .revision = key.second};
  out.dropped = pair.dropped;
  out.both_good = pair.ended[0][0];
  out.only_failed = pair.ended[0][1];
  out.only_stable_failed = pair.ended[1][0];
  out.both_failed = pair.ended[1][1];
  out.overlap.assign(pair.overlap.begin(), pair.overlap.end());
  out.rbo_sum = pair.rbo_sum;
  out.incomparable = pair.incomparable;
  out.latency_difference.assign(pair.latency_difference.begin(), pair.latency_difference.end());
  return out;
}

// Of an answer of at most 256 KiB a pod gets what it needs.
std::vector<std::int64_t> pod_latency(const PodCounts& counts, wire::CounterMode mode) {
  if (mode != wire::CounterMode::kLive) {
    return {};
  }
  auto end = counts.latency.end();
  while (end != counts.latency.begin() && *std::prev(end) == 0) {
    --end;
  }
  return {counts.latency.begin(), end};
}

template <std::size_t Size>
void add_each(std::array<std::int64_t, Size>& sum, const std::array<std::int64_t, Size>& other) {
  for (std::size_t i = 0; i < Size; ++i) {
    sum[i] += other[i];
  }
}

}  // namespace

void ArmCounts::end(Duration took) {
  ++ended;
  ++latency[latency_bucket(took)];
}

void ArmCounts::add(const ArmCounts& other) {
  assigned += other.assigned;
  ended += other.ended;
  add_each(failed, other.failed);
  rescued += other.rescued;
  lost += other.lost;
  streamed += other.streamed;
  client_gone += other.client_gone;
  answered += other.answered;
  empty += other.empty;
  in_flight += other.in_flight;
  diverted += other.diverted;
  add_each(latency, other.latency);
}

std::int64_t ModeCounts::in_flight() const {
  std::int64_t sum = 0;
  for (const ArmCounts& counts : by_mode) {
    sum += counts.in_flight;
  }
  return sum;
}

void PairTally::add(const PairTally& other) {
  in_flight += other.in_flight;
  dropped += other.dropped;
  add_each(ended[0], other.ended[0]);
  add_each(ended[1], other.ended[1]);
  add_each(overlap, other.overlap);
  rbo_sum += other.rbo_sum;
  incomparable += other.incomparable;
  add_each(latency_difference, other.latency_difference);
}

ModeCounts& Tally::revision(const std::string& name) {
  return revisions[name];
}

std::shared_ptr<PodCounts> Tally::pod(const std::string& revision, const std::string& pod) {
  std::shared_ptr<PodCounts>& counts = pods[{revision, pod}];
  if (counts == nullptr) {
    counts = std::make_shared<PodCounts>();
  }
  return counts;
}

void Tally::forget(const std::set<std::string>& in_use) {
  for (auto at = revisions.begin(); at != revisions.end() && revisions.size() > kRevisionsMax;) {
    const bool stays = in_use.contains(at->first) || at->second.in_flight() > 0;
    at = stays ? std::next(at) : revisions.erase(at);
  }
  for (auto at = pods.begin(); at != pods.end() && pods.size() > kPodsMax;) {
    at = at->second.use_count() > 1 ? std::next(at) : pods.erase(at);
  }
  for (auto at = pairs.begin(); at != pairs.end() && pairs.size() > kPairsMax;) {
    const bool stays = in_use.contains(at->first.second) || at->second.in_flight > 0;
    at = stays ? std::next(at) : pairs.erase(at);
  }
}

void TallySum::add(const Tally& lane) {
  for (const auto& [name, counts] : lane.revisions) {
    for (const wire::CounterMode mode : kModes) {
      const auto i = static_cast<std::size_t>(mode);
      revisions[name].by_mode[i].add(counts.by_mode[i]);
    }
  }
  for (const auto& [key, counts] : lane.pods) {
    PodCounts& sum = pods[key];
    add_each(sum.ended, counts->ended);
    add_each(sum.failed, counts->failed);
    add_each(sum.latency, counts->latency);
  }
  for (const auto& [key, pair] : lane.pairs) {
    pairs[key].add(pair);
  }
}

void TallySum::write(wire::Counters& counters) const {
  for (const auto& [name, counts] : revisions) {
    for (const wire::CounterMode mode : kModes) {
      const ArmCounts& arm = counts.by_mode[static_cast<std::size_t>(mode)];
      // A revision shows from its first table on, its pairs only once there were any.
      if (mode == wire::CounterMode::kLive || !is_silent(arm)) {
        counters.revisions.push_back(to_wire(name, mode, arm));
      }
    }
  }
  for (const auto& [key, counts] : pods) {
    for (const wire::CounterMode mode : kModes) {
      const auto i = static_cast<std::size_t>(mode);
      if (counts.ended[i] > 0) {
        counters.upstreams.push_back({.revision = key.first,
                                      .pod = key.second,
                                      .mode = mode,
                                      .ended = counts.ended[i],
                                      .failed = counts.failed[i],
                                      .latency = pod_latency(counts, mode)});
      }
    }
  }
  for (const auto& [key, pair] : pairs) {
    counters.pairs.push_back(to_wire(key, pair));
  }
}

}  // namespace sluice::router
