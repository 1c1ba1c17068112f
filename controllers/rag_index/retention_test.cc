// What is kept beside the workers, on a pod or on a volume, and what becomes of it.

#include <algorithm>

#include "controllers/rag_index/testing/trouble_for_test.h"

namespace sluice::rag_index {
namespace {

constexpr const char* kClaim = "packages-artifacts";

struct Retention : Trouble {
  int builds = 0;

  void SetUp() override {
    // Each config's index has a digest of its own.
    world.build = [this](const kube::Pod& builder) {
      ++builds;
      api::RevisionFacts facts = facts_of(digest_of('d'), 0.7);
      facts.index_digest = short_hash(world.pod_bodies.at(builder.metadata.name));
      return BuildOutcome{.facts = facts};
    };
    world.edit([](api::RagIndexSpec& spec) { spec.changeover = api::Changeover::kDirect; });
  }

  // The config of this number is asked for, and becomes stable; its revision.
  std::string promote(int number) {
    world.edit([number](api::RagIndexSpec& spec) { spec.retrieval.top_k = 10 + number; });
    EXPECT_TRUE(world.settle());
    pass(std::chrono::minutes(1));
    EXPECT_EQ(world.ready_reason(), "Serving");
    return world.status().stable_revision;
  }

  void pass(Duration time) {
    world.advance(time);
    EXPECT_TRUE(world.settle());
  }

  void use_volume() {
    world.edit([](api::RagIndexSpec& spec) {
      spec.artifacts =
          api::ArtifactOptions{.type = api::ArtifactStorage::kPersistentVolumeClaim,
                               .persistent_volume_claim = api::VolumeClaim{.claim_name = kClaim}};
    });
    EXPECT_TRUE(world.settle());
  }

  void retain(std::int32_t count) {
    if (world.rollouts.empty()) {
      world.add_rollout("packages");
    }
    world.rollouts.front().spec.rollback.retain_revisions = count;
    EXPECT_TRUE(world.settle());
  }

  void scale(std::int32_t replicas) {
    world.edit([replicas](api::RagIndexSpec& spec) { spec.serving.replicas = replicas; });
    EXPECT_TRUE(world.settle());
  }

  // All pods of the index at once.
  void lose_all_pods() {
    world.pods.clear();
    world.reports.clear();
    world.disks.clear();
  }

  [[nodiscard]] std::vector<std::string> asked() const {
    std::vector<std::string> all;
    for (const auto& [name, deployment] : world.deployments) {
      if (deployment.metadata.label(api::kComponentLabel) == api::kComponentHolder) {
        all.emplace_back(deployment.metadata.annotation(kHoldsAnnotation));
      }
    }
    return all;
  }

  [[nodiscard]] bool has_event(std::string_view reason) const {
    return std::ranges::find(world.events, reason, &Announce::reason) != world.events.end();
  }

