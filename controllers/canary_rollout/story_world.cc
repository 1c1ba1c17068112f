#include "controllers/canary_rollout/story_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <variant>

#include "base/check.h"
#include "base/describe.h"
#include "crds/names.h"

namespace sluice::canary_rollout {
namespace {

constexpr double kTrip = 9.2;
constexpr double kFailureStep = 3.0;
constexpr double kSuccessStep = -0.21;

api::CanaryRollout example_rollout() {
  api::CanaryRollout rollout;
  rollout.metadata.name = "packages";
  rollout.metadata.namespace_name = "default";
  rollout.metadata.uid = "rollout-uid";
  rollout.metadata.generation = 1;
  rollout.spec.index_ref.name = "packages";
  rollout.spec.steps.resize(3);
  rollout.spec.steps[0].evaluate.emplace();
  rollout.spec.steps[1].split = api::SplitStep{.weight = Share{1000},
                                               .min_duration = std::chrono::seconds(20),
                                               .max_duration = std::chrono::minutes(30)};
  rollout.spec.steps[2].split = api::SplitStep{.weight = Share{5000},
                                               .min_duration = std::chrono::seconds(20),
                                               .max_duration = std::chrono::minutes(30)};
  rollout.spec.analysis.block = std::chrono::seconds(5);
  return rollout;
}

api::RagIndex example_index() {
  api::RagIndex index;
  index.metadata.name = "packages";
  index.metadata.namespace_name = "default";
  index.metadata.uid = "index-uid";
  index.metadata.generation = 1;
  index.spec.evaluation.emplace();
  index.spec.slo.ndcg_at_10 = 0.5;
  index.status.stable_revision = "packages-stable";
  index.status.policy_uid = "rollout-uid";
  index.status.policy_name = "packages";
  index.status.route = api::RouteStatus{
      .epoch = 1, .generation = 1, .stable_revision = "packages-stable", .confirmed = true};
  return index;
}

}  // namespace

StoryWorld::StoryWorld(StoryOptions options)
    : rollout(example_rollout()),
      index(example_index()),
      now{std::chrono::seconds(1'790'000'000)},
      stable_error_rate(options.stable_error_rate),
      candidate_error_rate(options.candidate_error_rate),
      queries_per_second(options.queries_per_second),
      rng_(options.seed),
      loss_(options.seed + 1),
      pace_(options.seed + 2),
      options_(options) {
  routers_.resize(static_cast<std::size_t>(options.routers));
  for (std::size_t i = 0; i < routers_.size(); ++i) {
    routers_[i].counters.router = fmt::format("router-{}", i);
    routers_[i].counters.process_start_id = fmt::format("start-{}-0", i);
    routers_[i].counters.table = {.uid = "index-uid", .epoch = 1, .generation = 1};
    seen.routers.push_back({.name = routers_[i].counters.router});
  }
  set_evaluation(false, 0.7);
}

void StoryWorld::set_evaluation(bool of_candidate, double mean, const std::string& golden) {
  wire::EvaluationResults results{.golden_digest = golden};
  for (int i = 0; i < 200; ++i) {
    results.ids.push_back(fmt::format("q{}", i));
    // Spread about the mean, by the same pattern in both arms.
    results.ndcg_at_10.push_back(std::clamp(mean + 0.1 * ((i % 5) - 2), 0.0, 1.0));
    results.judged_at_10.push_back(0.1);
  }
  (of_candidate ? seen.evaluations.candidate : seen.evaluations.stable) = std::move(results);
}

void StoryWorld::offer_candidate(const std::string& revision, double quality) {
  CHECK(index.has_value());
  ++index->metadata.generation;
  index->status.candidate = api::CandidateStatus{.revision = revision,
                                                 .config_hash = "hash-of-" + revision,
                                                 .phase = api::CandidatePhase::kFetching,
                                                 .since = truncate_to_seconds(now),
                                                 .generation = index->metadata.generation,
                                                 .ready_replicas = 2,
                                                 .facts = api::RevisionFacts{}};
  seen.candidate_pods = {.ready = 2};
  set_evaluation(true, quality);
}

void StoryWorld::withdraw_candidate() {
  ++index->metadata.generation;
  index->status.candidate.reset();
}

void StoryWorld::command(const std::string& text) {
  rollout.metadata.annotations[std::string(api::kCommandAnnotation)] = text;
}

void StoryWorld::restart_router(int router) {
  Router& one = routers_.at(static_cast<std::size_t>(router));
  one.counters.revisions.clear();
  one.counters.upstreams.clear();
  one.counters.quarantine.clear();
  one.counters.pairs.clear();
  one.level = 0;
  one.counters.process_start_id = fmt::format("start-{}-{}", router, ++one.restarts);
}

void StoryWorld::restart_operator() {
  seen.looking_since = now;
  for (RouterSeen& router : seen.routers) {
    router = {.name = router.name};
  }
}

bool StoryWorld::flip(double probability) {
  return rng_.unit() < probability;
}

wire::RevisionCounters& StoryWorld::counters_of(Router& router,
                                                const std::string& revision,
                                                wire::CounterMode mode) {
  for (auto& counters : router.counters.revisions) {
    if (counters.revision == revision && counters.mode == mode) {
      return counters;
    }
  }
  return router.counters.revisions.emplace_back(wire::RevisionCounters{
      .revision = revision, .mode = mode, .latency = std::vector<std::int64_t>(161)});
}

wire::QuarantineState& StoryWorld::quarantine_of(Router& router, const std::string& revision) {
  for (auto& state : router.counters.quarantine) {
    if (state.revision == revision) {
      return state;
    }
  }
  return router.counters.quarantine.emplace_back(wire::QuarantineState{.revision = revision});
}

std::size_t StoryWorld::answer(double slowness) {
  constexpr std::uint64_t kFastest = 60;  // 100 us * 2^(60/8).
  return static_cast<std::size_t>(kFastest + pace_.below(9) + pace_.below(9)) +
         static_cast<std::size_t>(std::lround(8 * std::log2(slowness)));
}

bool StoryWorld::count_stable(Router& router, wire::CounterMode mode) {
  const std::string& stable = index->status.route->stable_revision;
  auto& counters = counters_of(router, stable, mode);
  const bool failed = flip(stable_error_rate);
  ++counters.ended;
  counters.failed += failed ? 1 : 0;
  const std::size_t bucket = answer(stable_slowness);
  ++counters.latency.at(bucket);
  if (mode != wire::CounterMode::kLive) {
    return failed;
  }
  const std::string pod = fmt::format("stable-pod-{}", rng_.below(2));
  auto found = std::ranges::find(router.counters.upstreams, pod, &wire::UpstreamCounters::pod);
  if (found == router.counters.upstreams.end()) {
    router.counters.upstreams.push_back(
        {.revision = stable, .pod = pod, .latency = std::vector<std::int64_t>(41)});
    found = std::prev(router.counters.upstreams.end());
  }
  ++found->ended;
  found->failed += failed ? 1 : 0;
  ++found->latency.at((bucket + 3) / 4);
  return failed;
}

// Returns whether the candidate is in quarantine afterwards.
bool StoryWorld::feed_detector(Router& router, const std::string& candidate, bool failed) {
  wire::QuarantineState& state = quarantine_of(router, candidate);
  if (failed && !state.first_failure_at) {
    state.first_failure_at = now;
  }
  state.level = std::clamp(state.level + (failed ? kFailureStep : kSuccessStep), 0.0, 2 * kTrip);
  if (routers_quarantine) {
    state.level = 2 * kTrip;
  }
  if (!state.active && state.level >= kTrip) {
    state.active = true;
    ++state.trips;
    state.tripped_at = state.tripped_at.value_or(now);
  } else if (state.active && state.level <= 0) {
    state.active = false;
  }
  return state.active;
}

void StoryWorld::serve_candidate(Router& router, const std::string& candidate) {
  const bool failed = flip(candidate_error_rate);
  auto& counters = counters_of(router, candidate, wire::CounterMode::kLive);
  ++counters.ended;
  counters.failed += failed ? 1 : 0;
  ++counters.latency.at(answer(candidate_slowness));
  if (quarantine_of(router, candidate).active) {
    ++candidate_live_while_quarantined;
  }
  feed_detector(router, candidate, failed);
}

void StoryWorld::serve_pair(Router& router, const std::string& candidate) {
  const bool failed = flip(candidate_error_rate);
  auto& counters = counters_of(router, candidate, wire::CounterMode::kQuarantine);
  ++counters.ended;
  counters.failed += failed ? 1 : 0;
  ++counters.latency.at(answer(candidate_slowness));
  count_stable(router, wire::CounterMode::kQuarantine);
  feed_detector(router, candidate, failed);
}

// A tenth of the copies goes to another worker of stable.
void StoryWorld::serve_copy(Router& router, bool has_stable_failed) {
  const std::string& stable = index->status.route->stable_revision;
  const bool is_twin = rng_.below(10) == 0;
  const std::string asked = is_twin ? stable : index->status.route->candidate_revision;
  auto& pairs = router.counters.pairs;
  auto pair = std::ranges::find(pairs, asked, &wire::PairCounters::revision);
  if (pair == pairs.end()) {
    pairs.push_back(
        {.stable = stable, .revision = asked, .overlap = std::vector<std::int64_t>(11)});
    pair = std::prev(pairs.end());
  }
  const bool failed = flip(is_twin ? stable_error_rate : candidate_error_rate);
  if (!failed && !has_stable_failed) {
    const double tenths = 10 * (is_twin ? options_.stable_overlap : options_.overlap);
    const bool goes_up = flip(tenths - std::floor(tenths));
    ++pair->overlap.at(static_cast<std::size_t>(std::floor(tenths)) + (goes_up ? 1U : 0U));
    pair->rbo_sum += std::llround(tenths * 1000);
  }
  if (is_twin) {
    return;
  }
  for (const auto& [revision, has_failed] :
       {std::pair(asked, failed), std::pair(stable, has_stable_failed)}) {
    auto& counters = counters_of(router, revision, wire::CounterMode::kShadow);
    ++counters.ended;
    counters.failed += has_failed ? 1 : 0;
    ++counters.latency.at(answer(revision == stable ? stable_slowness : candidate_slowness));
  }
}

// A second of queries.
void StoryWorld::serve(Router& router) {
  const api::RouteStatus& route = *index->status.route;
  const int queries = static_cast<int>(queries_per_second) / options_.routers +
                      (flip(queries_per_second - std::floor(queries_per_second)) ? 1 : 0);
  for (int i = 0; i < queries; ++i) {
    if (route.candidate_revision.empty() || !flip(route.weight.fraction() * users_eagerness)) {
      const bool failed = count_stable(router, wire::CounterMode::kLive);
      if (route.shadow > Share{} && flip(route.shadow.fraction())) {
        serve_copy(router, failed);
      }
    } else if (quarantine_of(router, route.candidate_revision).active) {
      serve_pair(router, route.candidate_revision);
    } else {
      serve_candidate(router, route.candidate_revision);
    }
  }
}

void StoryWorld::scrape() {
  for (std::size_t i = 0; i < routers_.size(); ++i) {
    routers_[i].counters.at = now;
    seen.routers[i].counters = routers_[i].counters;
    seen.routers[i].arrived_at = now;
  }
}

// The index's side: renders what is desired for its own candidate, or for the stable revision that
// is watched; nothing otherwise.
void StoryWorld::obey() {
  api::RouteStatus& route = *index->status.route;
  const api::DesiredTraffic& desired = rollout.status.desired;
  const auto& candidate = index->status.candidate;
  const auto& previous = index->status.previous;
  const std::string judged = previous    ? index->status.stable_revision
                             : candidate ? candidate->revision
                                         : std::string();
  const bool is_ours = !judged.empty() && desired.index_uid == index->metadata.uid &&
                       (previous || desired.index_generation == candidate->generation) &&
                       desired.candidate == judged;
  const bool has_weight = is_ours && desired.mode != api::TrafficMode::kNone;
  const Share weight = has_weight ? desired.weight : Share{0};
  const Share shadow = has_weight ? desired.shadow_percent : Share{0};
  const std::string revision = has_weight ? judged : std::string();
  route.stable_revision = previous ? previous->revision : index->status.stable_revision;
  if (route.candidate_revision != revision || route.weight != weight || route.shadow != shadow) {
    if (route.weight != weight) {
      weights.push_back(weight);
    }
    if (route.shadow != shadow) {
      shadows.push_back(shadow);
    }
    route.candidate_revision = revision;
    route.weight = weight;
    route.shadow = shadow;
    ++route.generation;
    route.confirmed = false;
    route_changed_at_ = ticks_;
  }
  if (is_ours) {
    route.desired_seq = desired.seq;
  }
  if (!route.confirmed && routers_confirm && ticks_ > route_changed_at_) {
    for (Router& router : routers_) {
      router.counters.table.generation = route.generation;
      router.counters.candidate_weight = route.weight;
    }
    scrape();
    route.confirmed = true;
    route.confirmed_at = now;
  }
  settle_candidate();
}

// What the rollout's end means for the old stable that is kept beside a new one.
void StoryWorld::settle_watch() {
  api::RagIndexStatus& status = index->status;
  if (rollout.status.phase == api::RolloutPhase::kRolledBack) {
    seen.rejected_revisions.push_back(status.stable_revision);
    status.stable_revision = status.previous->revision;
    status.previous.reset();
  } else if (rollout.status.phase == api::RolloutPhase::kPromoted) {
    status.previous.reset();
  }
}

void StoryWorld::settle_candidate() {
  auto& candidate = index->status.candidate;
  if (index->status.previous) {
    settle_watch();
  }
  if (!candidate) {
    return;
  }
  const api::CanaryRolloutStatus& theirs = rollout.status;
  if (theirs.desired.mode == api::TrafficMode::kPromote && index->status.route->confirmed &&
      index->status.route->weight == kWhole) {
    if (rollout.spec.rollback.watch_after_promotion > Duration::zero()) {
      index->status.previous = api::PreviousStatus{.revision = index->status.stable_revision,
                                                   .since = now,
                                                   .candidate_since = candidate->since,
                                                   .ready_since = now};
    }
    index->status.stable_revision = candidate->revision;
    candidate.reset();
  } else if (theirs.phase == api::RolloutPhase::kRolledBack &&
             theirs.candidate_revision == candidate->revision &&
             theirs.candidate_since == candidate->since) {
    seen.rejected_revisions.push_back(candidate->revision);
    candidate.reset();
  }
}

Decision StoryWorld::decide_once() {
  if (options_.restart_before_each_decide) {
    auto again = from_json<api::CanaryRolloutStatus>(to_json(rollout.status));
    CHECK(again.has_value());
    CHECK(*again == rollout.status);
    rollout.status = *again;
  }
  seen.rollout = rollout;
  seen.index = index;
  Decision decision = decide(seen, now);
  const bool is_written = decision.status != rollout.status && loss_.unit() >= options_.lost_writes;
  for (const Action& action : decision.actions) {
    if (const auto* store = std::get_if<StorePolicy>(&action)) {
      std::erase_if(seen.policies, [&](const auto& p) { return p.name == store->name; });
      seen.policies.push_back({.name = store->name, .created_at = now, .policy = store->policy});
    } else if (const auto* drop = std::get_if<DropPolicy>(&action)) {
      std::erase_if(seen.policies, [&](const auto& p) { return p.name == drop->name; });
    } else if (const auto* event = std::get_if<Announce>(&action); event && is_written) {
      events.push_back(*event);
    }
  }
  if (is_written) {
    ++status_writes;
    rollout.status = decision.status;
  }
  if (phases.empty() || phases.back() != rollout.status.phase) {
    phases.push_back(rollout.status.phase);
  }
  return decision;
}

void StoryWorld::tick() {
  ++ticks_;
  now = now + std::chrono::seconds(1);
  if (index && index->status.route) {
    for (Router& router : routers_) {
      serve(router);
    }
  }
  if (routers_answer && ticks_ % 2 == 0) {
    scrape();
  }
  if (index && index_obeys) {
    obey();
  }
  decide_once();
}

void StoryWorld::run(int seconds) {
  for (int i = 0; i < seconds; ++i) {
    tick();
  }
}

bool StoryWorld::run_until(api::RolloutPhase phase, int seconds) {
  for (int i = 0; i < seconds && rollout.status.phase != phase; ++i) {
    tick();
  }
  return rollout.status.phase == phase;
}

std::string reason_of(const StoryWorld& world, std::string_view type) {
  const auto* condition = kube::find_condition(world.status().conditions, type);
  return condition == nullptr ? "" : condition->reason;
}

std::string message_of(const StoryWorld& world, std::string_view type) {
  const auto* condition = kube::find_condition(world.status().conditions, type);
  return condition == nullptr ? "" : condition->message;
}

StoryWorld in_split(StoryOptions options) {
  StoryWorld world(options);
  world.rollout.spec.steps[1].split->min_duration = std::chrono::minutes(5);
  world.offer_candidate("packages-next");
  world.run(20);
  CHECK(world.status().phase == api::RolloutPhase::kProgressing);
  CHECK(world.status().step_started_at.has_value());
  return world;
}

}  // namespace sluice::canary_rollout
