// New documents under the config that stable has: how they are noticed, tried, refused.

#include <algorithm>
#include <chrono>

#include "controllers/rag_index/testing/trouble_for_test.h"

namespace sluice::rag_index {
namespace {

constexpr const char* kOther = "http://corpus/other.jsonl";

struct Data : Trouble {
  // What the source has.
  char letter = 'd';
  std::int64_t count = 33'000;
  double ndcg = 0.7;

  void SetUp() override {
    world.build = [this](const kube::Pod&) {
      BuildOutcome built{.facts = facts_of(digest_of(letter), ndcg)};
      built.facts.documents = count;
      return built;
    };
  }

  void serve(bool has_rollout = true) {
    ASSERT_TRUE(world.settle());
    ASSERT_EQ(world.ready_reason(), "Serving");
    if (has_rollout) {
      world.add_rollout("packages");
      ASSERT_TRUE(world.settle());
    }
  }

  void publish(char fresh) { letter = fresh; }

  void name_source(const std::string& url) {
    world.edit([&](api::RagIndexSpec& spec) { spec.source.http->url = url; });
    ASSERT_TRUE(world.settle());
  }

  void poll() {
    world.edit([](api::RagIndexSpec& spec) {
      spec.refresh = api::Refresh{.every = std::chrono::seconds(30)};
    });
    ASSERT_TRUE(world.settle());
  }

  void wait(std::chrono::seconds time) {
    world.advance(time);
    ASSERT_TRUE(world.settle());
  }

  [[nodiscard]] bool is_trying(char documents) const {
    const auto& candidate = world.status().candidate;
    return candidate && candidate->documents &&
           candidate->documents->digest == digest_of(documents);
  }

  [[nodiscard]] std::ptrdiff_t builders() const {
    return std::ranges::count_if(world.pod_bodies, [](const auto& entry) {
      return entry.first.starts_with("packages-build-");
    });
  }

  [[nodiscard]] std::string data_reason() const {
    return world.condition("DocumentsCurrent").reason;
  }

  void promote() {
    api::CanaryRollout& rollout = world.rollouts.front();
    world.take_up(rollout);
    rollout.status.phase = api::RolloutPhase::kPromoting;
    world.desire(rollout, api::TrafficMode::kPromote, kWhole);
    ASSERT_TRUE(world.settle());
    rollout.status.phase = api::RolloutPhase::kPromoted;
    world.desire(rollout, api::TrafficMode::kNone, {});
    ASSERT_TRUE(world.settle());
  }

  void reject(const std::string& why) {
    api::CanaryRollout& rollout = world.rollouts.front();
    world.take_up(rollout);
    world.roll_back(rollout, why);
    rollout.status.phase = api::RolloutPhase::kRolledBack;
    ASSERT_TRUE(world.settle());
  }

