#include "bench/calibration/trial.h"

#include <memory>

#include "base/check.h"
#include "bench/calibration/judge.h"
#include "bench/calibration/peer_rules.h"

namespace sluice::bench {
namespace {

// One rule in one run.
struct Seat {
  Watcher watcher;
  double ended_at = -1;  // The end of the block it rolled back after.
  std::int64_t harm = 0;
  std::int64_t requests = 0;
};

// What one rule did in each run.
struct Tally {
  std::vector<double> seconds;
  std::vector<double> harm;
  std::vector<double> requests;
};

// True while any rule is still looking.
bool show(const Tick& tick, bool has_latency, std::vector<Seat>& seats) {
  bool is_any_looking = false;
  for (Seat& seat : seats) {
    if (seat.ended_at >= 0) {
      continue;
    }
    seat.requests += tick.candidate.counts.n;
    seat.harm += has_latency ? tick.candidate.slow : tick.candidate.counts.bad;
    if (seat.watcher.rolls_back(tick)) {
      seat.ended_at = tick.begins + tick.seconds;
    } else {
      is_any_looking = true;
    }
  }
  return is_any_looking;
}

void play(const Scenario& scenario, Traffic traffic, std::vector<Seat>& seats) {
  const double block = scenario.block_seconds;
  Tick tick;
  for (std::int64_t i = -learned_blocks(scenario); i < 0; ++i) {
    traffic.draw(static_cast<double>(i) * block, {}, tick);
    for (Seat& seat : seats) {
      if (seat.watcher.learn) {
        seat.watcher.learn(tick);
      }
    }
  }
  bool is_any_looking = true;
  for (std::int64_t i = 0; is_any_looking && i < blocks_of(scenario); ++i) {
    const double begins = static_cast<double>(i) * block;
    traffic.draw(begins, step_at(scenario, begins), tick);
    is_any_looking = show(tick, scenario.slowness.has_value(), seats);
  }
}

Outcome outcome_of(std::string_view rule, const Tally& tally) {
  return {.rule = rule,
          .rolled_back = wilson(std::ssize(tally.seconds), std::ssize(tally.harm)),
          .seconds_median = quantile(tally.seconds, 0.5),
          .seconds_p95 = quantile(tally.seconds, 0.95),
          .harm_median = quantile(tally.harm, 0.5),
          .harm_p95 = quantile(tally.harm, 0.95),
          .requests_mean = mean(tally.requests)};
}

template <class Peer>
RuleKind peer_kind(std::string_view name) {
  return {
      .name = name, .make = [](const Scenario& scenario) {
        const auto rule =
            std::make_shared<Peer>(typename Peer::Settings{}, scenario.slowness.has_value());
        return Watcher{.rolls_back = [rule](const Tick& tick) { return rule->rolls_back(tick); }};
      }};
}

}  // namespace

RuleKind judge_kind() {
  return {.name = "Sluice", .make = [](const Scenario& scenario) {
            const auto judge = std::make_shared<Judge>(scenario);
            return Watcher{
                .learn =
                    [judge](const Tick& tick) {
                      judge->learn(tick);
                      return false;
                    },
                .rolls_back = [judge](const Tick& tick) { return judge->rolls_back(tick); }};
          }};
}

std::vector<RuleKind> peer_kinds() {
  return {peer_kind<ArgoRule>("Argo"),
          peer_kind<FlaggerRule>("Flagger"),
          peer_kind<KayentaRule>("Kayenta"),
          peer_kind<BurnRateRule>("burn rate")};
}

std::vector<Outcome> try_rules(const Scenario& scenario,
                               const std::vector<RuleKind>& kinds,
                               const TrialSize& size) {
  CHECK(size.runs > 0);
  PoissonTables tables;
  Rng seeds(size.seed);
  std::vector<Tally> tallies(kinds.size());
  for (std::int64_t run = 0; run < size.runs; ++run) {
    std::vector<Seat> seats;
    seats.reserve(kinds.size());
    for (const RuleKind& kind : kinds) {
      seats.push_back({.watcher = kind.make(scenario)});
    }
    play(scenario, Traffic(scenario, tables, seeds.fork()), seats);
    for (std::size_t i = 0; i < seats.size(); ++i) {
      if (seats[i].ended_at >= 0) {
        tallies[i].seconds.push_back(seats[i].ended_at - scenario.turns_bad_at);
      }
      tallies[i].harm.push_back(static_cast<double>(seats[i].harm));
      tallies[i].requests.push_back(static_cast<double>(seats[i].requests));
    }
  }
  std::vector<Outcome> outcomes;
  outcomes.reserve(kinds.size());
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    outcomes.push_back(outcome_of(kinds[i].name, tallies[i]));
  }
  return outcomes;
}

}  // namespace sluice::bench
