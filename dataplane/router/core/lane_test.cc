#include "dataplane/router/core/lane.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "dataplane/router/core/quarantine.h"

namespace sluice::router {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A lane with two stable workers and a candidate, and queries that go through it.
struct World {
  explicit World(Share weight = kWhole, int stables = 2, int candidates = 1)
      : lane(Rng(1), {.pairs_max = 2}) {
    plan.table = {.uid = "u",
                  .stable = wire::RouteTarget{.revision = "s"},
                  .candidate = wire::RouteCandidate{.target = {.revision = "c"}, .weight = weight},
                  .deadline_ms = 1000};
    add("s", stables);
    add("c", candidates);
    lane.apply(plan);
  }

  void add(const std::string& revision, int count) {
    for (int n = 0; n < count; ++n) {
      const std::string pod = revision + std::to_string(n);
      plan.endpoints[revision].push_back({.pod = pod, .host = "h", .port = 80});
    }
  }

  Actions arrive(bool is_quarantined = false, std::optional<milliseconds> allowed = {}) {
    query = {};
    return lane.query_arrived(query,
                              {.now = now, .allowed = allowed, .is_quarantined = is_quarantined});
  }

  Actions end(Slot slot, std::optional<FailureClass> failure = {}, bool has_response = false) {
    now = now + milliseconds{1};
    return lane.attempt_ended(query, slot, {.failure = failure, .has_response = has_response}, now);
  }

  Actions wait(milliseconds time) {
    now = now + time;
    return lane.time_passed(query, now);
  }

  [[nodiscard]] wire::RevisionCounters counts(const std::string& revision,
                                              wire::CounterMode mode = wire::CounterMode::kLive) {
    TallySum sum;
    sum.add(lane.tally());
    wire::Counters all;
    sum.write(all);
    for (const wire::RevisionCounters& one : all.revisions) {
      std::int64_t buckets = 0;
      for (const std::int64_t bucket : one.latency) {
        buckets += bucket;
      }
      EXPECT_EQ(buckets, one.ended);
      EXPECT_EQ(one.assigned, one.ended + one.client_gone + one.in_flight);
    }
    for (const wire::RevisionCounters& one : all.revisions) {
      if (one.revision == revision && one.mode == mode) {
        return one;
      }
    }
    return {};
  }

  [[nodiscard]] Arm arm(Slot slot) const { return query.attempts.at(slot).arm; }

