// An index whose words come from a ModelVersion: what a changed, missing or rejected model does to
// it.

#include <gtest/gtest.h>

#include "base/describe.h"
#include "controllers/rag_index/render.h"
#include "controllers/rag_index/testing/world.h"

namespace sluice::rag_index {
namespace {

void use_model(api::RagIndexSpec& spec) {
  spec.retrieval.analyzer = api::AnalyzerOptions{.model_version_ref = {.name = "words"}};
}

struct ModelStory : testing::Test {
  World world;

  // Every story ends settled, and a settled world is quiet.
  void TearDown() override {
    EXPECT_TRUE(world.settle());
    EXPECT_TRUE(world.is_quiet());
  }

  void serve_with(const std::string& stop_word) {
    world.resolve_model("words", stop_word);
    world.edit(use_model);
    ASSERT_TRUE(world.settle());
    ASSERT_EQ(world.ready_reason(), "Serving");
  }

  [[nodiscard]] api::RevisionRecord record_of(const std::string& revision) const {
    return from_json<api::RevisionRecord>(world.revisions.at(revision).data.text).value();
  }

  void lose_all_holders() {
    for (auto& [name, deployment] : world.deployments) {
      std::erase_if(world.pods, [&](const auto& each) {
        return each.second.metadata.label("owner") == name &&
               each.second.metadata.label(api::kComponentLabel) == api::kComponentWorker;
      });
    }
  }
};

TEST_F(ModelStory, DigestAndWordsArePartOfTheRevision) {
  serve_with("a");
  const std::string stable = world.status().stable_revision;
  EXPECT_EQ(record_of(stable).config.analyzer_digest, digest_of('a'));
  EXPECT_EQ(record_of(stable).analyzer->model_version, "words");
  EXPECT_EQ(record_of(stable).analyzer->words, world.model->spec.source.words);
  EXPECT_FALSE(record_of(stable).config.retrieval.analyzer) << "the name is no identity";
  EXPECT_EQ(world.status().stable->analyzer_digest, digest_of('a'));
  EXPECT_EQ(world.condition("ModelMissing").status, kube::ConditionStatus::kFalse);
  const std::string& body = world.pod_bodies.begin()->second;
  EXPECT_NE(body.find(R"("--analyzer-json","{\"stopWords\":[\"a\"],\"synonyms\":[]}")"),
            std::string::npos)
      << body;
}

TEST_F(ModelStory, AnIndexWithoutModelSaysNothingOfModels) {
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(kube::find_condition(world.status().conditions, "ModelMissing"), nullptr);
  const std::string stable = world.status().stable_revision;
  EXPECT_EQ(world.revisions.at(stable).data.text.find("nalyzer"), std::string::npos);
  EXPECT_EQ(world.revisions.at(stable).metadata.annotation(api::kFactsAnnotation).find("nalyzer"),
            std::string::npos);
}

TEST_F(ModelStory, ChangedWordsAreACandidateThatIsJudged) {
  serve_with("a");
  const std::string stable = world.status().stable_revision;
  world.add_rollout("packages");
  world.resolve_model("words", "b");
  ASSERT_TRUE(world.settle());
  ASSERT_TRUE(world.status().candidate.has_value());
  EXPECT_EQ(world.status().candidate->analyzer->digest, digest_of('b'));
  EXPECT_EQ(world.status().stable_revision, stable);
  EXPECT_EQ(world.ready_reason(), "RolloutInProgress");
  world.resolve_model("words", "a");
  ASSERT_TRUE(world.settle());
  EXPECT_FALSE(world.status().candidate.has_value()) << "the words are stable's again";
  EXPECT_EQ(world.ready_reason(), "Serving");
}

TEST_F(ModelStory, AnotherNameForTheSameBytesIsNoNewRevision) {
  serve_with("a");
  const std::string stable = world.status().stable_revision;
  world.resolve_model("others", "a");
  world.edit(
      [](api::RagIndexSpec& spec) { spec.retrieval.analyzer->model_version_ref.name = "others"; });
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.status().stable_revision, stable);
  EXPECT_EQ(world.ready_reason(), "Serving");
}

TEST_F(ModelStory, DeletedModelBlocksNewBuildsAndNothingElse) {
  serve_with("a");
  world.add_rollout("packages");
  const auto deployments = world.deployments.size();
  world.model.reset();
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "Serving");
  EXPECT_EQ(world.condition("ModelMissing").reason, "NotFound");
  EXPECT_EQ(world.deployments.size(), deployments);
  world.edit([](api::RagIndexSpec& spec) { spec.retrieval.mode = api::RetrievalMode::kBm25; });
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "ModelMissing");
  EXPECT_EQ(world.condition("Stalled").status, kube::ConditionStatus::kTrue);
  EXPECT_EQ(world.condition("Available").status, kube::ConditionStatus::kTrue);
  EXPECT_FALSE(world.status().candidate.has_value());
  world.resolve_model("words", "a");
  ASSERT_TRUE(world.settle());
  EXPECT_TRUE(world.status().candidate.has_value());
  EXPECT_EQ(world.condition("ModelMissing").status, kube::ConditionStatus::kFalse);
}

