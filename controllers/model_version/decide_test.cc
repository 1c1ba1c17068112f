#include "controllers/model_version/decide.h"

#include <gtest/gtest.h>

#include "base/sha256.h"

namespace sluice::model_version {
namespace {

const WallTime kNow{std::chrono::seconds(1'800'000'000)};
const std::string kDigest(64, 'a');

api::ModelVersion inline_model(const std::string& stop_word) {
  api::ModelVersion model{.metadata = {.name = "words", .generation = 3}};
  model.spec.source.words = api::AnalyzerWords{.stop_words = std::vector{stop_word}};
  return model;
}

api::ModelVersion model_at_uri() {
  api::ModelVersion model{.metadata = {.name = "words", .generation = 1}};
  model.spec.source.uri = "http://models/words.json";
  model.spec.source.sha256 = kDigest;
  return model;
}

api::ModelVersion with_gate(api::ModelVersion model) {
  model.spec.gates = {{.min = 0.65, .index_ref = {.name = "packages"}}};
  return model;
}

api::RagIndex an_index(const std::string& name) {
  api::RagIndex index{.metadata = {.name = name}};
  index.spec.retrieval.analyzer = api::AnalyzerOptions{.model_version_ref = {.name = "words"}};
  return index;
}

// Serves a build with kDigest that measured this.
api::RagIndex built(const std::string& name, double ndcg) {
  api::RagIndex index = an_index(name);
  index.status.stable = api::RevisionFacts{.evaluation = api::EvaluationSummary{.ndcg_at_10 = ndcg},
                                           .analyzer_digest = kDigest};
  return index;
}

std::string reason(const Decision& decision, std::string_view type = "Ready") {
  return kube::find_condition(decision.status.conditions, type)->reason;
}

// The model as it stands after a decision.
api::ModelVersion after(api::ModelVersion model, const Decision& decision) {
  model.status = decision.status;
  return model;
}

TEST(ModelVersionDecide, InlineWordsAreReadyAtOnceUnderTheirCanonicalDigest) {
  api::ModelVersion model = inline_model("b");
  model.spec.source.words->stop_words->emplace_back("a");
  const Decision decision = decide({.model = model}, kNow);
  EXPECT_EQ(decision.status.phase, api::ModelPhase::kReady);
  EXPECT_EQ(decision.status.digest, sha256_of(R"({"stopWords":["a","b"],"synonyms":[]})"));
  EXPECT_EQ(decision.status.observed_generation, 3);
  EXPECT_EQ(reason(decision, "Verified"), "BytesChecked");
  ASSERT_EQ(decision.events.size(), 1U);
  EXPECT_EQ(decision.events[0].reason, "Ready");
}

TEST(ModelVersionDecide, IsSettledOnceItIsWritten) {
  for (const api::ModelVersion& model : {inline_model("a"), model_at_uri(), inline_model("a b")}) {
    const Decision first = decide({.model = model, .indexes = {an_index("p")}}, kNow);
    const Decision second = decide({.model = after(model, first), .indexes = {an_index("p")}},
                                   kNow + std::chrono::hours(1));
    EXPECT_EQ(second.status, first.status);
    EXPECT_TRUE(second.events.empty());
  }
}

TEST(ModelVersionDecide, WrongWordsAreRejectedByNameOfTheField) {
  const Decision decision = decide({.model = inline_model("new york")}, kNow);
  EXPECT_EQ(decision.status.phase, api::ModelPhase::kRejected);
  EXPECT_EQ(decision.status.digest, "");
  EXPECT_EQ(reason(decision), "InvalidWords");
  EXPECT_EQ(kube::find_condition(decision.status.conditions, "Ready")->message,
            "stopWords[0]: \"new york\" is not one word");
  ASSERT_EQ(decision.events.size(), 1U);
  EXPECT_TRUE(decision.events[0].is_warning);
}

TEST(ModelVersionDecide, TooManyInlineWordsAreToldToComeByUri) {
  api::ModelVersion model = inline_model("a");
  for (int i = 0; i < 1500; ++i) {
    model.spec.source.words->stop_words->push_back(std::string(50, 'x') + std::to_string(i));
  }
  const Decision decision = decide({.model = model}, kNow);
  EXPECT_EQ(decision.status.phase, api::ModelPhase::kRejected);
  EXPECT_NE(kube::find_condition(decision.status.conditions, "Ready")->message.find("by uri"),
            std::string::npos);
}

TEST(ModelVersionDecide, BytesAtAUriAreKnownByTheirPinAndVerifiedByABuild) {
  const api::ModelVersion model = model_at_uri();
  const Decision waiting = decide({.model = model, .indexes = {an_index("p")}}, kNow);
  EXPECT_EQ(waiting.status.phase, api::ModelPhase::kVerifying);
  EXPECT_EQ(waiting.status.digest, kDigest);
  EXPECT_EQ(reason(waiting), "NotFetchedYet");
  EXPECT_EQ(waiting.status.used_by, std::vector<std::string>{"p"});

  const Decision ready =
      decide({.model = after(model, waiting), .indexes = {built("p", 0.7)}}, kNow);
  EXPECT_EQ(ready.status.phase, api::ModelPhase::kReady);
  // Nobody uses it any more: it stays verified; other bytes are not.
  api::ModelVersion unused = after(model, ready);
  EXPECT_EQ(decide({.model = unused}, kNow).status.phase, api::ModelPhase::kReady);
  unused.spec.source.sha256 = std::string(64, 'b');
  EXPECT_EQ(decide({.model = unused}, kNow).status.phase, api::ModelPhase::kVerifying);
}

TEST(ModelVersionDecide, TellsWhyABuildWithItFailed) {
  api::RagIndex index = an_index("p");
  index.status.candidate =
      api::CandidateStatus{.phase = api::CandidatePhase::kFailed,
                           .message = "http://models/words.json answered with HTTP 404",
                           .analyzer = api::CandidateAnalyzer{"words", kDigest}};
  const Decision decision = decide({.model = model_at_uri(), .indexes = {index}}, kNow);
  EXPECT_EQ(decision.status.phase, api::ModelPhase::kVerifying);
  EXPECT_NE(kube::find_condition(decision.status.conditions, "Ready")->message.find("HTTP 404"),
            std::string::npos);
}

TEST(ModelVersionDecide, GatesAreMeasuredOnTheirIndexAndRemembered) {
  const api::ModelVersion model = with_gate(model_at_uri());
  const Decision waiting = decide({.model = model, .indexes = {an_index("packages")}}, kNow);
  EXPECT_EQ(waiting.status.phase, api::ModelPhase::kVerifying);
  EXPECT_EQ(reason(waiting), "AwaitingGate");

  const Decision passed = decide({.model = model, .indexes = {built("packages", 0.66)}}, kNow);
  EXPECT_EQ(passed.status.phase, api::ModelPhase::kReady);

  const Decision failed = decide({.model = model, .indexes = {built("packages", 0.64)}}, kNow);
  EXPECT_EQ(failed.status.phase, api::ModelPhase::kRejected);
  EXPECT_EQ(reason(failed), "GateFailed");
  EXPECT_EQ(reason(failed, "Verified"), "BytesChecked");
  // The index has gone back to another build: what it measured is not forgotten.
  api::ModelVersion later = after(model, failed);
  EXPECT_EQ(decide({.model = later, .indexes = {an_index("packages")}}, kNow).status.phase,
            api::ModelPhase::kRejected);
  later.spec.gates[0].min = 0.6;
  EXPECT_EQ(decide({.model = later, .indexes = {an_index("packages")}}, kNow).status.phase,
            api::ModelPhase::kReady);
  later.spec.source.sha256 = std::string(64, 'b');
  EXPECT_EQ(reason(decide({.model = later, .indexes = {an_index("packages")}}, kNow)),
            "AwaitingGate");
}

TEST(ModelVersionDecide, UsersAreThoseThatNameItOrServeItsBytes) {
  const api::ModelVersion model = inline_model("a");
  const Decision first = decide({.model = model}, kNow);
  api::RagIndex serves = an_index("b");
  serves.spec.retrieval.analyzer.reset();
  EXPECT_FALSE(concerns(serves, after(model, first)));
  serves.status.stable = api::RevisionFacts{.analyzer_digest = first.status.digest};
  EXPECT_TRUE(concerns(serves, after(model, first)));
  const Decision decision =
      decide({.model = after(model, first), .indexes = {an_index("c"), serves}}, kNow);
  EXPECT_EQ(decision.status.used_by, (std::vector<std::string>{"b", "c"}));
}

}  // namespace
}  // namespace sluice::model_version
