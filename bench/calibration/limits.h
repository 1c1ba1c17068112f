#pragma once

// What no test can beat: the mean number of requests that any rule with this error rate needs
// (Wald's bound). Pure.

namespace sluice::bench {

struct TwoArmLimit {
  double candidate = 0.01;  // Bad rates.
  double stable = 0.001;
  double weight = 0.01;  // The candidate's share of the requests.
  double delta = 0.001;
  double alpha = 0.01;
};

// Candidate requests to show that its bad rate exceeds stable's, which is not known, by more than
// delta. Needs candidate > stable + delta.
[[nodiscard]] double wald_two_arm(const TwoArmLimit& limit);

}  // namespace sluice::bench
