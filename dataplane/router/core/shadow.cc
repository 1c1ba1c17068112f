#include "dataplane/router/core/shadow.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace sluice::router {
namespace {

// By how many latency buckets the copy was slower, as the index of PairTally::latency_difference.
std::size_t difference_bucket(Duration stable, Duration copy) {
  constexpr auto kMiddle = static_cast<std::int64_t>(kDifferenceBuckets / 2);
  const auto difference = static_cast<std::int64_t>(latency_bucket(copy)) -
                          static_cast<std::int64_t>(latency_bucket(stable));
  return static_cast<std::size_t>(std::clamp(difference + kMiddle, std::int64_t{0}, 2 * kMiddle));
}

}  // namespace

Shadow::Shadow(Rng rng, ShadowLimits limits)
    : copies_(rng.fork()), twins_(rng.fork()), rng_(rng), limits_(limits) {}

void Shadow::set_table(const wire::RouteTable& table) {
  const bool is_on = table.stable && table.candidate;
  stable_ = table.stable ? table.stable->revision : "";
  candidate_ = table.candidate ? table.candidate->target.revision : "";
  copies_.set_share(is_on ? table.candidate->shadow : Share{0});
  twins_.set_share(is_on ? table.candidate->shadow_stable : Share{0});
}

std::optional<Arm> Shadow::sample() {
  if (!copies_.next()) {
    return std::nullopt;
  }
  return twins_.next() ? Arm::kTwin : Arm::kCandidate;
}

bool Shadow::has_room(std::size_t bytes) const {
  return running_ < limits_.copies_max && bytes_ + bytes <= limits_.bytes_max;
}

PairTally& Shadow::pair_of(Arm arm, Tally& tally) const {
  return tally.pairs[{stable_, arm == Arm::kTwin ? stable_ : candidate_}];
}

void Shadow::count_start(Query& query, Copy copy, Tally& tally) {
  copy.pair = &pair_of(copy.arm, tally);
  ++copy.pair->in_flight;
  ++running_;
  bytes_ += copy.bytes;
  if (copy.arm == Arm::kCandidate) {
    copy.stable_counts = &tally.revision(stable_).of(wire::CounterMode::kShadow);
    copy.candidate_counts = &tally.revision(candidate_).of(wire::CounterMode::kShadow);
    for (ArmCounts* counts : {copy.stable_counts, copy.candidate_counts}) {
      ++counts->assigned;
      ++counts->in_flight;
    }
  }
  query.copy = copy;
}

void Shadow::count_dropped(Arm arm, Tally& tally) {
  ++pair_of(arm, tally).dropped;
}

void Shadow::count_end(const Query& query) {
  CHECK(query.copy && query.copy->pair->in_flight > 0 && running_ > 0);
  PairTally& pair = *query.copy->pair;
  --pair.in_flight;
  --running_;
  bytes_ -= query.copy->bytes;
  if (is_void(query)) {
    return;
  }
  const Attempt* stable = first_of(query, Arm::kStable);
  const Attempt* copy = first_of(query, query.copy->arm);
  CHECK(stable != nullptr && copy != nullptr);
  const bool has_stable_failed = stable->state != AttemptState::kAnswered;
  const bool has_copy_failed = copy->state != AttemptState::kAnswered;
  ++pair.ended[has_stable_failed ? 1 : 0][has_copy_failed ? 1 : 0];
  if (!has_stable_failed && !has_copy_failed) {
    ++pair.latency_difference[difference_bucket(stable->ended - query.started,
                                                copy->ended - query.started)];
    compare(pair, *stable, *copy);
  }
}

void Shadow::compare(PairTally& pair, const Attempt& stable, const Attempt& copy) {
  if (!stable.ranking || !copy.ranking) {
    ++pair.incomparable;
    return;
  }
  const Agreement seen = agreement(*stable.ranking, *copy.ranking);
  const double tenths = seen.overlap * 10;
  const double below = std::floor(tenths);
  const bool goes_up = tenths > below && rng_.unit() < tenths - below;
  ++pair.overlap[static_cast<std::size_t>(below) + (goes_up ? 1U : 0U)];
  pair.rbo_sum += std::llround(seen.rbo * 10'000);
}

}  // namespace sluice::router