  RoutingPlan plan;
  Lane lane;
  MonotonicTime now{seconds{100}};
  Query query;
};

TEST(Lane, GivesTheUserTheCandidatesAnswer) {
  World w;
  const Actions start = w.arrive();
  ASSERT_EQ(start.start_count, 1U);
  EXPECT_EQ(w.arm(0), Arm::kCandidate);
  EXPECT_EQ(w.counts("c").in_flight, 1);
  const Actions end = w.end(0);
  EXPECT_EQ(end.answer, Slot{0});
  ASSERT_EQ(end.sample_count, 1U);
  EXPECT_EQ(end.samples[0].revision, "c");
  EXPECT_FALSE(end.samples[0].has_failed);
  EXPECT_TRUE(Lane::is_over(w.query));
  EXPECT_EQ(w.counts("c").answered, 1);
  EXPECT_EQ(w.counts("c").failed, 0);
  EXPECT_EQ(w.counts("s").assigned, 0);
}

TEST(Lane, RescuesEveryKindOfFailureOfTheCandidateWithoutABudget) {
  for (const FailureClass failure : {FailureClass::kConnect,
                                     FailureClass::kReset,
                                     FailureClass::kStatus,
                                     FailureClass::kBody,
                                     FailureClass::kTimeout}) {
    World w;
    for (int n = 0; n < 200; ++n) {  // Far beyond any budget.
      (void)w.arrive();
      const Actions rescue = w.end(0, failure, true);
      ASSERT_EQ(rescue.start_count, 1U);
      EXPECT_EQ(w.arm(rescue.start[0]), Arm::kStable);
      EXPECT_TRUE(rescue.samples[0].has_failed);
      const Actions end = w.end(1);
      EXPECT_EQ(end.answer, Slot{1});
      EXPECT_EQ(end.sample_count, 0U);
    }
    const wire::RevisionCounters c = w.counts("c");
    EXPECT_EQ(c.ended, 200);
    EXPECT_EQ(c.failed, 200);
    EXPECT_EQ(
        c.failed_connect + c.failed_reset + c.failed_status + c.failed_body + c.failed_timeout,
        200);
    EXPECT_EQ(c.rescued, 200);
    EXPECT_EQ(c.lost, 0);
    EXPECT_EQ(c.answered, 0);
    EXPECT_EQ(w.counts("s").ended, 0);  // Rescues never enter stable's.
  }
}

TEST(Lane, GivesACandidateHalfOfTheTime) {
  World w;
  (void)w.arrive();
  EXPECT_EQ(Lane::next_wake(w.query), w.now + milliseconds{500});
  EXPECT_EQ(w.wait(milliseconds{499}).start_count, 0U);
  const Actions rescue = w.wait(milliseconds{1});
  EXPECT_EQ(rescue.cancel_count, 1U);
  EXPECT_EQ(rescue.cancel[0], 0U);
  ASSERT_EQ(rescue.start_count, 1U);
  EXPECT_EQ(w.arm(1), Arm::kStable);
  EXPECT_EQ(Lane::next_wake(w.query), w.now + milliseconds{500});
  EXPECT_EQ(w.end(1).answer, Slot{1});
  EXPECT_EQ(w.counts("c").failed_timeout, 1);
  EXPECT_EQ(w.counts("c").rescued, 1);
}

TEST(Lane, RefusesAtTheDeadline) {
  World w;
  (void)w.arrive();
  (void)w.wait(milliseconds{500});
  const Actions end = w.wait(milliseconds{500});
  EXPECT_EQ(end.refuse, Refusal::kDeadline);
  EXPECT_EQ(end.cancel_count, 1U);
  EXPECT_TRUE(Lane::is_over(w.query));
  EXPECT_EQ(Lane::next_wake(w.query), std::nullopt);
  EXPECT_EQ(w.counts("c").lost, 1);
}

TEST(Lane, TriesStableAgainAtAnotherWorkerWithinTheBudget) {
  World w(Share{0});
  (void)w.arrive();
  const Actions retry = w.end(0, FailureClass::kReset);
  ASSERT_EQ(retry.start_count, 1U);
  EXPECT_NE(w.query.attempts[0].endpoint, w.query.attempts[1].endpoint);
  EXPECT_EQ(retry.samples[0].revision, "s");
  EXPECT_EQ(w.end(1).answer, Slot{1});
  const wire::RevisionCounters s = w.counts("s");
  EXPECT_EQ(s.failed_reset, 1);  // As a candidate's rescue is counted: by its first attempt.
  EXPECT_EQ(s.rescued, 1);
  EXPECT_EQ(s.lost, 0);
}

TEST(Lane, StopsRetryingWhenStableFailsAllTheTime) {
  World w(Share{0});
  int starts = 0;
  constexpr int kQueries = 1000;
  for (int n = 0; n < kQueries; ++n) {
    Actions actions = w.arrive();
    while (actions.start_count > 0) {
      ++starts;
      actions = w.end(actions.start[0], FailureClass::kStatus, true);
    }
    EXPECT_TRUE(actions.answer) << "the worker's own error is passed on";
  }
  EXPECT_LE(starts, kQueries * 1.2 + 10);
  EXPECT_EQ(w.counts("s").lost, kQueries);
}

TEST(Lane, JoinsASlowStableAttemptByASecondOneAndTakesTheFirstAnswer) {
  World w(Share{0});
  (void)w.arrive();
  const Actions hedge = w.wait(milliseconds{500});
  ASSERT_EQ(hedge.start_count, 1U);
  EXPECT_EQ(hedge.cancel_count, 0U);
  const Actions end = w.end(1);
  EXPECT_EQ(end.answer, Slot{1});
  ASSERT_EQ(end.cancel_count, 1U);
  EXPECT_EQ(end.cancel[0], 0U);
  EXPECT_EQ(w.counts("s").failed_timeout, 1);
  EXPECT_EQ(w.counts("s").rescued, 1);
  // The detector hears of the first attempt only: it was too slow.
  ASSERT_EQ(end.sample_count, 1U);
  EXPECT_EQ(end.samples[0].revision, "s");
  EXPECT_TRUE(end.samples[0].has_failed);

  (void)w.arrive();
  (void)w.wait(milliseconds{500});
  EXPECT_EQ(w.end(0).answer, Slot{0});  // Slow, but its own.
  EXPECT_EQ(w.counts("s").answered, 1);
  EXPECT_EQ(w.counts("s").failed, 1);
}

TEST(Lane, AsksTheOnlyWorkerOnceHoweverSlowItIs) {
  World w(Share{0}, 1);
  (void)w.arrive();
  EXPECT_EQ(w.wait(milliseconds{500}).start_count, 0U);
  EXPECT_EQ(w.end(0).answer, Slot{0});
}

TEST(Lane, WaitsForTheOtherAttemptWhenOneOfTwoFails) {
  World w(Share{0});
  (void)w.arrive();
  (void)w.wait(milliseconds{500});
  const Actions actions = w.end(1, FailureClass::kConnect);
  EXPECT_FALSE(actions.answer);
  EXPECT_FALSE(actions.refuse);
  EXPECT_EQ(w.end(0).answer, Slot{0});
  EXPECT_EQ(w.counts("s").failed, 0);
}

TEST(Lane, AsksBothUnderQuarantineAndAnswersWithStable) {
  World w;
  const Actions start = w.arrive(true);
  ASSERT_EQ(start.start_count, 2U);
  EXPECT_EQ(w.arm(0), Arm::kStable);
  EXPECT_EQ(w.arm(1), Arm::kCandidate);
  EXPECT_FALSE(w.end(1).answer);  // The candidate is first, and is not given to the user.
  EXPECT_EQ(w.counts("s", wire::CounterMode::kQuarantine).ended, 0);
  EXPECT_EQ(w.end(0).answer, Slot{0});
  EXPECT_TRUE(Lane::is_over(w.query));
  const auto s = w.counts("s", wire::CounterMode::kQuarantine);
  const auto c = w.counts("c", wire::CounterMode::kQuarantine);
  EXPECT_EQ(s.ended, 1);
  EXPECT_EQ(s.answered, 1);
  EXPECT_EQ(c.ended, 1);
  EXPECT_EQ(c.answered, 0);
  EXPECT_EQ(w.counts("s").assigned, 0);
  EXPECT_EQ(w.counts("c").assigned, 0);
}

TEST(Lane, DoesNotLetTheUserWaitForAPairsCandidate) {
  World w;
  (void)w.arrive(true);
  EXPECT_EQ(w.end(0).answer, Slot{0});
  EXPECT_FALSE(Lane::is_over(w.query));
  EXPECT_EQ(w.counts("s", wire::CounterMode::kQuarantine).ended, 0);  // Both or neither.
  const Actions end = w.end(1, FailureClass::kStatus);
  EXPECT_EQ(end.start_count, 0U);
  EXPECT_TRUE(end.samples[0].has_failed);
  EXPECT_TRUE(Lane::is_over(w.query));
  EXPECT_EQ(w.counts("s", wire::CounterMode::kQuarantine).ended, 1);
  EXPECT_EQ(w.counts("c", wire::CounterMode::kQuarantine).failed, 1);
  EXPECT_EQ(w.counts("c", wire::CounterMode::kQuarantine).rescued, 0);
}

TEST(Lane, LimitsThePairsThatWaitForASlowCandidate) {
  World w;
  std::vector<Query> waiting(3);
  for (std::size_t n = 0; n < waiting.size(); ++n) {
    const Actions start = w.lane.query_arrived(waiting[n], {.now = w.now, .is_quarantined = true});
    EXPECT_EQ(start.start_count, n < 2 ? 2U : 1U);
    (void)w.lane.attempt_ended(waiting[n], 0, {}, w.now);
  }
  EXPECT_EQ(w.counts("c").diverted, 1);
  (void)w.lane.attempt_ended(waiting[0], 1, {}, w.now);
  EXPECT_EQ(w.arrive(true).start_count, 2U);
}

TEST(Lane, SendsAnArmWithoutWorkersToTheOtherAndCountsIt) {
  World none(kWhole, 2, 0);
  (void)none.arrive();
  EXPECT_EQ(none.arm(0), Arm::kStable);
  EXPECT_EQ(none.counts("c").diverted, 1);
  EXPECT_EQ(none.counts("c").assigned, 0);
  World no_stable(Share{0}, 0, 1);
  EXPECT_EQ(no_stable.arrive().refuse, Refusal::kNoUpstream);  // No weight: not fit for users.
  EXPECT_EQ(no_stable.counts("s").lost, 1);
  World stand_in(Share{1}, 0, 1);
  (void)stand_in.arrive();
  EXPECT_EQ(stand_in.arm(0), Arm::kCandidate);
  EXPECT_EQ(stand_in.counts("s").diverted, 1);
  World nothing(kWhole, 0, 0);
  EXPECT_EQ(nothing.arrive().refuse, Refusal::kNoUpstream);
  EXPECT_TRUE(Lane::is_over(nothing.query));
}

TEST(Lane, RefusesBeforeItsFirstTable) {
  Lane lane(Rng(1), {});
  Query query;
  EXPECT_EQ(lane.query_arrived(query, {}).refuse, Refusal::kNoUpstream);
  EXPECT_FALSE(lane.has_answering_stable({}));
}

TEST(Lane, CountsAClientThatHangsUpAgainstNobody) {
  for (const bool is_pair : {false, true}) {
    World w;
    (void)w.arrive(is_pair);
    const Actions gone = w.lane.client_gone(w.query, w.now);
    EXPECT_EQ(gone.cancel_count, is_pair ? 2U : 1U);
    EXPECT_TRUE(Lane::is_over(w.query));
    const auto mode = is_pair ? wire::CounterMode::kQuarantine : wire::CounterMode::kLive;
    EXPECT_EQ(w.counts("c", mode).client_gone, 1);
    EXPECT_EQ(w.counts("c", mode).ended, 0);
    EXPECT_EQ(w.query.attempts[0].endpoint->outstanding, 0);
    EXPECT_EQ(w.query.attempts[0].endpoint->failures_in_a_row, 0);
    EXPECT_EQ(w.lane.client_gone(w.query, w.now).cancel_count, 0U);
  }
}

TEST(Lane, DoesNotBlameARevisionForAHurriedClient) {
  World w;
  (void)w.arrive(false, milliseconds{100});
  const Actions rescue = w.wait(milliseconds{50});
  ASSERT_EQ(rescue.start_count, 1U);
  EXPECT_EQ(rescue.sample_count, 0U);
  EXPECT_EQ(w.end(1).answer, Slot{1});
  EXPECT_EQ(w.counts("c").client_gone, 1);
  EXPECT_EQ(w.counts("c").failed, 0);
  (void)w.arrive(false, milliseconds{100});
  EXPECT_TRUE(w.end(0, FailureClass::kStatus).samples[0].has_failed);  // That was not the hurry.
  (void)w.arrive(false, seconds{50});
  EXPECT_EQ(w.query.deadline, w.now + seconds{1});  // A client cannot ask for more.
}

TEST(Lane, CountsBothArmsOfAHurriedPairOrNeither) {
  World w;
  (void)w.arrive(true, milliseconds{100});
  EXPECT_EQ(w.end(0).answer, Slot{0});
  (void)w.wait(milliseconds{100});
  EXPECT_EQ(w.counts("c", wire::CounterMode::kQuarantine).client_gone, 1);
  EXPECT_EQ(w.counts("s", wire::CounterMode::kQuarantine).client_gone, 1);
}

TEST(Lane, CannotRescueAnAnswerThatStreams) {
  World w;
  (void)w.arrive();
  Actions actions;
  EXPECT_TRUE(w.lane.start_streaming(w.query, 0, w.now, actions));
  EXPECT_EQ(w.counts("c").streamed, 1);
  const Actions end = w.end(0, FailureClass::kReset);
  EXPECT_EQ(end.start_count, 0U);
  EXPECT_FALSE(end.refuse);
  EXPECT_EQ(w.counts("c").lost, 1);
  (void)w.arrive(true);
  EXPECT_FALSE(w.lane.start_streaming(w.query, 1, w.now, actions));  // Not for the user.
}

TEST(Lane, KeepsItsSplitThroughNewTablesOfTheSameWeight) {
  World w(Share{1000});
  int candidates = 0;
  for (int n = 0; n < 1000; ++n) {
    w.plan.table.generation++;
    w.lane.apply(w.plan);
    (void)w.arrive();
    candidates += w.arm(0) == Arm::kCandidate ? 1 : 0;
    (void)w.end(0);
  }
  EXPECT_NEAR(candidates, 100, 1);
}

TEST(Lane, FinishesQueriesOfARevisionThatLeftTheTable) {
  World w;
  (void)w.arrive();
  w.plan.table.candidate.reset();
  w.lane.apply(w.plan);
  EXPECT_TRUE(w.query.attempts[0].endpoint->is_removed);
  EXPECT_EQ(w.end(0).answer, Slot{0});
  EXPECT_EQ(w.counts("c").answered, 1);
}

TEST(Lane, KeepsStablesLastWorkersButNotTheCandidates) {
  World w;
  w.plan.endpoints.clear();
  w.lane.apply(w.plan);
  (void)w.arrive();
  EXPECT_EQ(w.arm(0), Arm::kStable);
  EXPECT_EQ(w.counts("c").diverted, 1);
  EXPECT_TRUE(w.lane.has_answering_stable(w.now));
}

TEST(Lane, CountsEachWorkersAttempts) {
  World w(kWhole, 1, 1);
  (void)w.arrive();
  (void)w.end(0, FailureClass::kStatus);
  (void)w.end(1);
  TallySum sum;
  sum.add(w.lane.tally());
  EXPECT_EQ((sum.pods[{"c", "c0"}].ended[0]), 1);
  EXPECT_EQ((sum.pods[{"c", "c0"}].failed[0]), 1);
  EXPECT_EQ((sum.pods[{"s", "s0"}].ended[0]), 1);
  EXPECT_EQ((sum.pods[{"s", "s0"}].failed[0]), 0);
}

// Act 4 of the story: a candidate at 10 % that fails a fifth of its queries.
TEST(Lane, ProtectsUsersFromAFailingCandidateWithinSixtyRescues) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    World w(Share{1000});
    Rng rng(seed);
    QuarantineBoard board;
    board.set_table(w.plan.table);
    for (int n = 0; n < 20'000; ++n) {
      Actions actions = w.arrive(board.is_active());
      for (Slot slot = 0; slot < w.query.attempt_count; ++slot) {
        const bool fails = w.arm(slot) == Arm::kCandidate && rng.unit() < 0.2;
        actions = w.end(slot, fails ? std::optional(FailureClass::kStatus) : std::nullopt);
        for (std::size_t i = 0; i < actions.sample_count; ++i) {
          board.record(actions.samples[i].revision, actions.samples[i].has_failed, {});
        }
      }
      ASSERT_TRUE(Lane::is_over(w.query));
    }
    EXPECT_LE(w.counts("c").rescued, 60) << seed;
    EXPECT_EQ(w.counts("c").lost + w.counts("s").lost, 0);
    const auto pairs = w.counts("c", wire::CounterMode::kQuarantine);
    EXPECT_GT(pairs.ended, 1500);
    EXPECT_EQ(pairs.ended, w.counts("s", wire::CounterMode::kQuarantine).ended);
    EXPECT_EQ(pairs.answered, 0);
  }
}

}  // namespace
}  // namespace sluice::router
