// The token of an index: in its Secret, told to the scraper, and in the pods of revisions that are
// made from then on.

#include <algorithm>
#include <variant>

#include "base/base64.h"
#include "controllers/rag_index/render.h"
#include "controllers/rag_index/testing/trouble_for_test.h"

namespace sluice::rag_index {
namespace {

bool mounts_token(const Manifest& manifest) {
  const bool has_volume =
      manifest.body.find(R"({"name":"token","secret":{"secretName":"packages-token",)"
                         R"("defaultMode":288,"items":[{"key":"token","path":"token"}]}})") !=
      std::string::npos;
  const bool has_mount =
      manifest.body.find(R"({"name":"token","mountPath":"/etc/sluice","readOnly":true})") !=
      std::string::npos;
  EXPECT_EQ(has_volume, has_mount) << manifest.body;
  return has_volume;
}

bool has_token_now(const World& world, const std::string& revision) {
  return !world.deployments.at(revision).metadata.annotation(kTokenAnnotation).empty();
}

std::string token_in_secret(const World& world) {
  return base64_decode(world.secret->data.at("token")).value();
}

TEST_F(Trouble, TokenIsPutIntoTheSecretAndToldToTheScraper) {
  world.reconcile();
  ASSERT_TRUE(world.secret.has_value());
  EXPECT_EQ(world.secret->metadata.name, "packages-token");
  EXPECT_EQ(world.secret->metadata.owner_references.at(0).uid, "index-uid");
  EXPECT_EQ(world.secret->metadata.label(api::kComponentLabel), api::kComponentToken);
  EXPECT_EQ(token_in_secret(world), "key-index-uid");
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.plan.token, "key-index-uid");
  EXPECT_TRUE(has_token_now(world, world.status().stable_revision));
}

TEST_F(Trouble, ASecretThatIsTakenAwayComesBackWithTheSameToken) {
  ASSERT_TRUE(world.settle());
  const std::string before = token_in_secret(world);
  world.secret.reset();
  ASSERT_TRUE(world.settle());
  ASSERT_TRUE(world.secret.has_value());
  EXPECT_EQ(token_in_secret(world), before);
}

TEST_F(Trouble, AnotherKeyGivesAnotherTokenAndRestartsNoWorker) {
  ASSERT_TRUE(world.settle());
  const auto before = world.deployments;
  world.token_key = "other";
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(token_in_secret(world), "other-index-uid");
  EXPECT_EQ(world.plan.token, "other-index-uid");
  for (const auto& [name, deployment] : world.deployments) {
    EXPECT_EQ(deployment.metadata.annotations, before.at(name).metadata.annotations) << name;
  }
}

TEST_F(Trouble, TheSecretIsWrittenBeforeThePodsThatMountIt) {
  const Decision decision = decide(world.observe(), world.now);
  const auto is_token = [](const Action& action) {
    return std::holds_alternative<ApplyToken>(action);
  };
  const auto is_applied = [](const Action& action) {
    return std::holds_alternative<Apply>(action);
  };
  const auto token = std::ranges::find_if(decision.actions, is_token);
  ASSERT_NE(token, decision.actions.end());
  EXPECT_LT(token, std::ranges::find_if(decision.actions, is_applied));
}

TEST_F(Trouble, WorkersOfAnOlderOperatorKeepTheirTemplate) {
  ASSERT_TRUE(world.settle());
  const std::string stable = world.status().stable_revision;
  // As an operator that knew no token left it.
  kube::ObjectMeta& metadata = world.deployments.at(stable).metadata;
  metadata.annotations.erase(std::string(kTokenAnnotation));
  ASSERT_TRUE(world.settle());
  EXPECT_FALSE(has_token_now(world, stable));
  const kube::StringMap before = world.deployments.at(stable).metadata.annotations;
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.deployments.at(stable).metadata.annotations, before);
  split_bm25();
  EXPECT_TRUE(has_token_now(world, world.status().candidate->revision));
  EXPECT_FALSE(has_token_now(world, stable));
}

TEST_F(Trouble, ASuspendedIndexNeedsNoToken) {
  world.edit([](api::RagIndexSpec& spec) { spec.serving.replicas = 0; });
  ASSERT_TRUE(world.settle());
  EXPECT_FALSE(world.secret.has_value());
}

TEST(Render, TokenStandsInPodsThatAreToHaveIt) {
  const api::RagIndex index = World().index;
  WorkersWish workers{.revision = "packages-abc", .config = {.image = "sluice:v1"}};
  EXPECT_FALSE(mounts_token(render_workers(index, workers)));
  workers.has_token = true;
  EXPECT_TRUE(mounts_token(render_workers(index, workers)));
  EXPECT_TRUE(mounts_token(render_builder(index, {.name = "b", .has_token = true})));
  EXPECT_FALSE(mounts_token(render_builder(index, {.name = "b"})));
  EXPECT_TRUE(mounts_token(render_router(index, "sluice:v1", 1)));
  EXPECT_NE(render_token(index, "word")
                .body.find(R"("type":"sluice.dev/token","data":{"token":"d29yZA=="})"),
            std::string::npos);
}

}  // namespace
}  // namespace sluice::rag_index
