// Latency objectives: who is rolled back, who is promoted, and who waits.

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "base/rng.h"
#include "controllers/analysis/latency_buckets.h"
#include "controllers/analysis/latency_evidence.h"
#include "controllers/analysis/rollout_analysis.h"

namespace sluice::analysis {
namespace {

using Histogram = std::vector<std::int64_t>;

// errorRate {max: 1%, worseThanStableBy: 0.5%}, latency {max: 300ms, worseThanStableBy: 20%}.
Settings settings(std::optional<double> max_seconds = 0.3) {
  Settings result;
  result.errors = ErrorObjective{.max = 0.01, .worse_than_stable_by = 0.005};
  result.latency = LatencyObjective{.max_seconds = max_seconds};
  result.block_seconds = 5;
  result.max_duration_seconds = 3600;
  return result;
}

// Answers that take a lognormal time, median 80 ms, sigma 0.6: a p95 of 215 ms. By Box and Muller.
class Service {
 public:
  explicit Service(std::uint64_t seed) : rng_(seed) {}

  Histogram answers(std::int64_t n, double factor) {
    Histogram histogram(static_cast<std::size_t>(kLatencyBuckets));
    for (std::int64_t i = 0; i < n; ++i) {
      const double u = 1 - rng_.unit();
      const double v = rng_.unit();
      const double normal = std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
      const double seconds = 0.08 * factor * std::exp(0.6 * normal);
      ++histogram[static_cast<std::size_t>(buckets_around(seconds).above)];
    }
    return histogram;
  }

