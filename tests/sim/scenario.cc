#include "tests/sim/scenario.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "crds/names.h"

namespace sluice {
namespace {

using api::RolloutPhase;
using std::chrono::seconds;

constexpr const char* kGood = "examples/changes/bm25.yaml";

std::function<void(World&)> applied(const std::string& path) {
  return [path](World& world) { world.apply(path); };
}

std::function<void(World&)> commanded(const std::string& verb) {
  return [verb](World& world) { world.command(verb); };
}

// The first beat of all: users have been answered for a while.
Beat once_serving(std::function<void(World&)> act) {
  return {.is_due = [](World& world) { return world.is_ready_because("Serving"); },
          .then_after = seconds(5),
          .act = std::move(act)};
}

Beat at_weight(Share weight, std::function<void(World&)> act) {
  return {.is_due = [weight](World& world) { return world.is_at(weight); }, .act = std::move(act)};
}

Beat after(Duration span, std::function<void(World&)> act) {
  return {.is_due = [](World&) { return true; }, .then_after = span, .act = std::move(act)};
}

// Only when it has been promoted does the revision turn bad.
Beat once_watched(std::function<void(World&)> act) {
  return {.is_due =
              [](World& world) {
                return world.is_in(RolloutPhase::kWatching) &&
                       world.rollout()->status.step_started_at.has_value();
              },
          .act = std::move(act)};
}

void spoil_candidate(World& world) {
  world.note("the candidate turns bad");
  world.data_plane.spoil(world.rollout().value().status.candidate_revision);
}

void lose_candidates_workers(World& world) {
  world.note("all workers of the candidate are deleted");
  const std::string revision = world.rollout().value().status.candidate_revision;
  for (const auto& pod : world.data_plane.pods(api::kComponentWorker, revision)) {
    world.data_plane.kill_pod(pod);
  }
}

void lose_a_stable_worker(World& world) {
  world.note("a worker of stable is deleted");
  const auto pods =
      world.data_plane.pods(api::kComponentWorker, world.index().status.stable_revision);
  CHECK(!pods.empty());
  world.data_plane.kill_pod(pods.front());
}

std::string replaced(std::string text, std::string_view old, std::string_view by) {
  const std::size_t at = text.find(old);
  CHECK(at != std::string::npos);
  return text.replace(at, old.size(), by);
}

// What it says now counts for the next rollout.
void edit_policy(World& world) {
  const std::string text = text_of_file("examples/rollout.yaml");
  world.apply_text(replaced(replaced(text, "weight: 10%", "weight: 20%"),
                            "- split: {weight: 50%, minDuration: 15s, maxDuration: 5m}",
                            "- split: {weight: 30%, minDuration: 15s, maxDuration: 5m}"));
}

std::vector<Scenario> verdicts() {
  return {
      {.name = "GoodChange",
       .what = "tfidf to bm25: evaluated, 10 %, 50 %, promoted",
       .beats = {once_serving(applied(kGood))},
       .phase = RolloutPhase::kPromoted,
       .ready = "Serving"},
      {.name = "BadQuality",
       .what = "the wrong field indexed: refused by its evaluation, without traffic",
       .beats = {once_serving(applied("examples/changes/wrong-field.yaml"))},
       .phase = RolloutPhase::kRolledBack,
       .ready = "Rejected"},
      {.name = "FailingDrill",
       .what = "evaluates well, then fails a fifth of its requests: rolled back",
       .beats = {once_serving(applied("examples/changes/failing.yaml"))},
       .phase = RolloutPhase::kRolledBack,
       .ready = "Rejected"},
      {.name = "FailingShadow",
       .what = "the same under a policy with a shadow step: no user is given to it",
       .policy = "examples/rollout-shadow.yaml",
       .beats = {once_serving(applied("examples/changes/failing.yaml"))},
       .phase = RolloutPhase::kRolledBack,
       .ready = "Rejected"},
      {.name = "SlowCandidate",
       .what = "evaluates well and answers later than the index promises: rolled back",
       .beats = {once_serving(applied("examples/changes/slow.yaml"))},
       .phase = RolloutPhase::kRolledBack,
       .ready = "Rejected"},
      {.name = "NewWords",
       .what = "bm25 with the words of a ModelVersion: promoted",
       .beats = {once_serving([](World& world) {
         world.apply("examples/words.yaml");
         world.apply("examples/changes/words.yaml");
       })},
       .phase = RolloutPhase::kPromoted,
       .ready = "Serving"},
      {.name = "WorseLater",
       .what = "promoted under a policy with a watch, then it fails: back to the old stable",
       .rollback_option = "watchAfterPromotion: 5m",
       .beats = {once_serving(applied(kGood)), once_watched(spoil_candidate)},
       .phase = RolloutPhase::kRolledBack,
       .ready = "Rejected"},
  };
}

std::vector<Scenario> interventions() {
  constexpr Share kTenth{1000};
  constexpr Share kHalf{5000};
  return {
      {.name = "Revert",
       .what = "a good change, taken back at 10 %: nothing is built, judged or remembered",
       .beats = {once_serving(applied(kGood)),
                 at_weight(kTenth, applied("examples/packages.yaml"))},
       .phase = RolloutPhase::kSuperseded,
       .ready = "Serving"},
      {.name = "NewerChange",
       .what = "another change at 10 %: users leave the first before the second gets any",
       .beats = {once_serving(applied(kGood)),
                 at_weight(kTenth, applied("examples/changes/retuned.yaml"))},
       .phase = RolloutPhase::kPromoted,
       .ready = "Serving"},
      {.name = "PolicyDeleted",
       .what = "the CanaryRollout deleted at 10 %: the candidate is rejected",
       .beats = {once_serving(applied(kGood)),
                 at_weight(kTenth, [](World& world) { world.delete_rollout(); })},
       .ready = "Rejected"},
      {.name = "PolicyEdited",
       .what = "other weights in the policy at 10 %: they count for the next rollout only",
       .beats = {once_serving(applied(kGood)), at_weight(kTenth, edit_policy)},
       .phase = RolloutPhase::kPromoted,
       .ready = "Serving"},
      {.name = "Abort",
       .what = "a person ends it at 10 %",
       .beats = {once_serving(applied(kGood)), at_weight(kTenth, commanded("abort"))},
       .phase = RolloutPhase::kRolledBack,
       .ready = "Rejected"},
      {.name = "PauseAndResume",
       .what = "a person holds it at 10 % for 40 s",
       .beats = {once_serving(applied(kGood)),
                 at_weight(kTenth, commanded("pause")),
                 after(seconds(40), commanded("resume"))},
       .phase = RolloutPhase::kPromoted,
       .ready = "Serving"},
      {.name = "LostWorkers",
       .what = "all workers of the candidate deleted at 10 %, one of stable's at 50 %",
       .beats = {once_serving(applied(kGood)),
                 at_weight(kTenth, lose_candidates_workers),
                 at_weight(kHalf, lose_a_stable_worker)},
       .phase = RolloutPhase::kPromoted,
       .ready = "Serving"},
      {.name = "ApiAway",
       .what = "the API server away for 30 s at 50 %",
       .beats = {once_serving(applied(kGood)),
                 at_weight(kHalf, [](World& world) { world.take_api_away(seconds(30)); })},
       .phase = RolloutPhase::kPromoted,
       .ready = "Serving",
       .loses_lease = true},
  };
}

}  // namespace

const std::vector<Scenario>& all_scenarios() {
  static const std::vector<Scenario> kAll = [] {
    std::vector<Scenario> all = verdicts();
    std::ranges::move(interventions(), std::back_inserter(all));
    return all;
  }();
  return kAll;
}

const Scenario* find_scenario(std::string_view name) {
  const auto found = std::ranges::find(all_scenarios(), name, &Scenario::name);
  return found == all_scenarios().end() ? nullptr : &*found;
}

std::string policy_of(const Scenario& scenario) {
  const std::string text = text_of_file(scenario.policy);
  constexpr std::string_view kLast = "keepCandidateFor: 30s";
  return scenario.rollback_option.empty()
             ? text
             : replaced(text, kLast, std::string(kLast) + "\n    " + scenario.rollback_option);
}

}  // namespace sluice