  [[nodiscard]] bool is_lost(const std::string& revision) const {
    return !world.revisions.at(revision).metadata.annotation(kLostAtAnnotation).empty();
  }
};

using Asked = std::vector<std::string>;

TEST_F(Retention, HoldsAsManyPromotedRevisionsAsThePolicyKeeps) {
  const std::string first = promote(0);
  EXPECT_EQ(asked(), Asked{}) << "nothing is before it: no pod";
  const std::string second = promote(1);
  EXPECT_EQ(asked(), Asked{first});
  EXPECT_FALSE(world.deployments.contains(first)) << "its workers are gone";
  const std::string third = promote(2);
  EXPECT_EQ(asked(), Asked{second + " " + first});
  const std::string fourth = promote(3);
  EXPECT_EQ(asked(), Asked{third + " " + second});
  EXPECT_EQ(world.disks.size(), 3U) << "one pod after the other, each filled from the last";
  retain(1);
  EXPECT_EQ(asked(), Asked{third});
  retain(0);
  EXPECT_EQ(asked(), Asked{});
  EXPECT_EQ(world.names(kube::kServiceKind), (Asked{"packages", fourth, fourth + "-build"}));
}

TEST_F(Retention, GoesBackToAKeptRevisionWithoutABuild) {
  const std::string first = promote(0);
  const std::string second = promote(1);
  fail_builds("the source is gone");
  const auto builders = world.pod_bodies.size();
  EXPECT_EQ(promote(0), first);
  EXPECT_EQ(world.pod_bodies.size(), builders) << "no builder";
  EXPECT_EQ(asked(), Asked{second}) << "and the way forward again is kept";
  EXPECT_EQ(promote(1), second);
  EXPECT_EQ(world.pod_bodies.size(), builders);
}

TEST_F(Retention, AHolderThatSaysNothingIsNotWaitedForAnyLonger) {
  const std::string first = promote(0);
  promote(1);
  world.do_holders_answer = false;
  world.reports.clear();
  const int before = builds;
  world.edit([](api::RagIndexSpec& spec) { spec.retrieval.top_k = 10; });
  ASSERT_TRUE(world.settle());
  pass(std::chrono::minutes(2));
  EXPECT_EQ(builds, before);
  pass(std::chrono::minutes(2));
  EXPECT_EQ(builds, before + 1);
  pass(std::chrono::minutes(1));
  EXPECT_EQ(world.status().stable_revision, first);
}

TEST_F(Retention, CountsFromTheRevisionThatUsersHadLast) {
  const std::string first = promote(0);
  const std::string second = promote(1);
  const std::string third = promote(2);
  EXPECT_EQ(promote(0), first);
  EXPECT_EQ(asked(), Asked{third + " " + second});
  promote(3);
  EXPECT_EQ(asked(), Asked{first + " " + third}) << "not by when it was made";
}

TEST_F(Retention, WorkersStayUntilTheHolderHasWhatTheyHave) {
  const std::string first = promote(0);
  world.do_holders_start = false;
  promote(1);
  pass(std::chrono::minutes(2));
  EXPECT_EQ(asked(), Asked{first});
  EXPECT_TRUE(world.deployments.contains(first)) << "the drain is over, nobody else has it";
  pass(std::chrono::minutes(4));
  EXPECT_FALSE(world.deployments.contains(first)) << "not for ever";
  EXPECT_EQ(world.ready_reason(), "Serving");
}

TEST_F(Retention, DropsWhatItsHolderLostWithAnEventAndAsksNoMore) {
  const std::string first = promote(0);
  promote(1);
  world.events.clear();
  std::erase_if(world.pods, [](const auto& entry) {
    return entry.second.metadata.label(api::kComponentLabel) == api::kComponentHolder;
  });
  ASSERT_TRUE(world.settle());
  EXPECT_TRUE(has_event("RetainedLost"));
  EXPECT_TRUE(is_lost(first));
  EXPECT_EQ(asked(), Asked{});
  EXPECT_EQ(world.ready_reason(), "Serving") << "stable has nothing to do with it";
  const std::size_t written = world.statuses.size();
  pass(std::chrono::hours(1));
  EXPECT_EQ(world.statuses.size(), written);
  const int before = builds;
  EXPECT_EQ(promote(0), first);
  EXPECT_EQ(builds, before + 1) << "as any other that is held nowhere";
  EXPECT_FALSE(is_lost(first)) << "workers have it";
}

TEST_F(Retention, ASuspendedIndexIsHeldAndServesAgainWithoutItsSource) {
  const std::string first = promote(0);
  scale(0);
  EXPECT_EQ(world.replicas(first), 0);
  EXPECT_EQ(asked(), Asked{first});
  pass(std::chrono::hours(24));
  fail_builds("the source is gone");
  scale(2);
  EXPECT_EQ(world.ready_reason(), "Serving");
  EXPECT_EQ(asked(), Asked{}) << "its workers have it again";
}

TEST_F(Retention, ASuspendedIndexThatKeepsNothingHasNoPod) {
  retain(0);
  promote(0);
  scale(0);
  EXPECT_EQ(asked(), Asked{});
  EXPECT_TRUE(world.pods.empty());
}

TEST_F(Retention, OneSuspendedByAnEarlierReleaseIsLeftAlone) {
  retain(0);
  const std::string first = promote(0);
  scale(0);
  retain(2);
  EXPECT_EQ(asked(), Asked{}) << "nobody has it: there is nothing to hold";
  EXPECT_EQ(world.replicas(first), 0);
}

TEST_F(Retention, AVolumeKeepsStableAndNeitherRestartsNorRebuildsAnything) {
  const std::string first = promote(0);
  EXPECT_EQ(world.condition("ArtifactDurable").reason, "Ephemeral");
  const std::string workers = world.deployment_bodies.at(first);
  const int before = builds;
  use_volume();
  EXPECT_EQ(world.condition("ArtifactDurable").status, kube::ConditionStatus::kTrue);
  EXPECT_EQ(world.condition("ArtifactDurable").reason, "Kept");
  EXPECT_EQ(builds, before);
  EXPECT_EQ(world.deployment_bodies.at(first), workers);
  EXPECT_EQ(world.status().stable_revision, first);
  EXPECT_EQ(world.volumes.at(kClaim), std::set<std::string>{first});
}

TEST_F(Retention, AllPodsLostAndTheSourceGoneItServesAgainFromTheVolume) {
  use_volume();
  const std::string first = promote(0);
  const std::string second = promote(1);
  fail_builds("the source is gone");
  lose_all_pods();
  const auto builders = world.pod_bodies.size();
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "Serving");
  EXPECT_EQ(world.status().stable_revision, second);
  EXPECT_EQ(world.pod_bodies.size(), builders) << "no builder";
  EXPECT_EQ(world.condition("ArtifactDurable").reason, "Kept");
  EXPECT_EQ(promote(0), first) << "and what is before it is there as well";
  EXPECT_EQ(world.pod_bodies.size(), builders);
}

TEST_F(Retention, AVolumeThatCannotBeMountedIsToldAndDisturbsNobody) {
  promote(0);
  world.do_holders_start = false;
  use_volume();
  EXPECT_EQ(world.condition("ArtifactDurable").reason, "Keeping");
  pass(std::chrono::minutes(6));
  EXPECT_EQ(world.condition("ArtifactDurable").reason, "NotKept");
  EXPECT_EQ(world.ready_reason(), "Serving");
  world.do_holders_start = true;
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.condition("ArtifactDurable").reason, "Kept");
}

