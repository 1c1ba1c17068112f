// Both halves of the measurement on the fake API server: what the bare loop leaves behind is what
// the operator left.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "bench/thousand/pairs.h"
#include "bench/thousand/recorder.h"
#include "bench/thousand/replayer.h"
#include "crds/names.h"
#include "crds/rag_index.h"
#include "operator/operator.h"
#include "tests/fake_api/fixture.h"

namespace sluice::bench {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

constexpr int kPairs = 7;
constexpr std::size_t kInFlight = 3;

// How many writes of each kind and method changed something.
std::map<std::string, int> summary(const FakeApiServer& server) {
  std::map<std::string, int> all;
  for (const WriteRecord& write : server.writes()) {
    const bool is_of_pair = write.key.name.starts_with("pair-");
    all[write.method + " " + write.kind] += is_of_pair && write.is_changed ? 1 : 0;
  }
  return all;
}

std::vector<Write> operate(FakeCluster& cluster) {
  std::vector<Write> writes;
  Recorder recorder(*cluster.transport,
                    [&writes](Write write) { writes.push_back(std::move(write)); });
  Operator op({cluster.loop, recorder, Rng(3)},
              cluster.metrics,
              {.image = "sluice:1", .pod_name = "bench", .pod_namespace = "thousand-a"});
  op.start([] {});
  EXPECT_TRUE(cluster.loop.run_until([&op] { return op.is_ready(); }, minutes{1}));
  Replayer creator(recorder, kInFlight);
  bool is_created = false;
  creator.start(pairs(kPairs, "thousand-a"), [&is_created] { is_created = true; });
  EXPECT_TRUE(cluster.loop.run_until([&is_created] { return is_created; }, minutes{1}));
  EXPECT_EQ(creator.failed(), 0) << creator.first_failure();
  cluster.loop.run_for(minutes{2});
  bool is_stopped = false;
  op.stop([&is_stopped] { is_stopped = true; });
  EXPECT_TRUE(cluster.loop.run_until([&is_stopped] { return is_stopped; }, minutes{1}));
  return writes;
}

TEST(Thousand, TheBareLoopMakesTheWritesOfTheOperator) {
  FakeCluster first(1);
  const std::vector<Write> writes = operate(first);
  EXPECT_GT(writes.size(), std::size_t{kPairs} * 8);
  for (const auto& index : first.server.list<api::RagIndex>(api::kRagIndexKind)) {
    const auto* ready = kube::find_condition(index.status.conditions, "Ready");
    ASSERT_NE(ready, nullptr);
    EXPECT_EQ(ready->reason, "Suspended");
  }
  // Through the file, on a server that gives other names.
  std::string text;
  for (const Write& write : writes) {
    text += line_of(write);
  }
  const auto read = read_writes(text);
  ASSERT_TRUE(read) << read.error().message;
  FakeCluster second(2);
  Replayer loop(*second.transport, kInFlight);
  bool is_done = false;
  loop.start(*read, [&is_done] { is_done = true; });
  ASSERT_TRUE(second.loop.run_until([&is_done] { return is_done; }, minutes{5}));
  EXPECT_EQ(loop.failed(), 0) << loop.first_failure();
  EXPECT_EQ(loop.made(), std::ssize(writes));
  EXPECT_EQ(summary(second.server), summary(first.server));
}

TEST(Writes, AreRefusedWhereALineIsNone) {
  EXPECT_FALSE(read_writes("{}\n"));
  EXPECT_FALSE(read_writes("nonsense"));
  EXPECT_TRUE(read_writes("")->empty());
}

}  // namespace
}  // namespace sluice::bench
