// The token of an index: made once, told to the scraper, and in the pods of revisions that are made
// from then on.

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

TEST_F(Trouble, TokenIsMadeOnceAndToldToTheScraper) {
  world.reconcile();
  ASSERT_TRUE(world.secret.has_value());
  EXPECT_EQ(world.secret->metadata.name, "packages-token");
  EXPECT_EQ(world.secret->metadata.owner_references.at(0).uid, "index-uid");
  EXPECT_EQ(world.secret->metadata.label(api::kComponentLabel), api::kComponentToken);
  const std::string token = base64_decode(world.secret->data.at("token")).value();
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(base64_decode(world.secret->data.at("token")).value(), token);
  EXPECT_EQ(world.plan.token, token);
  EXPECT_TRUE(has_token_now(world, world.status().stable_revision));
}

TEST_F(Trouble, ATokenThatIsTakenAwayIsReplaced) {
  ASSERT_TRUE(world.settle());
  const std::string before = world.plan.token;
  world.secret.reset();
  ASSERT_TRUE(world.settle());
  EXPECT_FALSE(world.plan.token.empty());
  EXPECT_NE(world.plan.token, before);
}

TEST_F(Trouble, ATokenOfAnotherIndexOrOneThatNoHeaderCanCarryIsNone) {
  ASSERT_TRUE(world.settle());
  Observation seen = world.observe();
  kube::Secret secret = *world.secret;
  for (const char* text : {"two words", "line\nbreak", "\x80"}) {
    secret.data["token"] = base64_encode(text);
    seen.token.clear();
    add_token(seen, secret);
    EXPECT_EQ(seen.token, "") << text;
  }
  secret = *world.secret;
  secret.metadata.owner_references.at(0).uid = "made-again";
  add_token(seen, secret);
  EXPECT_EQ(seen.token, "");
  add_token(seen, *world.secret);
  EXPECT_NE(seen.token, "");
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
  EXPECT_NE(render_token(index, "word").body.find(R"("type":"Opaque","data":{"token":"d29yZA=="})"),
            std::string::npos);
}

}  // namespace
}  // namespace sluice::rag_index
