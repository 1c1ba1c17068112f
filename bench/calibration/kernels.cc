#include "bench/calibration/kernels.h"

#include <array>
#include <cmath>
#include <memory>
#include <utility>

#include "controllers/analysis/e_process.h"
#include "controllers/analysis/log_sum.h"
#include "controllers/analysis/noninferiority.h"
#include "controllers/analysis/one_arm.h"
#include "controllers/analysis/two_arm.h"

namespace sluice::bench {
namespace {

analysis::TwoArmCounts two_arms(const Tick& tick) {
  analysis::TwoArmCounts counts{.n_candidate = static_cast<double>(tick.candidate.counts.n),
                                .bad_candidate = static_cast<double>(tick.candidate.counts.bad)};
  for (const Seen& pod : tick.stable_pods) {
    counts.n_stable += static_cast<double>(pod.counts.n);
    counts.bad_stable += static_cast<double>(pod.counts.bad);
  }
  return counts;
}

// Capital on a grid, with or without restarts and cap.
class Capital {
 public:
  Capital(const Scenario& scenario, double alpha, bool restarts)
      : settings_{.alpha = alpha, .horizon_blocks = blocks_of(scenario), .min_blocks = 3},
        restarts_(restarts),
        process_(analysis::new_e_process(6)) {}

  [[nodiscard]] bool crosses(const std::array<double, 6>& increments) {
    double ln_e = 0;
    if (restarts_) {
      analysis::fold_block(process_, settings_, increments);
      ln_e = analysis::ln_e(process_);
    } else {
      for (std::size_t k = 0; k < increments.size(); ++k) {
        sums_.at(k) += increments.at(k);
      }
      ln_e = analysis::log_sum_exp(sums_) - std::log(static_cast<double>(sums_.size()));
    }
    return ln_e >= -std::log(settings_.alpha);
  }

 private:
  analysis::EProcessSettings settings_;
  bool restarts_;
  analysis::EProcess process_;
  std::array<double, 6> sums_{};
};

// The mean excess so far, weighted by the candidate's requests, against its confidence sequence.
class Excess {
 public:
  Excess(Scenario scenario, const TwoArmTest& test) : scenario_(std::move(scenario)), test_(test) {}

  [[nodiscard]] bool is_missed(const Tick& tick) {
    const analysis::TwoArmCounts counts = two_arms(tick);
    analysis::fold_counts(state_, counts, test_.r0, test_.phi);
    const BadRates rates = bad_rates(scenario_, tick.begins);
    excess_ += counts.n_candidate * (rates.candidate - test_.r0 * rates.stable);
    requests_ += counts.n_candidate;
    if (requests_ <= 0) {
      return false;
    }
    const analysis::Interval interval = analysis::excess_interval(state_, test_.alpha);
    const double truth = excess_ / requests_;
    return truth < interval.low || truth > interval.high;
  }

 private:
  Scenario scenario_;
  TwoArmTest test_;
  analysis::NonInferiority state_;
  double excess_ = 0;
  double requests_ = 0;
};

}  // namespace

RuleKind two_arm_kind(const TwoArmTest& test) {
  return {.name = "K1", .make = [test](const Scenario& scenario) {
            const auto capital = std::make_shared<Capital>(scenario, test.alpha, test.restarts);
            return Watcher{.rolls_back = [test, capital](const Tick& tick) {
              std::array<double, 6> increments{};
              analysis::two_arm_increment(two_arms(tick),
                                          {.r0 = test.r0, .delta = test.delta, .phi = test.phi},
                                          analysis::kErrorRatios,
                                          increments);
              return capital->crosses(increments);
            }};
          }};
}

RuleKind promotion_kind(const TwoArmTest& test) {
  return {.name = "K1 down", .make = [test](const Scenario&) {
            const auto proof = std::make_shared<analysis::NonInferiority>();
            return Watcher{.rolls_back = [test, proof](const Tick& tick) {
              analysis::fold_counts(*proof, two_arms(tick), test.r0, test.phi);
              return analysis::ln_m_below(*proof, test.delta) >= -std::log(test.alpha);
            }};
          }};
}

RuleKind excess_kind(const TwoArmTest& test) {
  return {.name = "excess interval", .make = [test](const Scenario& scenario) {
            const auto excess = std::make_shared<Excess>(scenario, test);
            return Watcher{
                .rolls_back = [excess](const Tick& tick) { return excess->is_missed(tick); }};
          }};
}

RuleKind one_arm_kind(const OneArmTest& test) {
  return {.name = "K2", .make = [test](const Scenario& scenario) {
            const auto capital = std::make_shared<Capital>(scenario, test.alpha, true);
            return Watcher{.rolls_back = [test, capital](const Tick& tick) {
              std::array<double, 6> increments{};
              analysis::one_arm_increment({.n = static_cast<double>(tick.candidate.counts.n),
                                           .bad = static_cast<double>(tick.candidate.counts.bad)},
                                          {.p0 = test.p0, .phi = test.phi},
                                          analysis::kObjectiveRatios,
                                          increments);
              return capital->crosses(increments);
            }};
          }};
}

}  // namespace sluice::bench
