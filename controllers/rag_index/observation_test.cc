// What an observation takes of the objects that bear the index's label.

#include "controllers/rag_index/observation.h"

#include <gtest/gtest.h>

#include <string>

#include "base/describe.h"
#include "crds/names.h"

namespace sluice::rag_index {
namespace {

kube::ControllerRevision revision_of(std::string owner_uid, std::string component) {
  kube::ControllerRevision revision;
  revision.metadata.name = "packages-x";
  revision.metadata.labels[std::string(api::kComponentLabel)] = std::move(component);
  revision.metadata.owner_references = {{.uid = std::move(owner_uid)}};
  return revision;
}

Observation of_index() {
  Observation seen;
  seen.index.metadata.uid = "index-uid";
  return seen;
}

TEST(Observation, TakesThePolicyThatItsRolloutOwns) {
  api::ResolvedPolicy policy;
  policy.rollback.watch_after_promotion = std::chrono::minutes(3);
  auto revision = revision_of("rollout-uid", std::string(api::kComponentPolicy));
  revision.data.text = to_json(policy);
  Observation seen = of_index();
  add_revision(seen, revision);
  ASSERT_TRUE(seen.policies.contains("packages-x"));
  EXPECT_EQ(seen.policies.at("packages-x").rollback.watch_after_promotion, std::chrono::minutes(3));
}

TEST(Observation, LeavesWhatAnIndexOfAnotherUidOwnsOrCannotBeRead) {
  auto revision = revision_of("somebody-else", "revision");
  revision.data.text = to_json(api::RevisionRecord{});
  Observation seen = of_index();
  add_revision(seen, revision);
  EXPECT_TRUE(seen.revisions.empty());
  revision.metadata.owner_references.front().uid = "index-uid";
  add_revision(seen, revision);
  EXPECT_EQ(seen.revisions.size(), 1U);
  revision.data.text = "[]";
  add_revision(seen, revision);
  EXPECT_EQ(seen.revisions.size(), 1U);
}

}  // namespace
}  // namespace sluice::rag_index