 private:
  Rng rng_;
};

struct Speeds {
  double candidate = 1;  // Times as long as stable usually takes.
  double stable = 1;
  std::int64_t candidate_n = 200;
  std::int64_t stable_n = 1800;
  std::int64_t pairs = 0;
};

class World {
 public:
  explicit World(Settings with, std::uint64_t seed = 1)
      : settings_(std::move(with)), service_(seed), state_(new_state(settings_)) {
    EXPECT_TRUE(plan_latency(settings_, state_, service_.answers(20'000, 1)));
    for (int i = 0; i < 60; ++i) {
      learn_stable(settings_, state_, next({.candidate_n = 0}));
    }
    reset_step(state_, 0.1);
  }

  State& state() { return state_; }

  const Settings& with() const { return settings_; }

  Block next(const Speeds& speeds) {
    Block block;
    block.index = state_.block_index + 1;
    block.candidate.n = speeds.candidate_n;
    block.candidate_pods = 2;
    block.pairs.n = speeds.pairs;
    LatencyTaken taken;
    scatter(candidate_readings(state_.latency,
                               *settings_.latency,
                               service_.answers(speeds.candidate_n, speeds.candidate),
                               taken.live));
    scatter(candidate_readings(state_.latency,
                               *settings_.latency,
                               service_.answers(speeds.pairs, speeds.candidate),
                               taken.pairs));
    scatter(stable_readings(
        state_.latency, service_.answers(speeds.pairs, speeds.stable), taken.pairs));
    for (const char* pod : {"a", "b", "c", "d"}) {
      LatencyCounts counts;
      const std::int64_t n = speeds.stable_n / 4;
      scatter(stable_readings(state_.latency, service_.answers(n, speeds.stable), counts));
      PodCounts& seen = block.stable_pods.emplace_back(PodCounts{.pod = pod, .n = n});
      for (std::size_t i = 0; i < seen.slow.size(); ++i) {
        seen.slow[i] = counts.edges[i].stable;
        taken.live.edges[i].stable += counts.edges[i].stable;
      }
      block.stable.n += n;
    }
    block.latency = taken;
    return block;
  }

  Assessment fold_next(const Speeds& speeds) { return fold(settings_, state_, next(speeds)); }

  // At most `blocks_max`, until it is decided.
  Assessment until_decided(const Speeds& speeds, int blocks_max) {
    Assessment seen;
    for (int i = 0; i < blocks_max; ++i) {
      seen = fold_next(speeds);
      if (seen.verdict == Verdict::kRollBack || seen.verdict == Verdict::kAdvance) {
        break;
      }
    }
    return seen;
  }

 private:
  static void scatter(const std::vector<SlowReading>& readings) {
    for (const SlowReading& reading : readings) {
      *reading.target += reading.value;
    }
  }

  Settings settings_;
  Service service_;
  State state_;
};

TEST(LatencyAnalysis, FixesItsEdgesWhereStableIsAndAtTheMax) {
  State state = new_state(settings());
  EXPECT_FALSE(plan_latency(settings(), state, Histogram{100, 99}));
  World planned(settings());
  const LatencyState& latency = planned.state().latency;
  ASSERT_EQ(latency.edges.size(), 4U);
  EXPECT_EQ(latency.limit, 3);
  EXPECT_EQ(latency.edges[3].bucket, buckets_around(0.3).above);
  EXPECT_EQ(latency.gate, 2);
  EXPECT_NEAR(latency_edge_seconds(latency.edges[2].bucket), 0.215, 0.02);
  EXPECT_NEAR(latency_edge_seconds(latency.edges[0].bucket), 0.08 * std::exp(0.6 * 0.385), 0.01);
  const LatencyState before = latency;
  EXPECT_FALSE(plan_latency(settings(), planned.state(), Histogram{1000, 1000}));
  EXPECT_EQ(planned.state().latency, before);
}

TEST(LatencyAnalysis, AnswersOfOneBucketGiveFewerEdges) {
  State state = new_state(settings());
  ASSERT_TRUE(plan_latency(settings(), state, Histogram{0, 0, 0, 1000}));
  EXPECT_LT(state.latency.edges.size(), 4U);
  EXPECT_EQ(decode(encode(state)).value(), state);
}

TEST(LatencyAnalysis, RollsBackACandidateThatIsHalfAsSlowAgain) {
  World world(settings());
  const Assessment seen = world.until_decided({.candidate = 1.5}, 100);
  EXPECT_EQ(seen.verdict, Verdict::kRollBack) << seen.message;
  EXPECT_EQ(seen.reason, Reason::kEvidence);
  EXPECT_TRUE(is_latency_test(seen.culprit)) << seen.culprit;
  EXPECT_GE(seen.blocks_used, 3);
  EXPECT_LE(seen.blocks_used, 30);
  EXPECT_GT(seen.latency->candidate.rate, seen.latency->stable.rate);
  EXPECT_GT(seen.latency->excess_interval.low, 0);
  EXPECT_GE(seen.latency_evidence.ln_e, seen.latency_evidence.threshold);
  EXPECT_LT(seen.errors_evidence.ln_e, 0);
}

TEST(LatencyAnalysis, SaysWhyInMillisecondsAndShares) {
  World world(settings());
  const Assessment seen = world.until_decided({.candidate = 4}, 100);
  ASSERT_EQ(seen.verdict, Verdict::kRollBack);
  const std::string& message = seen.message;
  EXPECT_EQ(message.find("Too slow: "), 0U) << message;
  EXPECT_NE(message.find("of the candidate's answers took longer than 316 ms, 5% allowed; stable"),
            std::string::npos)
      << message;
  EXPECT_NE(seen.one_line.find("RollBack Evidence: "), std::string::npos) << seen.one_line;
  const std::string& all = seen.latency->message;
  EXPECT_NE(all.find("The candidate's p95 is above"), std::string::npos) << all;
  EXPECT_NE(all.find("stable's between "), std::string::npos) << all;
  EXPECT_FALSE(seen.latency->candidate_quantile.at_most) << all;
}

TEST(LatencyAnalysis, NeverDecidesFromFewerThanThreeBlocks) {
  World world(settings());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(world.fold_next({.candidate = 50, .candidate_n = 5000}).verdict,
              Verdict::kKeepLooking);
  }
}

TEST(LatencyAnalysis, PromotesAnEqualAndASlightlySlowerCandidate) {
  for (const double factor : {1.0, 0.5, 1.05}) {
    World world(settings());
    const Assessment seen = world.until_decided({.candidate = factor}, 400);
    EXPECT_EQ(seen.verdict, Verdict::kAdvance) << factor << ": " << seen.message;
    EXPECT_TRUE(is_latency_shown(*seen.latency));
    EXPECT_TRUE(seen.noninferiority->shown);
  }
}

TEST(LatencyAnalysis, NeitherPromotesNorBlamesBeforeTheEdgesAreFixed) {
  const Settings with = settings();
  State state = new_state(with);
  reset_step(state, 0.1);
  Assessment seen;
  for (std::int64_t i = 0; i < 100; ++i) {
    Block block;
    block.index = i;
    block.candidate = {.n = 200};
    block.stable = {.n = 1800};
    seen = fold(with, state, block);
  }
  EXPECT_EQ(seen.verdict, Verdict::kKeepLooking);
  EXPECT_TRUE(seen.noninferiority->shown);
  EXPECT_FALSE(seen.latency->is_planned);
  EXPECT_NE(seen.message.find("wait until stable has answered"), std::string::npos);
}

TEST(LatencyAnalysis, ASmallSampleWaits) {
  World world(settings());
  for (int i = 0; i < 20; ++i) {
    const Assessment seen = world.fold_next({.candidate = 1.3, .candidate_n = 2, .stable_n = 20});
    ASSERT_EQ(seen.verdict, Verdict::kKeepLooking) << seen.message;
  }
}

// Both are slow for a while: nobody is blamed, and nobody promoted.
TEST(LatencyAnalysis, SharedSlownessIsNotLaidAtTheCandidatesDoor) {
  World world(settings());
  for (int i = 0; i < 200; ++i) {  // Long after the raise of the weight.
    world.fold_next({});
  }
  bool has_held = false;
  for (int i = 0; i < 60; ++i) {
    const Assessment seen = world.fold_next({.candidate = 4, .stable = 4});
    ASSERT_NE(seen.verdict, Verdict::kRollBack) << seen.message;
    has_held = has_held || seen.reason == Reason::kStableInBreach;
  }
  EXPECT_TRUE(has_held);
  EXPECT_TRUE(is_masked(world.state().latency.mask));
  const Assessment after = world.until_decided({}, 400);
  EXPECT_EQ(after.verdict, Verdict::kAdvance) << after.message;
}

TEST(LatencyAnalysis, StableThatWasTooSlowBeforeIsNotBeatenByTheMaxButByStableItself) {
  World world(settings(0.1));
  for (int i = 0; i < 60; ++i) {
    learn_stable(world.with(), world.state(), world.next({.candidate_n = 0}));
  }
  const Assessment equal = world.until_decided({}, 100);
  EXPECT_EQ(equal.reason, Reason::kStableInBreach) << equal.message;
  const Assessment slower = world.until_decided({.candidate = 2}, 100);
  EXPECT_EQ(slower.verdict, Verdict::kRollBack) << slower.message;
  EXPECT_EQ(slower.culprit, kLatencyVsStable);
}

TEST(LatencyAnalysis, WithoutAMaxStableAloneIsTheMeasure) {
  World world(settings(std::nullopt));
  EXPECT_EQ(world.state().latency.limit, world.state().latency.gate);
  const Assessment equal = world.until_decided({}, 400);
  EXPECT_EQ(equal.verdict, Verdict::kAdvance) << equal.message;
  World other(settings(std::nullopt));
  const Assessment slow = other.until_decided({.candidate = 2}, 100);
  EXPECT_EQ(slow.verdict, Verdict::kRollBack) << slow.message;
  EXPECT_EQ(slow.culprit, kLatencyVsStable);
  EXPECT_EQ(slow.message.find("allowed"), std::string::npos) << slow.message;
  EXPECT_NE(slow.message.find("% of stable's longer than "), std::string::npos) << slow.message;
  EXPECT_NE(slow.one_line.find(" ms vs "), std::string::npos) << slow.one_line;
  EXPECT_GT(slow.latency->contrast.candidate, slow.latency->contrast.stable);
}

// The max lies inside a bucket. A candidate whose answers all lie in that very bucket is neither
// surely above it, so no rollback, nor surely below, so no promotion.
TEST(LatencyAnalysis, WhatABucketCannotTellIsNeitherForNorAgainst) {
  Settings with = settings();
  with.latency->worse_than_stable_by = 1;
  State state = new_state(with);
  Histogram stable(static_cast<std::size_t>(kLatencyBuckets));
  stable[90] = 1000;
  ASSERT_TRUE(plan_latency(with, state, stable));
  reset_step(state, 0.1);
  Histogram candidate(static_cast<std::size_t>(kLatencyBuckets));
  candidate[93] = 200;  // Above 290 ms, at most 316 ms: the max is 300 ms.
  Assessment seen;
  for (std::int64_t i = 0; i < 100; ++i) {
    Block block;
    block.index = i;
    block.candidate = {.n = 200};
    block.stable = {.n = 1000};
    LatencyTaken taken;
    for (const SlowReading& reading :
         candidate_readings(state.latency, *with.latency, candidate, taken.live)) {
      *reading.target = reading.value;
    }
    for (const SlowReading& reading : stable_readings(state.latency, stable, taken.live)) {
      *reading.target = reading.value;
    }
    EXPECT_EQ(taken.live.limit, 0);
    EXPECT_EQ(taken.live.possibly, 200);
    block.latency = taken;
    seen = fold(with, state, block);
    ASSERT_EQ(seen.verdict, Verdict::kKeepLooking) << seen.message;
  }
  EXPECT_TRUE(seen.latency->vs_stable.shown);
  EXPECT_FALSE(seen.latency->vs_objective->shown);
}

TEST(LatencyAnalysis, PairsOfQuarantineAreEvidenceToo) {
  World world(settings());
  Assessment seen;
  for (int i = 0; i < 100 && seen.verdict != Verdict::kRollBack; ++i) {
    seen = world.fold_next({.candidate = 3, .candidate_n = 0, .pairs = 200});
  }
  EXPECT_EQ(seen.reason, Reason::kEvidence) << seen.message;
  EXPECT_TRUE(is_latency_test(seen.culprit));
}

TEST(LatencyAnalysis, AChangeOfWeightBeginsTheProofAnewAndKeepsTheEvidence) {
  World world(settings());
  world.fold_next({.candidate = 1.3});
  const LatencyState before = world.state().latency;
  reset_step(world.state(), 0.5);
  const LatencyState& after = world.state().latency;
  EXPECT_EQ(after.gate_proof, NonInferiority{});
  EXPECT_EQ(after.totals, LatencyCounts{});
  EXPECT_EQ(after.edges, before.edges);
  EXPECT_EQ(after.absolute, before.absolute);
}

TEST(LatencyAnalysis, ImpossibleCountsAreABlockThatDoesNotCount) {
  World world(settings());
  for (const int which : {0, 1, 2, 3}) {
    Block block = world.next({});
    LatencyCounts& live = block.latency->live;
    (which == 0   ? live.gate
     : which == 1 ? live.edges[0].stable
     : which == 2 ? live.possibly
                  : block.stable_pods[0].slow[0]) = which == 2 ? -1 : 1'000'000;
    const LatencyState before = world.state().latency;
    EXPECT_EQ(fold_evidence(world.with(), world.state(), block), Folded::kInvalid) << which;
    EXPECT_EQ(world.state().latency, before);
  }
}

TEST(LatencyAnalysis, TheStateComesBackAndGoesOnBitForBit) {
  World world(settings());
  State restarted = world.state();
  for (int i = 0; i < 40; ++i) {
    const Block block = world.next({.candidate = 1.2});
    const Assessment straight = fold(world.with(), world.state(), block);
    const Result<State> decoded = decode(encode(restarted));
    ASSERT_TRUE(decoded) << decoded.error().message;
    restarted = *decoded;
    const Assessment again = fold(world.with(), restarted, block);
    ASSERT_EQ(world.state(), restarted);
    ASSERT_EQ(straight.message, again.message);
    ASSERT_EQ(straight.ln_e_family, again.ln_e_family);
  }
}

// Pods that wander slow their answers in clumps: dispersion is learned from them.
TEST(LatencyAnalysis, DispersionIsLearnedAtEachEdge) {
  World world(settings());
  for (std::int64_t i = 0; i < 200; ++i) {
    Block block = world.next({.candidate_n = 0});
    // One pod is slow at a time.
    PodCounts& slow = block.stable_pods[static_cast<std::size_t>(i % 4)];
    const std::int64_t more = slow.n / 5;
    slow.slow[2] += more;
    block.latency->live.edges[2].stable += more;
    learn_stable(world.with(), world.state(), block);
  }
  const auto& edges = world.state().latency.edges;
  EXPECT_GT(scale_phi(edges[2].dispersion)[0], 3);
  EXPECT_LT(scale_phi(edges[0].dispersion)[0], 2);
}

}  // namespace
}  // namespace sluice::analysis
