#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "base/base64.h"
#include "base/rng.h"
#include "controllers/analysis/log_sum.h"
#include "controllers/analysis/rollout_analysis.h"
#include "controllers/analysis/state.h"

namespace sluice::analysis {
namespace {

// Two routers, twenty stable pods, an hour of 5 s blocks.
State typical(std::optional<LatencyObjective> latency = {}) {
  Settings settings;
  settings.errors = ErrorObjective{.max = 0.01, .worse_than_stable_by = 0.005};
  settings.latency = latency;
  settings.block_seconds = 5;
  settings.max_duration_seconds = 3600;
  State state = new_state(settings);
  EXPECT_EQ(plan_latency(settings, state, std::vector<std::int64_t>(95, 100)), latency.has_value());
  const std::size_t slow_values = latency ? kLatencyEdgesMax : 0;
  reset_step(state, 0.1);
  Rng rng(3);
  std::int64_t cumulative = 0;
  for (std::int64_t i = 0; i < 720; ++i) {
    Block block;
    block.index = i;
    block.candidate = {.n = 190, .bad = static_cast<std::int64_t>(rng.below(2))};
    for (int pod = 0; pod < 20; ++pod) {
      block.stable_pods.push_back({.pod = "packages-7-stable-" + std::to_string(pod),
                                   .n = 90,
                                   .bad = static_cast<std::int64_t>(rng.below(20) / 19),
                                   .slow = {31, 13, 4, static_cast<std::int64_t>(rng.below(2))}});
      block.stable.n += block.stable_pods.back().n;
      block.stable.bad += block.stable_pods.back().bad;
    }
    block.candidate_pods = 2;
    block.latency = LatencyTaken{.live = {.edges = {{{60, 620}, {25, 260}, {7, 80}, {0, 10}}}}};
    fold_evidence(settings, state, block);
    cumulative += 190;
    for (const char* router : {"packages-router-a", "packages-router-b"}) {
      std::vector<std::string> names;
      for (int series = 0; series < 4 + 20; ++series) {
        names.push_back("series-" + std::to_string(series));
      }
      std::vector<CounterReading> readings;
      for (const std::string& name : names) {
        readings.push_back(
            {.series = name, .values = std::vector<std::int64_t>(2 + slow_values, cumulative)});
      }
      EXPECT_TRUE(take_increments(state.counters, {router, "boot-1", readings}));
    }
  }
  return state;
}

TEST(AnalysisState, ComesBackBitForBit) {
  for (const State& state : {State{}, typical(), typical(LatencyObjective{.max_seconds = 0.3})}) {
    const std::string text = encode(state);
    const Result<State> back = decode(text);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, state);
    EXPECT_EQ(encode(*back), text);
  }
}

TEST(AnalysisState, KeepsExtremeValues) {
  State state;
  state.block_index = std::numeric_limits<std::int64_t>::max();
  state.blocks_invalid = std::numeric_limits<std::int64_t>::min();
  state.weight = 5e-324;
  state.phi = -0.0;
  state.relative = new_e_process(6);
  std::fill_n(state.relative.ln_start.begin(), 6, -std::numeric_limits<double>::max());
  const Result<State> back = decode(encode(state));
  ASSERT_TRUE(back);
  EXPECT_EQ(*back, state);
  EXPECT_TRUE(std::signbit(back->phi));
}

TEST(AnalysisState, FitsInFourKilobytes) {
  EXPECT_LE(encode(typical()).size(), 4096U);
}

TEST(AnalysisState, FitsInEightKilobytesWithALatencyObjective) {
  EXPECT_LE(encode(typical(LatencyObjective{.max_seconds = 0.3})).size(), 8192U);
}

TEST(AnalysisState, EveryTruncationIsRefused) {
  const std::string text = encode(typical());
  for (std::size_t size = 0; size < text.size(); ++size) {
    const Result<State> back = decode(std::string_view(text).substr(0, size));
    ASSERT_FALSE(back) << size;
    EXPECT_EQ(back.error().code, ErrorCode::kInvalid);
    EXPECT_EQ(back.error().message.find("stored analysis state: "), 0U);
  }
}

TEST(AnalysisState, EveryChangedCharacterIsRefused) {
  const std::string text = encode(typical());
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(decode(changed)) << i;
  }
}

// A correct checksum over nonsense: the reader itself must be safe.
TEST(AnalysisState, NonsenseWithARightChecksumNeverCrashes) {
  const Result<std::string> good =
      base64_decode(encode(typical(LatencyObjective{.max_seconds = 0.3})));
  ASSERT_TRUE(good);
  Rng rng(17);
  int accepted = 0;
  for (int run = 0; run < 20'000; ++run) {
    std::string bytes = good->substr(0, 1 + rng.below(good->size() - 4));
    for (std::uint64_t i = 0, changes = rng.below(6); i < changes; ++i) {
      bytes[1 + rng.below(bytes.size())] = static_cast<char>(rng.below(256));
    }
    const std::uint64_t hash = name_hash(bytes);
    const auto sum = static_cast<std::uint32_t>(hash ^ (hash >> 32));
    for (int i = 0; i < 4; ++i) {
      bytes += static_cast<char>(sum >> (8 * i));
    }
    const Result<State> back = decode(base64_encode(bytes));
    if (back) {
      ++accepted;
      EXPECT_EQ(encode(*back), base64_encode(bytes));
    }
  }
  EXPECT_LT(accepted, 20'000);
}

struct Refused {
  std::string text;
  const char* because;
};

TEST(AnalysisState, SaysWhyItRefuses) {
  std::string newer = *base64_decode(encode(State{}));
  newer[0] = 3;
  const std::vector<Refused> cases = {{"", "too short"},
                                      {"!!!!", "not base64"},
                                      {"Ag==", "too short"},
                                      {base64_encode(newer), "version 3 is not 2"},
                                      {std::string(70'000, 'A'), "are more than"}};
  for (const Refused& c : cases) {
    const Result<State> back = decode(c.text);
    ASSERT_FALSE(back) << c.because;
    EXPECT_NE(back.error().message.find(c.because), std::string::npos) << back.error().message;
  }
}

}  // namespace
}  // namespace sluice::analysis
