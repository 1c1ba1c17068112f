#include "dataplane/router/core/endpoints.h"

#include <gtest/gtest.h>

#include <map>
#include <vector>

namespace sluice::router {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr MonotonicTime kNow{seconds{1000}};

EndpointAddress at(const std::string& pod) {
  return {.pod = pod, .host = "10.0.0.1", .port = 8080};
}

struct Fixture {
  Tally tally;
  EndpointSet set{"r"};

  void update(const std::vector<std::string>& pods, bool keeps_last = false) {
    std::vector<EndpointAddress> addresses;
    for (const std::string& pod : pods) {
      addresses.push_back(at(pod));
    }
    set.update(addresses, keeps_last, tally);
  }

  EndpointPointer begin(MonotonicTime now = kNow, const Endpoint* avoid = nullptr) {
    EndpointPointer endpoint = set.pick(now, avoid);
    if (endpoint != nullptr) {
      ++endpoint->outstanding;
    }
    return endpoint;
  }

  void fail(const EndpointPointer& endpoint, FailureClass failure, int times = 1) {
    for (int n = 0; n < times; ++n) {
      ++endpoint->outstanding;
      endpoint->on_end(failure, kNow);
    }
  }
};

TEST(EndpointSet, IsEmptyAtFirst) {
  Fixture f;
  EXPECT_EQ(f.begin(), nullptr);
  EXPECT_FALSE(f.set.has_answering(kNow));
}

TEST(EndpointSet, PicksTheLeastBusyAndTakesTurnsAmongEquals) {
  Fixture f;
  f.update({"a", "b", "c"});
  std::map<std::string, int> picks;
  for (int n = 0; n < 30; ++n) {
    ++picks[f.begin()->address.pod];
  }
  EXPECT_EQ(picks["a"], 10);
  EXPECT_EQ(picks["b"], 10);
  EXPECT_EQ(picks["c"], 10);
}

TEST(EndpointSet, EjectsTheUnreachableSoonerThanTheWrong) {
  struct Case {
    FailureClass failure;
    int allowed;
  };

  for (const Case& c : std::vector<Case>{{FailureClass::kConnect, 3},
                                         {FailureClass::kReset, 3},
                                         {FailureClass::kTimeout, 3},
                                         {FailureClass::kStatus, 5},
                                         {FailureClass::kBody, 5}}) {
    Fixture f;
    f.update({"a", "b"});
    const EndpointPointer bad = f.set.pick(kNow);
    f.fail(bad, c.failure, c.allowed - 1);
    EXPECT_FALSE(bad->is_ejected(kNow));
    f.fail(bad, c.failure);
    EXPECT_TRUE(bad->is_ejected(kNow));
    for (int n = 0; n < 10; ++n) {
      EXPECT_NE(f.begin(), bad);
    }
    EXPECT_FALSE(bad->is_ejected(kNow + seconds{1}));
  }
}

TEST(EndpointSet, EjectsForTwiceAsLongEachTimeAndForgivesAtAnAnswer) {
  Fixture f;
  f.update({"a"});
  const EndpointPointer a = f.set.pick(kNow);
  f.fail(a, FailureClass::kConnect, 3);
  EXPECT_EQ(a->ejected_until - kNow, seconds{1});
  a->ejected_until = {};
  f.fail(a, FailureClass::kConnect);
  EXPECT_EQ(a->ejected_until - kNow, seconds{2});
  ++a->outstanding;
  a->on_end(std::nullopt, kNow);
  EXPECT_FALSE(a->is_ejected(kNow));
  f.fail(a, FailureClass::kConnect, 3);
  EXPECT_EQ(a->ejected_until - kNow, seconds{1});
}

TEST(EndpointSet, UsesAnEjectedOneWhenThereIsNoOther) {
  Fixture f;
  f.update({"a", "b"});
  for (const char* pod : {"a", "b"}) {
    EndpointPointer endpoint = f.set.pick(kNow);
    while (endpoint->address.pod != pod) {
      endpoint = f.set.pick(kNow);
    }
    f.fail(endpoint, FailureClass::kConnect, 3);
  }
  EXPECT_FALSE(f.set.has_answering(kNow));
  EXPECT_NE(f.begin(), nullptr);
}

TEST(EndpointSet, AvoidsTheOneThatWasTriedIfThereIsAnother) {
  Fixture f;
  f.update({"a", "b"});
  const EndpointPointer tried = f.begin();
  for (int n = 0; n < 20; ++n) {
    EXPECT_NE(f.begin(kNow, tried.get()), tried);
  }
  f.update({tried->address.pod});
  EXPECT_EQ(f.begin(kNow, tried.get()), tried);
}

TEST(EndpointSet, KeepsWhatItKnowsOfThoseThatStay) {
  Fixture f;
  f.update({"a", "b"});
  const EndpointPointer first = f.begin();
  f.update({"c", first->address.pod});
  EXPECT_FALSE(first->is_removed);
  EXPECT_EQ(f.set.size(), 2U);
  EXPECT_EQ(f.begin()->address.pod, "c");  // The other is still busy.
  f.update({"c"});
  EXPECT_TRUE(first->is_removed);
}

TEST(EndpointSet, KeepsTheLastWhenAChangeWouldLeaveNoneUntilTheyFail) {
  Fixture f;
  f.update({"a", "b"});
  f.update({}, true);
  EXPECT_EQ(f.set.size(), 2U);
  const EndpointPointer failing = f.begin();
  f.fail(failing, FailureClass::kConnect, 3);
  f.set.drop_failed_left_overs();
  EXPECT_EQ(f.set.size(), 1U);
  EXPECT_TRUE(failing->is_removed);
  f.update({"b"}, true);
  EXPECT_EQ(f.set.size(), 1U);
  f.update({}, false);
  EXPECT_EQ(f.set.size(), 0U);
}

}  // namespace
}  // namespace sluice::router