TEST_F(ModelStory, CandidateGoesOnWhenItsModelIsDeleted) {
  serve_with("a");
  world.add_rollout("packages");
  world.resolve_model("words", "b");
  ASSERT_TRUE(world.settle());
  const std::string candidate = world.status().candidate->revision;
  world.model.reset();
  ASSERT_TRUE(world.settle());
  ASSERT_TRUE(world.status().candidate.has_value());
  EXPECT_EQ(world.status().candidate->revision, candidate);
  EXPECT_EQ(world.status().candidate->phase, api::CandidatePhase::kReady);
}

TEST_F(ModelStory, LostArtefactsAreBuiltAgainFromTheKeptWords) {
  serve_with("a");
  world.model.reset();
  lose_all_holders();
  world.reconcile();
  ASSERT_NE(world.builder(), nullptr);
  EXPECT_NE(world.pod_bodies.at(world.builder()->metadata.name).find("--analyzer-json"),
            std::string::npos);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "Serving");
}

TEST_F(ModelStory, WaitsForAModelThatIsNotThereOrNotResolved) {
  world.edit(use_model);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "ModelMissing");
  EXPECT_EQ(world.builder(), nullptr);
  world.resolve_model("words", "a");
  world.model->status.observed_generation = 0;
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.condition("ModelMissing").reason, "NotResolved");
  EXPECT_EQ(world.condition("Stalled").status, kube::ConditionStatus::kFalse);
  world.model->status.observed_generation = world.model->metadata.generation;
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "Serving");
}

TEST_F(ModelStory, AnIndexThatBeginsToNameAMissingModelDoesNotServeWhatIsAskedFor) {
  ASSERT_TRUE(world.settle());
  const std::string stable = world.status().stable_revision;
  world.edit(use_model);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "ModelMissing");
  EXPECT_EQ(world.condition("Available").status, kube::ConditionStatus::kTrue);
  EXPECT_EQ(world.status().stable_revision, stable);
  EXPECT_FALSE(world.status().candidate.has_value());
}

TEST_F(ModelStory, RejectedModelIsNotBuiltWith) {
  world.resolve_model("words", "a");
  world.model->status.phase = api::ModelPhase::kRejected;
  kube::set_condition(world.model->status.conditions,
                      {.type = "Ready",
                       .status = kube::ConditionStatus::kFalse,
                       .reason = "InvalidWords",
                       .message = "stopWords[0] is wrong"});
  world.edit(use_model);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "ModelMissing");
  EXPECT_NE(world.condition("Ready").message.find("stopWords[0] is wrong"), std::string::npos);
  EXPECT_EQ(world.builder(), nullptr);
}

TEST_F(ModelStory, OnlyAGatesIndexTriesAModelThatHasNotPassedIt) {
  world.resolve_model("words", "a");
  world.model->status.phase = api::ModelPhase::kVerifying;
  world.model->spec.gates = {{.min = 0.8, .index_ref = {.name = "another"}}};
  world.edit(use_model);
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.condition("ModelMissing").reason, "AwaitingGate");
  world.model->spec.gates[0].index_ref.name = "packages";
  ASSERT_TRUE(world.settle());
  // It measures 0.7: a build below the gate fails, and its workers never start.
  EXPECT_EQ(world.ready_reason(), "BelowFloor");
  EXPECT_NE(world.condition("Ready").message.find("below 0.8000, a gate of the ModelVersion words"),
            std::string::npos);
  world.model->spec.gates[0].min = 0.7;
  ASSERT_TRUE(world.settle());
  EXPECT_EQ(world.ready_reason(), "Serving");
}

TEST_F(ModelStory, ACacheThatIsNotFilledYetSaysNothing) {
  serve_with("a");
  Observation seen = world.observe();
  seen.model.reset();
  seen.are_models_known = false;
  const Decision decision = decide(seen, world.now);
  EXPECT_EQ(decision.status, seen.index.status);
  EXPECT_TRUE(decision.actions.empty());
  EXPECT_TRUE(decision.look_again.has_value());
}

TEST(ModelRender, WorkersFetchTheWordsToo) {
  const World world;
  WorkersWish wish{.revision = "packages-x", .facts = facts_of(digest_of('d'), 0.7)};
  const std::string without = render_workers(world.index, wish).body;
  wish.config.analyzer_digest = digest_of('a');
  const std::string with = render_workers(world.index, wish).body;
  EXPECT_EQ(without.find(digest_of('a')), std::string::npos);
  EXPECT_NE(with.find("\"--artifact\",\"" + digest_of('a')), std::string::npos);
}

TEST(ModelRender, BuilderIsToldWhereTheWordsAre) {
  const World world;
  BuilderWish wish{.name = "b", .config = {.analyzer_digest = digest_of('a')}};
  wish.analyzer = api::AnalyzerRecord{.uri = "http://models/words.json"};
  const std::string body = render_builder(world.index, wish).body;
  EXPECT_NE(body.find("\"--analyzer-digest\",\"" + digest_of('a') +
                      "\",\"--analyzer-url\",\"http://models/words.json\""),
            std::string::npos)
      << body;
}

}  // namespace
}  // namespace sluice::rag_index
