#pragma once
// Trouble: a world in which something goes wrong, for tests of decide(). Each test ends settled,
// and a settled world is quiet.

#include <gtest/gtest.h>

#include <string>

#include "controllers/rag_index/names.h"
#include "controllers/rag_index/testing/world.h"

namespace sluice::rag_index {

inline constexpr Share kTenPercent{1000};

inline void use_bm25(api::RagIndexSpec& spec) {
  spec.retrieval.mode = api::RetrievalMode::kBm25;
}

struct Trouble : testing::Test {
  World world;

  void TearDown() override {
    EXPECT_TRUE(world.settle());
    EXPECT_TRUE(world.is_quiet());
  }

  void fail_builds(const std::string& message) {
    world.build = [message](const kube::Pod&) { return BuildOutcome{.failure = message}; };
  }

  void heal_builds() {
    world.build = [](const kube::Pod&) {
      return BuildOutcome{.facts = facts_of(digest_of('d'), 0.7)};
    };
  }

  api::CanaryRollout& split_bm25() {
    EXPECT_TRUE(world.settle());
    api::CanaryRollout& rollout = world.add_rollout("packages");
    world.edit(use_bm25);
    EXPECT_TRUE(world.settle());
    world.take_up(rollout);
    rollout.status.phase = api::RolloutPhase::kProgressing;
    world.desire(rollout, api::TrafficMode::kSplit, kTenPercent);
    EXPECT_TRUE(world.settle());
    return rollout;
  }
};

}  // namespace sluice::rag_index
