#include "bench/calibration/scenario.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/check.h"

namespace sluice::bench {
namespace {

double overlap(double begins, double ends, double other_begins, double other_ends) {
  return std::max(0.0, std::min(ends, other_ends) - std::max(begins, other_begins));
}

// The share of a block that an incident covers.
double share_of_block(const Incident& incident, double begins, double block_seconds) {
  const double ends = begins + block_seconds;
  if (incident.every <= 0) {
    return overlap(begins, ends, incident.begins, incident.begins + incident.lasts) / block_seconds;
  }
  double covered = 0;
  const auto first = static_cast<std::int64_t>(
      std::max(0.0, std::floor((begins - incident.begins) / incident.every)));
  const auto last =
      static_cast<std::int64_t>(std::floor((ends - incident.begins) / incident.every));
  for (std::int64_t turn = first; turn <= last; ++turn) {
    const double at = incident.begins + static_cast<double>(turn) * incident.every;
    covered += overlap(begins, ends, at, at + incident.lasts);
  }
  return covered / block_seconds;
}

double on_ramp(const Ramp& ramp, double before, double seconds) {
  const double passed = std::clamp((seconds - ramp.begins) / (ramp.ends - ramp.begins), 0.0, 1.0);
  return before + passed * (ramp.bad_rate - before);
}

double wave(const Swing& swing, double begins) {
  return std::sin(2 * std::numbers::pi * begins / swing.period);
}

void mix(double& rate, double share, double other) {
  rate += share * (other - rate);
}

}  // namespace

BadRates bad_rates(const Scenario& scenario, double begins) {
  BadRates rates;
  rates.stable = scenario.bad_stable;
  if (scenario.swing) {
    rates.stable *= 1 + scenario.swing->bad * wave(*scenario.swing, begins);
  }
  rates.candidate = scenario.bad_factor * rates.stable + scenario.bad_extra;
  if (scenario.ramp) {
    rates.candidate = on_ramp(*scenario.ramp, rates.candidate, begins + scenario.block_seconds / 2);
  }
  for (const Incident& incident : scenario.incidents) {
    const double share = share_of_block(incident, begins, scenario.block_seconds);
    if (share > 0 && incident.hits != Hits::kStable) {
      mix(rates.candidate, share, incident.bad_rate);
    }
    if (share > 0 && incident.hits != Hits::kCandidate) {
      mix(rates.stable, share, incident.bad_rate);
    }
  }
  return rates;
}

double requests_in_block(const Scenario& scenario, double begins) {
  const double requests = scenario.requests_per_second * scenario.block_seconds;
  return scenario.swing ? requests * (1 + scenario.swing->requests * wave(*scenario.swing, begins))
                        : requests;
}

std::int64_t blocks_of(const Scenario& scenario) {
  return std::llround(3600 * scenario.hours / scenario.block_seconds);
}

std::int64_t learned_blocks(const Scenario& scenario) {
  return std::llround(scenario.learn_seconds / scenario.block_seconds);
}

const Step& step_at(const Scenario& scenario, double begins) {
  CHECK(!scenario.steps.empty());
  const double share = std::clamp(begins / (3600 * scenario.hours), 0.0, 1.0);
  const auto number = static_cast<std::size_t>(share * static_cast<double>(scenario.steps.size()));
  return scenario.steps[std::min(number, scenario.steps.size() - 1)];
}

const Scenario& scenario_named(std::string_view name) {
  for (const std::vector<Scenario>* table : {&healthy_scenarios(), &faulty_scenarios()}) {
    const auto found = std::ranges::find(*table, name, &Scenario::name);
    if (found != table->end()) {
      return *found;
    }
  }
  CHECK(false);
  return healthy_scenarios().front();
}

}  // namespace sluice::bench