TEST_F(Retention, AFullVolumeIsToldAndTriedAgain) {
  const std::string first = promote(0);
  promote(1);
  world.is_volume_full = true;
  use_volume();
  const kube::Condition full = world.condition("ArtifactDurable");
  EXPECT_EQ(full.status, kube::ConditionStatus::kFalse);
  EXPECT_EQ(full.reason, "NotKept");
  EXPECT_NE(full.message.find("holds some"), std::string::npos) << "the holder's own words";
  EXPECT_FALSE(is_lost(first)) << "it may have room some day";
  world.is_volume_full = false;
  pass(std::chrono::minutes(6));
  EXPECT_EQ(world.condition("ArtifactDurable").reason, "Kept");
}

TEST_F(Retention, AnotherPlaceTakesOverWhatTheOldOneHolds) {
  const std::string first = promote(0);
  const std::string second = promote(1);
  use_volume();
  EXPECT_EQ(asked(), Asked{second + " " + first}) << "one holder";
  EXPECT_EQ(world.volumes.at(kClaim), (std::set<std::string>{first, second}));
  EXPECT_FALSE(is_lost(first));
  world.edit([](api::RagIndexSpec& spec) { spec.artifacts.reset(); });
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(asked(), Asked{first});
  EXPECT_FALSE(is_lost(first));
  EXPECT_EQ(world.condition("ArtifactDurable").reason, "Ephemeral");
}

// A new process of the operator has no reports yet.
TEST_F(Retention, ARestartOfTheOperatorWritesNothing) {
  use_volume();
  promote(0);
  promote(1);
  const auto reports = world.reports;
  world.reports.clear();
  EXPECT_TRUE(world.is_quiet());
  world.reports = reports;
  EXPECT_TRUE(world.is_quiet());
}

TEST_F(Retention, AKeptRevisionIsHeldWhileItIsWantedAgainAndWhenThatEnds) {
  const std::string first = promote(0);
  const std::string second = promote(1);
  world.can_start = [first](const std::string& revision) { return revision != first; };
  world.edit([](api::RagIndexSpec& spec) { spec.retrieval.top_k = 10; });
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.status().candidate->revision, first);
  EXPECT_EQ(asked(), Asked{first});
  EXPECT_EQ(promote(1), second);
  EXPECT_EQ(asked(), Asked{first}) << "users had it once: it is still kept";
}

TEST_F(Retention, DocumentsThatAnotherRevisionHasMendAStableThatWasLost) {
  promote(0);
  promote(1);
  std::erase_if(world.pods, [](const auto& entry) {
    return entry.second.metadata.label(api::kComponentLabel) == api::kComponentWorker;
  });
  world.reconcile();
  const auto rebuild = world.pod_bodies.find(rebuilder_name(world.status().stable_revision));
  ASSERT_NE(rebuild, world.pod_bodies.end());
  EXPECT_NE(rebuild->second.find(R"("--documents-from","http://packages-holder:8080")"),
            std::string::npos)
      << rebuild->second;
  world.build = [this](const kube::Pod&) { return BuildOutcome{.facts = *world.status().stable}; };
}

TEST_F(Retention, WhatIsLostStaysLostWhileItIsBuiltAgain) {
  const std::string first = promote(0);
  fail_builds("the source's bytes have another sha256 now");
  lose_all_pods();
  ASSERT_TRUE(world.settle());
  ASSERT_EQ(world.ready_reason(), "Lost");
  world.advance(std::chrono::minutes(6));
  world.do_builders_run = false;
  world.reconcile();
  world.reconcile();
  EXPECT_TRUE(world.pods.contains(rebuilder_name(first))) << "another try";
  EXPECT_EQ(world.ready_reason(), "Lost");
  EXPECT_EQ(world.condition("Lost").status, kube::ConditionStatus::kTrue);
  world.do_builders_run = true;
  world.build = [this](const kube::Pod&) { return BuildOutcome{.facts = *world.status().stable}; };
  pass(std::chrono::minutes(6));
  EXPECT_EQ(world.ready_reason(), "Serving");
  EXPECT_EQ(world.condition("Lost").reason, "Held");
}

}  // namespace
}  // namespace sluice::rag_index
