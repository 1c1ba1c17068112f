#include "bench/calibration/scenario.h"

namespace sluice::bench {
namespace {

const std::vector<Step> kHalf = {{0.5, 5}};
constexpr double kRareRps = 0.2;

const std::vector<Incident> kSharedTwice = {{.begins = 600, .lasts = 60, .bad_rate = 0.2},
                                            {.begins = 2400, .lasts = 60, .bad_rate = 0.2}};
const std::vector<Incident> kSharedWhileLearning = {{.begins = -300, .lasts = 60, .bad_rate = 0.2},
                                                    {.begins = 600, .lasts = 60, .bad_rate = 0.2},
                                                    {.begins = 2400, .lasts = 60, .bad_rate = 0.2}};
constexpr Slowness kNoisyPods = {.pod_sd = 0.08};

// References: false rollbacks in percent.
const std::vector<Scenario> kHealthy = {
    {.name = "healthy 200 rps", .reference = {"0", "0", "1.0", ".85", "0"}},
    {.name = "healthy 5 rps",
     .requests_per_second = 5,
     .reference = {"1.4", "7.4", ".9", "17", "0"}},
    {.name = "healthy 0.2 rps, 24 h",
     .requests_per_second = kRareRps,
     .hours = 24,
     .steps = kHalf,
     .reference = {"99.8", "99.2", "6.6", "100", "0"}},
    {.name = "healthy 20 rps, 25 %, 24 h",
     .requests_per_second = 20,
     .hours = 24,
     .steps = {{0.25, 3}},
     .reference = {"0", "8.4", "8.4", "0", "0"}},
    {.name = "candidate better", .bad_extra = -0.0008, .reference = {"0", "0", "0", ".1", "0"}},
    {.name = "fixes a 5 % stable",
     .bad_stable = 0.05,
     .bad_extra = -0.049,
     .reference = {"0", "0", "0", ".85", "0"}},
    {.name = "clustered errors", .cluster_mean = 5, .reference = {"0", ".25", "1.3", "11", "0"}},
    {.name = "clustered errors, shared incidents",
     .cluster_mean = 5,
     .incidents = kSharedWhileLearning},
    {.name = "burst, candidate once",
     .incidents = {{.hits = Hits::kCandidate, .begins = 450, .lasts = 10, .bad_rate = 1}},
     .reference = {"0", "0", "2.5", "99.9", "0"}},
    {.name = "bursts on all pods",
     .pod_bursts_per_hour = 0.5,
     .reference = {".25", "1.9", "1.2", "35", "2.7"}},
    {.name = "shared incidents",
     .incidents = kSharedTwice,
     .reference = {"0", ".05", ".65", "100", "0"}},
    {.name = "shared in the 50 % step",
     .incidents = {{.begins = 3000, .lasts = 120, .bad_rate = 0.2}},
     .reference = {"0", ".05", "1.0", "100", "0"}},
    {.name = "diurnal",
     .bad_stable = 0.0015,
     .swing = Swing{.requests = 0.6, .bad = 0.6},
     .reference = {"0", "0", ".1", ".35", "0"}},
    {.name = "noisy stable",
     .incidents = {{.hits = Hits::kStable, .lasts = 30, .bad_rate = 0.05, .every = 600}},
     .reference = {"0", "0", "0", ".85", "0"}},
    {.name = "stable broken, equal",
     .bad_stable = 0.02,
     .reference = {"0", "100", ".25", "100", ".05"}},
    {.name = "shared incidents, 5 rps",
     .requests_per_second = 5,
     .incidents = kSharedTwice,
     .reference = {"15", "29", "", "", "0"}},
    {.name = "shared outages, 0.2 rps, 24 h",
     .requests_per_second = kRareRps,
     .hours = 24,
     .steps = kHalf,
     .incidents = {{.begins = 21'600, .lasts = 300, .bad_rate = 0.5},
                   {.begins = 64'800, .lasts = 300, .bad_rate = 0.5}},
     .reference = {"", "", "", "", "8.3"}},
    {.name = "latency healthy", .slowness = Slowness{}, .reference = {"0", "0", ".1", "0", "0"}},
    {.name = "latency, noisy pods",
     .slowness = kNoisyPods,
     .reference = {"0", "0", "2.2", "0", "0"}},
    {.name = "latency, slow wander",
     .slowness = Slowness{.pod_sd = 0.05, .pod_seconds = 600},
     .reference = {"0", "0", "20", "0", ".4"}},
    {.name = "latency, shared slow minute",
     .slowness = Slowness{.both = 4, .both_at = 1200, .pod_sd = 0.08}},
};

// References: seconds, median/p95; bad requests, median/p95.
const std::vector<Scenario> kFaulty = {
    {.name = "0.1 to 1 %",
     .bad_extra = 0.009,
     .reference =
         {"never; 1458", "840/1380; 19/55", "1200/1800; 54/117", "79 %; 9/1482", "545/960; 12/18"}},
    {.name = "0.1 to 5 %",
     .bad_extra = 0.049,
     .reference =
         {"480/840; 50/79", "360/420; 36/46", "600/600; 60/74", "60/60; 6/10", "70/120; 7/10"}},
    {.name = "0.1 to 50 %",
     .bad_extra = 0.499,
     .reference = {"240/240; 239/263",
                   "360/360; 359/389",
                   "600/600; 600/641",
                   "60/60; 60/72",
                   "30/30; 30/39"}},
    {.name = "5 %, 5 rps",
     .requests_per_second = 5,
     .bad_extra = 0.049,
     .reference = {"1020/1440; 4/7",
                   "1200/1620; 6/9",
                   "1800/2400; 10/40",
                   "275/960; 1/1",
                   "1070/1540; 5/7"}},
    {.name = "50 %, 5 rps",
     .requests_per_second = 5,
     .bad_extra = 0.499,
     .reference =
         {"300/420; 7/11", "420/540; 10/15", "600/1200; 21/71", "60/125; 1/4", "160/320; 4/5"}},
    {.name = "5 %, 0.2 rps, 24 h",
     .requests_per_second = kRareRps,
     .hours = 24,
     .steps = kHalf,
     .bad_extra = 0.049,
     .reference = {"840/1680; 4/6",
                   "1140/2040; 6/8",
                   "1200/3000; 8/12",
                   "145/605; 1/1",
                   "2015/4451; 11/16"}},
    {.name = "50 %, 0.2 rps, 24 h",
     .requests_per_second = kRareRps,
     .hours = 24,
     .steps = kHalf,
     .bad_extra = 0.499,
     .reference =
         {"240/300; 12/18", "360/420; 18/25", "600/600; 30/39", "60/60; 3/6", "100/190; 5/8"}},
    {.name = "slow burn",
     .ramp = Ramp{.begins = 600, .ends = 3000, .bad_rate = 0.02},
     .reference = {"never; 2462",
                   "1980/2220; 176/290",
                   "3000/3000; 1208/1322",
                   "2415/2600; 463/585",
                   "1420/1630; 31/39"}},
    {.name = "5 % from 40 min",
     .incidents = {{.hits = Hits::kCandidate, .begins = 2400, .lasts = kForever, .bad_rate = 0.05}},
     .turns_bad_at = 2400,
     .reference =
         {"480; 1650/3210", "360; 1085/1141", "1.6 %; 5291", "85; 252/265", "30; 115/133"}},
    {.name = "crash loop",
     .incidents = {{.hits = Hits::kCandidate, .lasts = 15, .bad_rate = 0.6, .every = 60}},
     .reference = {"240; 72/86", "360; 108/125", "600; 181/202", "60; 18/26", "80; 36/46"}},
    {.name = "5 %, clustered errors",
     .bad_extra = 0.049,
     .cluster_mean = 5,
     .reference = {"600/1140; 57/158",
                   "540/780; 45/71",
                   "1200/1800; 260/611",
                   "60/230; 7/18",
                   "340/720; 32/42"}},
    {.name = "5 % after a shared incident",
     .incidents = {{.hits = Hits::kCandidate, .begins = 660, .lasts = kForever, .bad_rate = 0.05},
                   {.begins = -300, .lasts = 60, .bad_rate = 0.2},
                   {.begins = 600, .lasts = 60, .bad_rate = 0.2},
                   {.begins = 2400, .lasts = 60, .bad_rate = 0.2}},
     .turns_bad_at = 660},
    {.name = "p95 +10 %",
     .slowness = Slowness{.candidate = 1.1},
     .reference = {"never; 2983", "never; 2983", "1200/1800; 112/249", "never", "990/1190; 55/95"}},
    {.name = "p95 +50 %",
     .slowness = Slowness{.candidate = 1.5},
     .reference =
         {"300/540; 42/58", "480/660; 60/78", "600/600; 76/90", "10 %; 9223", "70/100; 9/14"}},
    {.name = "p95 +50 %, noisy pods",
     .slowness = Slowness{.candidate = 1.5, .pod_sd = 0.08},
     .reference =
         {"300/600; 44/62", "480/720; 64/84", "600/600; 78/99", "24 %; 9368", "130/240; 16/26"}},
    {.name = "p95 +50 %, 5 rps",
     .requests_per_second = 5,
     .slowness = Slowness{.candidate = 1.5},
     .reference = {"960/1320; 4/7",
                   "1140/1500; 6/11",
                   "2400/3000; 63/142",
                   "93 %; 2/218",
                   "1220/1590; 8/14"}},
};

}  // namespace

const std::vector<Scenario>& healthy_scenarios() {
  return kHealthy;
}

const std::vector<Scenario>& faulty_scenarios() {
  return kFaulty;
}

}  // namespace sluice::bench
