#include "tests/scenarios/duet.h"

#include <algorithm>
#include <variant>

#include "base/check.h"
#include "base/describe.h"
#include "crds/names.h"

namespace sluice {
namespace {

constexpr double kTrip = 9.2;

wire::EvaluationResults evaluation_of(double mean, const std::string& golden_set) {
  wire::EvaluationResults results{.golden_digest = golden_set};
  for (int i = 0; i < 100; ++i) {
    results.ids.push_back("q" + std::to_string(i));
    results.ndcg_at_10.push_back(std::clamp(mean + 0.1 * ((i % 5) - 2), 0.0, 1.0));
    results.judged_at_10.push_back(0.1);
  }
  return results;
}

}  // namespace

Duet::Duet(DuetOptions options) : options_(options), rng_(options.seed) {
  world.writes_max = options.index_writes_max;
  api::CanaryRollout& rollout = world.add_rollout("packages");
  rollout.metadata.generation = 1;
  rollout.spec.steps.resize(3);
  rollout.spec.steps[0].evaluate.emplace();
  for (const std::size_t i : {1U, 2U}) {
    rollout.spec.steps[i].split = api::SplitStep{.weight = Share{i == 1 ? 1000 : 5000},
                                                 .min_duration = std::chrono::seconds(15),
                                                 .max_duration = std::chrono::minutes(10)};
  }
  rollout.spec.analysis.block = std::chrono::seconds(5);
  rollout.spec.rollback.keep_candidate_for = std::chrono::seconds(30);
  counters_.process_start_id = "start-1";
}

void Duet::start() {
  CHECK(run_until([this] { return world.ready_reason() == "Serving"; }, 300));
}

std::string Duet::change(double k1) {
  const std::string before = index().candidate ? index().candidate->revision : std::string();
  world.edit([k1](api::RagIndexSpec& spec) {
    spec.retrieval.mode = api::RetrievalMode::kBm25;
    spec.retrieval.bm25.k1 = k1;
  });
  CHECK(run_until([&] { return index().candidate && index().candidate->revision != before; }, 60));
  return index().candidate->revision;
}

void Duet::command(const std::string& text) {
  rollout().metadata.annotations[std::string(api::kCommandAnnotation)] = text;
}

void Duet::delete_rollout() {
  world.rollouts.clear();
  is_rollout_there = false;
}

bool Duet::fails(const std::string& revision) {
  const auto rate = error_rates.find(revision);
  return rate != error_rates.end() && rng_.unit() < rate->second;
}

// A copy of a query of stable's.
void Duet::copy(const wire::RouteTable& table, bool has_stable_failed) {
  const std::string& candidate = table.candidate->target.revision;
  auto& pairs = counters_.pairs;
  auto pair = std::ranges::find(pairs, candidate, &wire::PairCounters::revision);
  if (pair == pairs.end()) {
    pairs.push_back({.stable = table.stable->revision,
                     .revision = candidate,
                     .overlap = std::vector<std::int64_t>(11)});
    pair = std::prev(pairs.end());
  }
  const bool has_failed = fails(candidate);
  if (!has_failed && !has_stable_failed) {
    ++pair->overlap.at(static_cast<std::size_t>(10 * overlap));
  }
  for (const auto& [revision, failed] :
       {std::pair(candidate, has_failed), std::pair(table.stable->revision, has_stable_failed)}) {
    wire::RevisionCounters& counters = counters_of(revision, wire::CounterMode::kShadow);
    ++counters.ended;
    counters.failed += failed ? 1 : 0;
  }
}

wire::RevisionCounters& Duet::counters_of(const std::string& revision, wire::CounterMode mode) {
  auto found = std::ranges::find_if(counters_.revisions, [&](const auto& each) {
    return each.revision == revision && each.mode == mode;
  });
  if (found == counters_.revisions.end()) {
    counters_.revisions.push_back({.revision = revision, .mode = mode});
    found = std::prev(counters_.revisions.end());
  }
  return *found;
}

bool Duet::count(const std::string& revision, wire::CounterMode mode) {
  wire::RevisionCounters& counters = counters_of(revision, mode);
  const bool failed = fails(revision);
  ++counters.ended;
  counters.failed += failed ? 1 : 0;
  if (revision == stable_) {
    return failed;
  }
  if (counters_.quarantine.empty() || counters_.quarantine[0].revision != revision) {
    counters_.quarantine = {{.revision = revision}};
    level_ = 0;
  }
  wire::QuarantineState& state = counters_.quarantine[0];
  if (failed && !state.first_failure_at) {
    state.first_failure_at = world.now;
  }
  level_ = std::clamp(level_ + (failed ? 3.0 : -0.21), 0.0, 2 * kTrip);
  if (!state.active && level_ >= kTrip) {
    state.active = true;
    state.tripped_at = state.tripped_at.value_or(world.now);
  }
  state.active = state.active && level_ > 0;
  return failed;
}

// The router does what its table says.
void Duet::serve() {
  if (!world.route || index().stable_revision.empty()) {
    return;
  }
  const wire::RouteTable table = world.table();
  if (!table.stable) {
    return;
  }
  stable_ = table.stable->revision;
  for (int i = 0; i < static_cast<int>(options_.queries_per_tick); ++i) {
    const bool is_candidates = table.candidate && rng_.unit() < table.candidate->weight.fraction();
    if (!is_candidates) {
      const bool failed = count(table.stable->revision, wire::CounterMode::kLive);
      if (table.candidate && rng_.unit() < table.candidate->shadow.fraction()) {
        copy(table, failed);
      }
      continue;
    }
    const std::string& candidate = table.candidate->target.revision;
    const bool is_paired = !counters_.quarantine.empty() && counters_.quarantine[0].active &&
                           counters_.quarantine[0].revision == candidate;
    count(candidate, is_paired ? wire::CounterMode::kQuarantine : wire::CounterMode::kLive);
    if (is_paired) {
      count(table.stable->revision, wire::CounterMode::kQuarantine);
    }
  }
}

void Duet::show_counters() {
  for (auto& [name, sample] : world.samples) {
    if (!sample.counters) {
      continue;
    }
    sample.counters->process_start_id = counters_.process_start_id;
    sample.counters->router = name;
    sample.counters->revisions = counters_.revisions;
    sample.counters->pairs = counters_.pairs;
    sample.counters->quarantine = counters_.quarantine;
    sample.arrived.wall = world.now;
  }
}

// As builders and workers would tell. An index is as good on a new golden set as on the old one.
canary_rollout::Evaluations Duet::evaluations() const {
  canary_rollout::Evaluations seen;
  const auto& candidate = index().candidate;
  if (!candidate || !candidate->facts || !index().stable) {
    return seen;
  }
  const auto of_build = [](const api::EvaluationSummary& built) {
    return evaluation_of(built.ndcg_at_10, built.golden_digest);
  };
  seen.candidate = of_build(*candidate->facts->evaluation);
  seen.stable = of_build(*index().stable->evaluation);
  seen.can_be_asked = true;
  for (const scrape::ReevaluationTarget& asked : world.plan.reevaluations) {
    if (!do_workers_evaluate) {
      seen.again_problem = "10.0.0.7: HTTP status 503";
    } else if (asked.revision == index().stable_revision) {
      seen.stable_again = evaluation_of(seen.stable->ndcg_at_10.at(2), golden_set);
    } else if (asked.golden_set.sha256 == golden_set) {
      seen.candidate_again = evaluation_of(seen.candidate->ndcg_at_10.at(2), golden_set);
    }
  }
  return seen;
}

// What the index's controller hears of that.
void Duet::evaluate_again() {
  const bool is_done = do_workers_evaluate && !world.plan.reevaluations.empty();
  world.stable_golden_again = is_done ? golden_set : std::string();
}

canary_rollout::Observation Duet::observe() const {
  canary_rollout::Observation seen{.rollout = world.rollouts.at(0), .index = world.index};
  for (const auto& [name, sample] : world.samples) {
    const auto pod = world.pods.find(name);
    seen.routers.push_back({.name = name,
                            .is_expected = pod != world.pods.end() && kube::is_ready(pod->second),
                            .counters = sample.counters,
                            .arrived_at = sample.arrived.wall});
  }
  const std::string judged = index().candidate  ? index().candidate->revision
                             : index().previous ? index().stable_revision
                                                : std::string();
  for (const auto& [name, pod] : world.pods) {
    const bool is_worker = pod.metadata.label(api::kComponentLabel) == api::kComponentWorker;
    if (is_worker && pod.metadata.label(api::kRevisionLabel) == judged && kube::is_ready(pod)) {
      ++seen.candidate_pods.ready;
    }
  }
  seen.evaluations = evaluations();
  seen.policies = policies_;
  for (const auto& [name, revision] : world.revisions) {
    if (revision.metadata.label(api::kVerdictLabel) == "rejected") {
      seen.rejected_revisions.push_back(name);
    }
  }
  return seen;
}

void Duet::reconcile_rollout() {
  const canary_rollout::Decision decision = canary_rollout::decide(observe(), world.now);
  for (const canary_rollout::Action& action : decision.actions) {
    if (const auto* store = std::get_if<canary_rollout::StorePolicy>(&action)) {
      std::erase_if(policies_, [&](const auto& each) { return each.name == store->name; });
      policies_.push_back({.name = store->name, .created_at = world.now, .policy = store->policy});
      world.policies[store->name] = store->policy;
    }
  }
  if (decision.status != rollout().status && rng_.unit() >= options_.lost_writes) {
    // Through its stored form, as the other controller and a restarted operator see it.
    auto stored = from_json<api::CanaryRolloutStatus>(to_json(decision.status));
    CHECK(stored.has_value());
    rollout().status = std::move(*stored);
    rollout().metadata.resource_version = std::to_string(++version_);
  }
}

// What must hold whenever anybody looks.
void Duet::check_invariants() const {
  if (!world.route) {
    return;
  }
  const wire::RouteTable table = world.table();
  if (!table.candidate) {
    return;
  }
  const auto revision = world.revisions.find(table.candidate->target.revision);
  CHECK(revision != world.revisions.end());
  CHECK(table.stable.has_value());
  const auto ready = std::ranges::count_if(world.pods, [&](const auto& entry) {
    return entry.second.metadata.label(api::kRevisionLabel) == revision->first &&
           entry.second.metadata.label(api::kComponentLabel) == api::kComponentWorker &&
           kube::is_ready(entry.second);
  });
  CHECK(ready > 0);
}

void Duet::tick() {
  world.advance(std::chrono::milliseconds(500));
  serve();
  evaluate_again();
  world.reconcile();
  world.run_cluster();
  show_counters();
  if (is_rollout_there) {
    reconcile_rollout();
  }
  check_invariants();
}

void Duet::run(int seconds) {
  for (int i = 0; i < 2 * seconds; ++i) {
    tick();
  }
}

bool Duet::run_until(const std::function<bool()>& is_done, int seconds) {
  for (int i = 0; i < 2 * seconds; ++i) {
    tick();
    if (is_done()) {
      return true;
    }
  }
  return false;
}

bool Duet::run_until(api::RolloutPhase phase, int seconds) {
  return run_until([&] { return status().phase == phase; }, seconds);
}

std::int64_t Duet::answered_by(const std::string& revision) const {
  std::int64_t count = 0;
  for (const wire::RevisionCounters& each : counters_.revisions) {
    count += each.revision == revision && each.mode == wire::CounterMode::kLive
                 ? each.ended - each.failed
                 : 0;
  }
  return count;
}

bool Duet::is_quiet() {
  const canary_rollout::Decision decision = canary_rollout::decide(observe(), world.now);
  return world.is_quiet() && decision.status == status() && decision.actions.empty();
}

}  // namespace sluice
