#include "bench/calibration/kernels.h"

namespace sluice::bench {
namespace {

// Stable need not be learned from where only a kernel is asked.
constexpr double kNothing = 0;
constexpr double kMargin = 0.001;

const std::vector<Step> kEven = {{0.5, 5}};
const std::vector<Step> kFive = {{0.05, 1}};

// Candidates exactly at p0.
Scenario at_objective(double p0, double cluster_mean) {
  return {.bad_stable = p0, .cluster_mean = cluster_mean, .learn_seconds = kNothing};
}

Scenario at_rollback_margin(double cluster_mean) {
  return {.bad_extra = kMargin, .cluster_mean = cluster_mean};
}

const std::vector<Null> kNulls = {
    {.name = "K1, equal arms",
     .scenario = {.learn_seconds = kNothing},
     .kind = two_arm_kind({.alpha = 0.01}),
     .reference = 0.0034},
    {.name = "K1, equal arms",
     .scenario = {.learn_seconds = kNothing},
     .kind = two_arm_kind({.alpha = 0.05}),
     .alpha = 0.05,
     .reference = 0.0224},
    {.name = "K1, equal arms, restart + cap",
     .scenario = {.learn_seconds = kNothing},
     .kind = two_arm_kind({.alpha = 0.01, .restarts = true}),
     .reference = 0.0042},
    {.name = "K1 at the margin .001",
     .scenario = {.bad_extra = kMargin, .learn_seconds = kNothing},
     .kind = two_arm_kind({.alpha = 0.01, .delta = kMargin}),
     .reference = 0.0032},
    {.name = "K1 at the margin .001",
     .scenario = {.bad_extra = kMargin, .learn_seconds = kNothing},
     .kind = two_arm_kind({.alpha = 0.05, .delta = kMargin}),
     .alpha = 0.05,
     .reference = 0.0184},
    {.name = "K1, r0 1.2, margin .002, rates that swing",
     .scenario = {.bad_factor = 1.2,
                  .bad_extra = 0.002,
                  .swing = Swing{.bad = 0.6},
                  .learn_seconds = kNothing},
     .kind = two_arm_kind({.alpha = 0.01, .r0 = 1.2, .delta = 0.002}),
     .reference = 0.0040},
    {.name = "K1, shared spikes of 50 times",
     .scenario = {.incidents = {{.begins = 300, .lasts = 30, .bad_rate = 0.05, .every = 600}},
                  .learn_seconds = kNothing},
     .kind = two_arm_kind({.alpha = 0.01}),
     .reference = 0.0016},
    {.name = "K1, both at 30 %, 50/50",
     .scenario = {.steps = kEven, .bad_stable = 0.3, .learn_seconds = kNothing},
     .kind = two_arm_kind({.alpha = 0.01}),
     .reference = 0},
    {.name = "K1 down (promotion) at the margin .001",
     .scenario = {.bad_extra = kMargin, .learn_seconds = kNothing},
     .kind = promotion_kind({.alpha = 0.05, .delta = kMargin}),
     .alpha = 0.05,
     .reference = 0.0374},
    {.name = "K1 down, r0 1.2, margin .002",
     .scenario = {.bad_factor = 1.2, .bad_extra = 0.002, .learn_seconds = kNothing},
     .kind = promotion_kind({.alpha = 0.05, .r0 = 1.2, .delta = 0.002}),
     .alpha = 0.05,
     .reference = 0.0406},
    {.name = "K1, clusters of 5, phi 9",
     .scenario = {.cluster_mean = 5, .learn_seconds = kNothing},
     .kind = two_arm_kind({.alpha = 0.01, .phi = 9, .restarts = true}),
     .reference = 0.0038},
    {.name = "K2, p0 .001",
     .scenario = at_objective(0.001, 1),
     .kind = one_arm_kind({.p0 = 0.001}),
     .reference = 0.0040},
    {.name = "K2, p0 .01",
     .scenario = at_objective(0.01, 1),
     .kind = one_arm_kind({.p0 = 0.01}),
     .reference = 0.0020},
    {.name = "K2, p0 .05",
     .scenario = at_objective(0.05, 1),
     .kind = one_arm_kind({.p0 = 0.05}),
     .reference = 0.0018},
    {.name = "K2, p0 .5",
     .scenario = at_objective(0.5, 1),
     .kind = one_arm_kind({.p0 = 0.5}),
     .reference = 0.0030},
    {.name = "K2, p0 .01, clusters of 5, phi 9",
     .scenario = at_objective(0.01, 5),
     .kind = one_arm_kind({.p0 = 0.01, .phi = 9}),
     .reference = 0.0090},
    {.name = "interval of the excess, equal arms, 5 %",
     .scenario = {.steps = kFive, .learn_seconds = kNothing},
     .kind = excess_kind({.alpha = 0.05}),
     .alpha = 0.05,
     .reference = 0.0130},
    {.name = "interval of the excess, 1 % against 0.1 %, 50/50",
     .scenario = {.steps = kEven, .bad_extra = 0.009, .learn_seconds = kNothing},
     .kind = excess_kind({.alpha = 0.05}),
     .alpha = 0.05,
     .reference = 0.0130},
    {.name = "whole judge at the rollback margin",
     .scenario = at_rollback_margin(1),
     .kind = judge_kind(),
     .reference = 0.0005},
    {.name = "the same, errors in clusters of 5",
     .scenario = at_rollback_margin(5),
     .kind = judge_kind(),
     .reference = 0.0100,
     .is_learned = true},
    {.name = "the same, errors in clusters of 20",
     .scenario = at_rollback_margin(20),
     .kind = judge_kind(),
     .reference = 0.0160,
     .is_learned = true},
};

}  // namespace

const std::vector<Null>& nulls() {
  return kNulls;
}

}  // namespace sluice::bench