  void retry(const std::string& revision) {
    world.rollouts.front().status.last_command = api::CommandRecord{
        .id = "c1", .verb = "retry", .revision = revision, .result = "accepted", .at = world.now};
    ASSERT_TRUE(world.settle());
  }
};

TEST_F(Data, AnotherPlaceWithTheSameDocumentsIsFoundOutByOneLook) {
  serve();
  const std::string stable = world.status().stable_revision;
  EXPECT_EQ(data_reason(), "SameSource");
  const std::ptrdiff_t before = builders();
  name_source(kOther);
  EXPECT_EQ(builders(), before + 1);
  EXPECT_EQ(world.builder(), nullptr) << "it is gone again";
  EXPECT_EQ(data_reason(), "SameSource");
  EXPECT_EQ(world.ready_reason(), "Serving");
  EXPECT_EQ(world.status().refresh->looks, 1);
  EXPECT_EQ(world.status().stable_revision, stable);
  EXPECT_EQ(world.revisions.size(), 1U);
  wait(std::chrono::hours(24));
  EXPECT_EQ(builders(), before + 1) << "every: 0s never starts a pod by time";
}

TEST_F(Data, ALookThatFindsNothingNewWritesTheStatusOnce) {
  serve();
  poll();
  const std::size_t writes = world.statuses.size();
  const std::ptrdiff_t before = builders();
  wait(std::chrono::seconds(25));
  EXPECT_EQ(world.statuses.size(), writes);
  wait(std::chrono::seconds(6));
  EXPECT_EQ(world.statuses.size(), writes + 1);
  EXPECT_EQ(builders(), before + 1);
  EXPECT_EQ(world.builder(), nullptr);
  EXPECT_LE(world.now - world.status().refresh->checked_at, std::chrono::seconds(5));
  EXPECT_EQ(world.ready_reason(), "Serving");
}

TEST_F(Data, NewDocumentsAreACandidateOfStablesConfigThatThePodWhichFoundThemBuilds) {
  serve();
  poll();
  const std::string old = world.status().stable_revision;
  publish('e');
  const std::ptrdiff_t before = builders();
  wait(std::chrono::seconds(31));
  ASSERT_TRUE(is_trying('e'));
  EXPECT_EQ(builders(), before + 1);
  const std::string fresh = world.status().candidate->revision;
  const api::RevisionConfig config = api::config_of(world.index.spec, world.settings.image);
  EXPECT_EQ(fresh, revision_name("packages", config, digest_of('e')));
  EXPECT_EQ(data_reason(), "NewDocuments");
  EXPECT_EQ(world.ready_reason(), "RolloutInProgress");
  EXPECT_EQ(world.status().stable_revision, old);
  promote();
  EXPECT_EQ(world.status().stable_revision, fresh);
  EXPECT_EQ(data_reason(), "SameSource");
  EXPECT_EQ(world.ready_reason(), "Serving");
  wait(std::chrono::seconds(31));
  EXPECT_FALSE(world.status().candidate.has_value());
}

TEST_F(Data, UnderDirectTheyTakeOverWithoutARollout) {
  world.index.spec.changeover = api::Changeover::kDirect;
  serve(false);
  const std::string old = world.status().stable_revision;
  publish('e');
  name_source(kOther);
  EXPECT_NE(world.status().stable_revision, old);
  EXPECT_EQ(world.status().stable->documents_digest, digest_of('e'));
  EXPECT_EQ(world.ready_reason(), "Serving");
  name_source("http://corpus/packages.jsonl.gz");
  EXPECT_EQ(data_reason(), "SameSource") << "the old place has the new documents by now";
}

struct CountRow {
  const char* name;
  std::int64_t count;
  std::optional<api::Refresh> refresh;
  bool is_refused;
};

TEST_F(Data, ACountThatHasChangedTooMuchIsNotBelieved) {
  const auto gate = [](int percent) {
    return api::Refresh{.max_count_change = Share{100 * percent}};
  };
  const std::vector<CountRow> rows{{"a few less", 30'000, std::nullopt, false},
                                   {"just so many less", 26'400, std::nullopt, false},
                                   {"one less than that", 26'399, std::nullopt, true},
                                   {"just so many more", 39'600, std::nullopt, false},
                                   {"one more than that", 39'601, std::nullopt, true},
                                   {"truncated", 13'200, gate(20), true},
                                   {"a bound of its own", 13'200, gate(60), false},
                                   {"no change allowed", 32'999, gate(0), true},
                                   {"no change", 33'000, gate(0), false},
                                   {"any number", 330'000, gate(100), false},
                                   {"users see it step by step",
                                    13'200,
                                    api::Refresh{.policy = api::RefreshPolicy::kRollout},
                                    false}};
  for (const CountRow& row : rows) {
    letter = 'd';
    count = 33'000;
    World fresh;
    fresh.build = world.build;
    ASSERT_TRUE(fresh.settle());
    fresh.add_rollout("packages");
    publish('e');
    count = row.count;
    fresh.edit([&](api::RagIndexSpec& spec) {
      spec.source.http->url = kOther;
      spec.refresh = row.refresh;
    });
    ASSERT_TRUE(fresh.settle());
    const api::CandidateStatus& candidate = fresh.status().candidate.value();
    EXPECT_EQ(candidate.phase == api::CandidatePhase::kFailed, row.is_refused) << row.name;
    EXPECT_EQ(candidate.failure, row.is_refused ? "DocumentCountChanged" : "") << row.name;
    if (row.is_refused) {
      EXPECT_NE(candidate.message.find(std::to_string(row.count)), std::string::npos);
      EXPECT_NE(candidate.message.find("33000"), std::string::npos) << candidate.message;
    }
  }
}

TEST_F(Data, UnderDirectARefusalIsRememberedByTheDocuments) {
  world.index.spec.changeover = api::Changeover::kDirect;
  serve(false);
  poll();
  const std::string stable = world.status().stable_revision;
  publish('e');
  count = 10'000;
  wait(std::chrono::seconds(31));
  EXPECT_FALSE(world.status().candidate.has_value());
  EXPECT_EQ(data_reason(), "DocumentsRejected");
  EXPECT_NE(world.condition("DocumentsCurrent").message.find("10000"), std::string::npos);
  EXPECT_EQ(world.ready_reason(), "Serving") << "the spec is served: it was not asked for";
  EXPECT_EQ(world.status().stable_revision, stable);
  const std::size_t revisions = world.revisions.size();
  wait(std::chrono::seconds(31));
  EXPECT_EQ(world.revisions.size(), revisions);
  EXPECT_EQ(data_reason(), "DocumentsRejected");
  publish('f');
  count = 32'000;
  wait(std::chrono::seconds(31));
  EXPECT_EQ(world.status().stable->documents_digest, digest_of('f'));
  EXPECT_EQ(data_reason(), "SameSource");
}

TEST_F(Data, RejectedDocumentsAreNotTriedAgainUntilARetry) {
  serve();
  publish('e');
  name_source(kOther);
  ASSERT_TRUE(is_trying('e'));
  const std::string refused = world.status().candidate->revision;
  reject("they are worse");
  EXPECT_EQ(data_reason(), "DocumentsRejected");
  EXPECT_EQ(world.condition("Stalled").status, kube::ConditionStatus::kTrue)
      << "the spec asked for them";
  EXPECT_EQ(world.condition("Available").status, kube::ConditionStatus::kTrue);
  wait(std::chrono::hours(3));
  EXPECT_FALSE(world.status().candidate.has_value());
  retry(refused);
  ASSERT_TRUE(is_trying('e'));
  EXPECT_EQ(world.status().candidate->revision, refused);
  promote();
  EXPECT_EQ(world.status().stable_revision, refused);
  EXPECT_EQ(world.ready_reason(), "Serving");
}

TEST_F(Data, OtherDocumentsThanTheRejectedOnesAreTried) {
  serve();
  poll();
  publish('e');
  wait(std::chrono::seconds(31));
  reject("they are worse");
  wait(std::chrono::seconds(61));
  EXPECT_FALSE(world.status().candidate.has_value());
  publish('f');
  wait(std::chrono::seconds(31));
  EXPECT_TRUE(is_trying('f'));
}

TEST_F(Data, AConfigGoesFirstAndTheNewestDocumentsFollowIt) {
  serve();
  publish('e');
  world.edit([](api::RagIndexSpec& spec) {
    use_bm25(spec);
    spec.source.http->url = kOther;
  });
  ASSERT_TRUE(world.settle());
  ASSERT_TRUE(world.status().candidate.has_value());
  EXPECT_FALSE(world.status().candidate->documents.has_value());
  EXPECT_EQ(world.status().candidate->facts->documents_digest, digest_of('d'));
  EXPECT_EQ(data_reason(), "SourceChanged");
  const std::string changed = world.status().candidate->revision;
  publish('f');
  promote();
  EXPECT_EQ(world.status().stable_revision, changed);
  EXPECT_TRUE(is_trying('f'));
  promote();
  EXPECT_EQ(world.ready_reason(), "Serving");
  EXPECT_EQ(world.status().stable->documents_digest, digest_of('f'));
}

TEST_F(Data, DocumentsFollowARejectedConfigWhichStaysRejected) {
  serve();
  publish('e');
  world.edit([](api::RagIndexSpec& spec) {
    use_bm25(spec);
    spec.source.http->url = kOther;
  });
  ASSERT_TRUE(world.settle());
  const std::string refused = world.status().candidate->revision;
  reject("it is worse");
  ASSERT_TRUE(is_trying('e'));
  const std::string fresh = world.status().candidate->revision;
  promote();
  EXPECT_EQ(world.status().stable_revision, fresh);
  EXPECT_EQ(data_reason(), "SameSource");
  EXPECT_EQ(world.ready_reason(), "Rejected");
  EXPECT_FALSE(world.status().candidate.has_value()) << "not again, with the new documents";
  retry(refused);
  ASSERT_TRUE(world.status().candidate.has_value());
  EXPECT_FALSE(world.status().candidate->documents.has_value());
  EXPECT_EQ(world.status().candidate->facts->documents_digest, digest_of('e'));
}

TEST_F(Data, AChangedConfigTakesTheTrafficOfNewDocumentsFirst) {
  serve();
  publish('e');
  name_source(kOther);
  api::CanaryRollout& rollout = world.rollouts.front();
  world.take_up(rollout);
  rollout.status.phase = api::RolloutPhase::kProgressing;
  world.desire(rollout, api::TrafficMode::kSplit, kTenPercent);
  ASSERT_TRUE(world.settle());
  ASSERT_EQ(world.table().candidate->weight, kTenPercent);
  world.do_routers_confirm = false;
  world.edit(use_bm25);
  ASSERT_TRUE(world.settle());
  EXPECT_FALSE(world.table().candidate.has_value());
  EXPECT_FALSE(world.status().candidate.has_value()) << "not before routers confirm";
  world.do_routers_confirm = true;
  ASSERT_TRUE(world.settle());
  ASSERT_TRUE(world.status().candidate.has_value());
  EXPECT_FALSE(world.status().candidate->documents.has_value());
  promote();
  EXPECT_TRUE(is_trying('e'));
}

TEST_F(Data, NewerDocumentsWaitUntilTheOnesInProgressHaveEnded) {
  serve();
  publish('e');
  name_source(kOther);
  const std::string first = world.status().candidate->revision;
  publish('f');
  name_source("http://corpus/third.jsonl");
  ASSERT_TRUE(is_trying('e'));
  EXPECT_EQ(world.status().candidate->revision, first);
  promote();
  EXPECT_TRUE(is_trying('f'));
}

TEST_F(Data, GoingBackToStablesSourceLetsThemGoAndRejectsNothing) {
  serve();
  publish('e');
  name_source(kOther);
  ASSERT_TRUE(is_trying('e'));
  const std::ptrdiff_t before = builders();
  name_source("http://corpus/packages.jsonl.gz");
  EXPECT_FALSE(world.status().candidate.has_value());
  EXPECT_EQ(world.ready_reason(), "Serving");
  EXPECT_EQ(builders(), before) << "and reads nothing";
  name_source(kOther);
  EXPECT_TRUE(is_trying('e'));
}

TEST_F(Data, ASourceThatCannotBeReadIsTriedAgainLaterAndLaterAndDisturbsNobody) {
  serve();
  fail_builds("http://corpus/other.jsonl answered with HTTP 404");
  name_source(kOther);
  EXPECT_EQ(data_reason(), "RefreshFailed");
  EXPECT_NE(world.condition("DocumentsCurrent").message.find("404"), std::string::npos);
  EXPECT_EQ(world.ready_reason(), "RefreshFailed");
  EXPECT_EQ(world.condition("Stalled").status, kube::ConditionStatus::kFalse);
  EXPECT_EQ(world.condition("Available").status, kube::ConditionStatus::kTrue);
  EXPECT_EQ(world.status().refresh->failures, 1);
  wait(std::chrono::seconds(31));
  EXPECT_EQ(world.status().refresh->failures, 2);
  wait(std::chrono::seconds(31));
  EXPECT_EQ(world.status().refresh->failures, 2) << "twice as long each time";
  publish('e');
  SetUp();
  wait(std::chrono::seconds(31));
  EXPECT_TRUE(is_trying('e'));
  EXPECT_EQ(world.status().refresh->failures, 0);
}

TEST_F(Data, APollThatFailsLeavesTheIndexReadyAndWaitsForTheNext) {
  serve();
  poll();
  fail_builds("no such host");
  wait(std::chrono::seconds(31));
  EXPECT_EQ(data_reason(), "RefreshFailed");
  EXPECT_EQ(world.ready_reason(), "Serving");
  const std::size_t writes = world.statuses.size();
  wait(std::chrono::seconds(20));
  EXPECT_EQ(world.statuses.size(), writes);
  SetUp();
  wait(std::chrono::seconds(11));
  EXPECT_EQ(data_reason(), "SameSource");
}

TEST_F(Data, UnderDirectABuildThatFailsIsTriedAgainWithWhatIsThereThen) {
  world.index.spec.changeover = api::Changeover::kDirect;
  serve(false);
  const std::string stable = world.status().stable_revision;
  publish('e');
  world.do_builders_run = false;
  world.edit([](api::RagIndexSpec& spec) { spec.source.http->url = kOther; });
  ASSERT_TRUE(world.settle());
  ASSERT_NE(world.builder(), nullptr);
  const kube::ObjectMeta look = world.builder()->metadata;
  world.reports[look.uid].report =
      wire::BuildReport{.phase = wire::BuildPhase::kBuilding, .documents_digest = digest_of('e')};
  ASSERT_TRUE(world.settle());
  ASSERT_TRUE(is_trying('e'));
  world.pods.at(look.name).status.phase = "Failed";
  ASSERT_TRUE(world.settle());
  EXPECT_FALSE(world.status().candidate.has_value());
  EXPECT_EQ(data_reason(), "RefreshFailed");
  EXPECT_EQ(world.revisions.size(), 1U) << "nothing is held against them";
  world.do_builders_run = true;
  publish('f');
  wait(std::chrono::seconds(31));
  EXPECT_EQ(world.status().stable->documents_digest, digest_of('f'));
  EXPECT_NE(world.status().stable_revision, stable);
}

TEST_F(Data, WithoutARolloutTheyWaitUnread) {
  serve(false);
  const std::ptrdiff_t before = builders();
  publish('e');
  name_source(kOther);
  EXPECT_EQ(world.ready_reason(), "AwaitingRollout");
  EXPECT_EQ(data_reason(), "AwaitingRollout");
  EXPECT_EQ(builders(), before);
  world.add_rollout("packages");
  ASSERT_TRUE(world.settle());
  EXPECT_TRUE(is_trying('e'));
}

TEST_F(Data, ASourcePinnedToStablesDocumentsIsNotRead) {
  serve();
  const std::ptrdiff_t before = builders();
  world.edit([](api::RagIndexSpec& spec) {
    spec.source.http = api::HttpSource{.url = kOther, .sha256 = digest_of('d')};
    spec.refresh = api::Refresh{.every = std::chrono::seconds(30)};
  });
  ASSERT_TRUE(world.settle());
  wait(std::chrono::hours(1));
  EXPECT_EQ(builders(), before);
  EXPECT_EQ(world.ready_reason(), "Serving");
}

TEST_F(Data, AnEvictedLookStartsAgain) {
  serve();
  world.do_builders_run = false;
  publish('e');
  name_source(kOther);
  ASSERT_NE(world.builder(), nullptr);
  kube::Pod& look = world.pods.at(world.builder()->metadata.name);
  const std::string uid = look.metadata.uid;
  look.status.phase = "Failed";
  look.status.reason = "Evicted";
  ASSERT_TRUE(world.settle());
  ASSERT_NE(world.builder(), nullptr);
  EXPECT_NE(world.builder()->metadata.uid, uid);
  EXPECT_FALSE(world.status().refresh.has_value());
  world.do_builders_run = true;
  ASSERT_TRUE(world.settle());
  EXPECT_TRUE(is_trying('e'));
}

}  // namespace
}  // namespace sluice::rag_index
