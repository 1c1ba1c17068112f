#include "dataplane/router/core/lane.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/check.h"
#include "base/mutant.h"
#include "dataplane/router/core/sticky.h"

namespace sluice::router {
namespace {

constexpr int kRetriesMax = 2;
constexpr MonotonicTime kNever{Duration::max()};

wire::CounterMode mode_of(QueryKind kind) {
  return kind == QueryKind::kPair ? wire::CounterMode::kQuarantine : wire::CounterMode::kLive;
}

wire::CounterMode mode_of(const Query& query, Arm arm) {
  return is_copy(query, arm) ? wire::CounterMode::kShadow : mode_of(query.kind);
}

bool user_has_good_answer(const Query& query) {
  return query.user == UserState::kAnswered && query.answered_by &&
         query.attempts[*query.answered_by].state == AttemptState::kAnswered;
}

struct CountInput {
  const Query& query;
  Arm arm;
  MonotonicTime ended;
};

// Counts one arm of a query that is over.
void count_arm(ArmCounts& counts, const CountInput& input) {
  const Query& query = input.query;
  const Attempt* first = first_of(query, input.arm);
  CHECK(counts.in_flight > 0);
  --counts.in_flight;
  if (is_void(query)) {
    ++counts.client_gone;
    return;
  }
  counts.end(input.ended - query.started);
  if (first != nullptr && first->state == AttemptState::kAnswered) {
    counts.empty += first->is_empty ? 1 : 0;
    const bool is_own = query.answered_by && &query.attempts[*query.answered_by] == first;
    counts.answered += is_own ? 1 : 0;
    return;
  }
  // Cancelled without the client having gone: a second attempt was faster.
  const bool has_timed_out = first != nullptr && first->state == AttemptState::kCancelled;
  const FailureClass failure = first == nullptr ? FailureClass::kConnect
                               : has_timed_out  ? FailureClass::kTimeout
                                                : first->failure;
  ++counts.failed[static_cast<std::size_t>(failure)];
  if (input.arm == Arm::kStable || query.kind == QueryKind::kCandidate) {
    ++(user_has_good_answer(query) ? counts.rescued : counts.lost);
  }
}

}  // namespace

Lane::Lane(Rng rng, LaneOptions options)
    : splitter_(rng),
      shadow_(rng.fork(), options.shadow),
      budget_(options.retries_per_second),
      options_(options) {}

void Lane::apply(const RoutingPlan& plan) {
  table_ = plan.table;
  std::set<std::string> in_use;
  const auto take = [&](const std::string& revision, bool keeps_last) {
    static const std::vector<EndpointAddress> kNone;
    const auto found = plan.endpoints.find(revision);
    EndpointSet& set = sets_.try_emplace(revision, revision).first->second;
    set.update(found == plan.endpoints.end() ? kNone : found->second, keeps_last, tally_);
    (void)tally_.revision(revision);
    in_use.insert(revision);
    return &set;
  };
  stable_ = table_.stable ? take(table_.stable->revision, true) : nullptr;
  candidate_ = table_.candidate ? take(table_.candidate->target.revision, false) : nullptr;
  std::erase_if(sets_, [&in_use](const auto& entry) { return !in_use.contains(entry.first); });
  splitter_.set_share(table_.candidate ? table_.candidate->weight : Share{0});
  shadow_.set_table(table_);
  tally_.forget(in_use);
}

EndpointSet* Lane::set_of(Arm arm) {
  return arm == Arm::kStable ? stable_ : candidate_;
}

bool Lane::has_answering_stable(MonotonicTime now) const {
  return stable_ != nullptr && stable_->has_answering(now);
}

// Of users whom the table names by a header each is one arm's; of all other queries the splitter
// counts out the share.
bool Lane::is_candidates(const Arrival& arrival) {
  if (table_.candidate && table_.candidate->sticky_header && arrival.header) {
    const std::string_view user = arrival.header(*table_.candidate->sticky_header);
    if (names_user(user)) {
      return sticky_place(table_.candidate->target.revision, user) < table_.candidate->weight;
    }
  }
  return splitter_.next();
}

void Lane::choose_kind(Query& query, const Arrival& arrival) {
  const bool has_stable = stable_ != nullptr && stable_->size() > 0;
  const bool has_candidate =
      candidate_ != nullptr && candidate_->size() > 0 && splitter_.share() > Share{0};
  const bool is_its = is_candidates(arrival);
  const auto live = [this](const std::string& revision) -> ArmCounts& {
    return tally_.revision(revision).of(wire::CounterMode::kLive);
  };
  if (is_its) {
    const bool wants_pair = arrival.is_quarantined && has_stable;
    if (!has_candidate || (wants_pair && pairs_ >= options_.pairs_max)) {
      ++live(table_.candidate->target.revision).diverted;
    } else {
      query.kind = wants_pair ? QueryKind::kPair : QueryKind::kCandidate;
    }
  } else if (!has_stable && has_candidate) {
    // Better the candidate's answer than none.
    if (table_.stable) {
      ++live(table_.stable->revision).diverted;
    }
    query.kind = QueryKind::kCandidate;
  }
  if (query.kind != QueryKind::kCandidate && table_.stable) {
    query.stable_counts = &tally_.revision(table_.stable->revision).of(mode_of(query.kind));
  }
  if (query.kind != QueryKind::kStable) {
    query.candidate_counts =
        &tally_.revision(table_.candidate->target.revision).of(mode_of(query.kind));
  }
}

Actions Lane::query_arrived(Query& query, const Arrival& arrival) {
  CHECK(query.attempt_count == 0);
  Actions actions;
  const std::chrono::milliseconds standard{table_.deadline_ms};
  const auto allowed = std::min(arrival.allowed.value_or(standard), standard);
  query.started = arrival.now;
  query.is_hurried = allowed < standard;
  query.deadline = arrival.now + allowed;
  query.hedge_at = kNever;
  choose_kind(query, arrival);
  for (ArmCounts* counts : {query.stable_counts, query.candidate_counts}) {
    if (counts != nullptr) {
      ++counts->assigned;
      ++counts->in_flight;
    }
  }
  if (query.kind == QueryKind::kCandidate) {
    CHECK(start_attempt(query, Arm::kCandidate, arrival.now, actions));
    return actions;
  }
  pairs_ += query.kind == QueryKind::kPair ? 1 : 0;
  if (!start_attempt(query, Arm::kStable, arrival.now, actions)) {
    give_up(query, arrival.now, actions);
    return actions;
  }
  budget_.on_query();
  query.hedge_at = arrival.now + allowed / 2;
  if (query.kind == QueryKind::kPair) {
    CHECK(start_attempt(query, Arm::kCandidate, arrival.now, actions));
  } else {
    start_copy(query, arrival, actions);
  }
  return actions;
}

// After the user's own attempt, so that its bytes leave first.
void Lane::start_copy(Query& query, const Arrival& arrival, Actions& actions) {
  const std::optional<Arm> arm = shadow_.sample();
  if (!arm) {
    return;
  }
  if (shadow_.has_room(arrival.bytes) && start_attempt(query, *arm, arrival.now, actions)) {
    shadow_.count_start(query, {.arm = *arm, .bytes = arrival.bytes}, tally_);
  } else {
    shadow_.count_dropped(*arm, tally_);
  }
}

// Half of what is left for the candidate, so that stable has the other half to answer in, and no
// more than twice the latency objective: whoever waits longer than that is better served by stable.
// Nobody waits for a copy: it has as long as a patient user would have.
Duration Lane::time_for(const Query& query, Arm arm, MonotonicTime now) const {
  if (is_copy(query, arm)) {
    return std::chrono::milliseconds{table_.deadline_ms};
  }
  const Duration left = query.deadline - now;
  if (arm != Arm::kCandidate) {
    return left;
  }
  const std::chrono::milliseconds limit{table_.candidate ? 2 * table_.candidate->latency_max_ms
                                                         : 0};
  return limit.count() > 0 ? std::min<Duration>(left / 2, limit) : left / 2;
}

bool Lane::start_attempt(Query& query, Arm arm, MonotonicTime now, Actions& actions) {
  EndpointSet* set = set_of(arm);
  if (set == nullptr || query.attempt_count == kAttemptsMax) {
    return false;
  }
  const Endpoint* tried = nullptr;
  for (Slot slot = 0; slot < query.attempt_count; ++slot) {
    const bool is_same = query.attempts[slot].arm == (arm == Arm::kTwin ? Arm::kStable : arm);
    tried = is_same ? query.attempts[slot].endpoint.get() : tried;
  }
  const EndpointPointer endpoint = set->pick(now, tried);
  if (endpoint == nullptr) {
    return false;
  }
  ++endpoint->outstanding;
  const Slot slot = query.attempt_count++;
  query.attempts[slot] = {.endpoint = endpoint,
                          .arm = arm,
                          .started = now,
                          .deadline = now + time_for(query, arm, now)};
  actions.start[actions.start_count++] = slot;
  return true;
}

void Lane::end_attempt(Query& query, Slot slot, const AttemptEnd& end, MonotonicTime now) {
  CHECK(is_running(query, slot));
  Attempt& attempt = query.attempts[slot];
  attempt.state = end.failure ? AttemptState::kFailed : AttemptState::kAnswered;
  attempt.failure = end.failure.value_or(FailureClass::kConnect);
  attempt.has_response = end.has_response;
  attempt.is_empty = end.is_empty;
  if (query.copy && end.hits) {
    attempt.ranking = parse_hits(*end.hits);
  }
  attempt.ended = now;
  Endpoint& endpoint = *attempt.endpoint;
  endpoint.on_end(end.failure, now);
  const auto mode = static_cast<std::size_t>(mode_of(query, attempt.arm));
  ++endpoint.counts->ended[mode];
  endpoint.counts->failed[mode] += end.failure ? 1 : 0;
  if (mode == static_cast<std::size_t>(wire::CounterMode::kLive)) {
    ++endpoint.counts->latency[pod_latency_bucket(now - attempt.started)];
  }
  if (endpoint.is_left_over && end.failure && set_of(attempt.arm) != nullptr) {
    set_of(attempt.arm)->drop_failed_left_overs();
  }
}

// The detectors hear of each arm's first attempt at once: users need protection before the query
// is over.
void Lane::sample(const Query& query, Slot slot, Actions& actions) const {
  const Attempt& attempt = query.attempts[slot];
  const bool is_own = query.kind != QueryKind::kCandidate || attempt.arm == Arm::kCandidate;
  if (!is_own || is_copy(query, attempt.arm) || first_of(query, attempt.arm) != &attempt ||
      counts_against_nobody(query, attempt) || actions.sample_count == actions.samples.size()) {
    return;
  }
  actions.samples[actions.sample_count++] = {
      .revision = attempt.endpoint->revision,
      .has_failed = attempt.state != AttemptState::kAnswered};
}

void Lane::cancel(Query& query, Slot slot, MonotonicTime now, Actions& actions) {
  CHECK(is_running(query, slot));
  query.attempts[slot].state = AttemptState::kCancelled;
  query.attempts[slot].ended = now;
  --query.attempts[slot].endpoint->outstanding;
  actions.cancel[actions.cancel_count++] = slot;
}

// Attempts that lost the race against `keep`.
void Lane::cancel_others(Query& query, Slot keep, MonotonicTime now, Actions& actions) {
  for (Slot slot = 0; slot < query.attempt_count; ++slot) {
    if (slot == keep || !is_running(query, slot) || !is_for_user(query, query.attempts[slot])) {
      continue;
    }
    // The slower one is as bad as a timeout, for its worker's record too.
    end_attempt(query, slot, {.failure = FailureClass::kTimeout}, now);
    query.attempts[slot].state = AttemptState::kCancelled;
    actions.cancel[actions.cancel_count++] = slot;
    sample(query, slot, actions);
  }
}

void Lane::settle(Query& query, UserState state, MonotonicTime now, Actions& actions) {
  CHECK(!is_settled(query));
  query.user = state;
  query.settled = now;
  query.hedge_at = kNever;
  if (state == UserState::kGone) {
    for (Slot slot = 0; slot < query.attempt_count; ++slot) {
      if (is_running(query, slot)) {
        cancel(query, slot, now, actions);
      }
    }
  }
  count_if_over(query);
}

void Lane::count_if_over(Query& query) {
  if (!is_settled(query)) {
    return;
  }
  bool is_copy_running = false;
  for (Slot slot = 0; slot < query.attempt_count; ++slot) {
    if (is_running(query, slot)) {
      if (!is_copy(query, query.attempts[slot].arm)) {
        return;
      }
      is_copy_running = true;
    }
  }
  // The query itself does not wait for its copy.
  if (!query.is_counted) {
    query.is_counted = true;
    count_arms(query);
  }
  if (query.copy && !query.copy->is_counted && !is_copy_running) {
    query.copy->is_counted = true;
    count_copy(query);
  }
}

void Lane::count_arms(Query& query) {
  if (query.kind == QueryKind::kPair) {
    --pairs_;
  }
  if (query.stable_counts != nullptr) {
    count_arm(*query.stable_counts, {query, Arm::kStable, query.settled});
  }
  if (query.candidate_counts != nullptr) {
    const Attempt* own = first_of(query, Arm::kCandidate);
    const bool is_pair = query.kind == QueryKind::kPair && own != nullptr;
    count_arm(*query.candidate_counts,
              {query, Arm::kCandidate, is_pair ? own->ended : query.settled});
  }
}

void Lane::count_copy(Query& query) {
  shadow_.count_end(query);
  if (query.copy->candidate_counts != nullptr) {
    count_arm(*query.copy->stable_counts, {query, Arm::kStable, query.settled});
    count_arm(*query.copy->candidate_counts,
              {query, Arm::kCandidate, first_of(query, Arm::kCandidate)->ended});
  }
}

void Lane::give_up(Query& query, MonotonicTime now, Actions& actions) {
  std::optional<Slot> passed_on;
  bool has_timed_out = now >= query.deadline;
  for (Slot slot = 0; slot < query.attempt_count; ++slot) {
    const Attempt& attempt = query.attempts[slot];
    if (attempt.state == AttemptState::kFailed && is_for_user(query, attempt)) {
      passed_on = attempt.has_response ? slot : passed_on;
      has_timed_out = has_timed_out || attempt.failure == FailureClass::kTimeout;
    }
  }
  if (passed_on) {
    query.answered_by = passed_on;
    actions.answer = passed_on;
    settle(query, UserState::kAnswered, now, actions);
    return;
  }
  actions.refuse = query.attempt_count == 0 ? Refusal::kNoUpstream
                   : has_timed_out          ? Refusal::kDeadline
                                            : Refusal::kUpstreamFailed;
  settle(query, UserState::kRefused, now, actions);
}

void Lane::after_failure(Query& query, Slot slot, MonotonicTime now, Actions& actions) {
  const Attempt& attempt = query.attempts[slot];
  if (query.user != UserState::kWaiting || !is_for_user(query, attempt)) {
    return;
  }
  for (Slot other = 0; other < query.attempt_count; ++other) {
    if (is_running(query, other) && is_for_user(query, query.attempts[other])) {
      return;  // That one may still answer.
    }
  }
  if (now < query.deadline) {
    if (attempt.arm == Arm::kCandidate) {
      if (!is_planted(Mutant::kNoRescue) && start_attempt(query, Arm::kStable, now, actions)) {
        return;
      }
    } else if (query.retries < kRetriesMax && budget_.take(now) &&
               start_attempt(query, Arm::kStable, now, actions)) {
      ++query.retries;
      return;
    }
  }
  give_up(query, now, actions);
}

Actions Lane::attempt_ended(Query& query, Slot slot, AttemptEnd end, MonotonicTime now) {
  Actions actions;
  end_attempt(query, slot, end, now);
  sample(query, slot, actions);
  if (query.user == UserState::kStreaming && query.answered_by == slot) {
    settle(query, end.failure ? UserState::kRefused : UserState::kAnswered, now, actions);
    return actions;
  }
  if (end.failure) {
    after_failure(query, slot, now, actions);
  } else if (query.user == UserState::kWaiting && is_for_user(query, query.attempts[slot])) {
    query.answered_by = slot;
    actions.answer = slot;
    cancel_others(query, slot, now, actions);
    settle(query, UserState::kAnswered, now, actions);
  }
  count_if_over(query);
  return actions;
}

bool Lane::start_streaming(Query& query, Slot slot, MonotonicTime now, Actions& actions) {
  CHECK(is_running(query, slot));
  if (query.user != UserState::kWaiting || !is_for_user(query, query.attempts[slot])) {
    return false;
  }
  query.user = UserState::kStreaming;
  query.answered_by = slot;
  query.hedge_at = kNever;
  cancel_others(query, slot, now, actions);
  query.attempts[slot].deadline = query.deadline;  // Nobody can step in for it any more.
  const bool is_own = slot == 0;
  ArmCounts* counts =
      query.attempts[slot].arm == Arm::kStable ? query.stable_counts : query.candidate_counts;
  if (is_own && counts != nullptr) {
    ++counts->streamed;
  }
  return true;
}

Actions Lane::time_passed(Query& query, MonotonicTime now) {
  Actions actions;
  for (Slot slot = 0; slot < query.attempt_count; ++slot) {
    if (!is_running(query, slot) || now < query.attempts[slot].deadline) {
      continue;
    }
    end_attempt(query, slot, {.failure = FailureClass::kTimeout}, now);
    actions.cancel[actions.cancel_count++] = slot;
    sample(query, slot, actions);
    if (query.user == UserState::kStreaming && query.answered_by == slot) {
      settle(query, UserState::kRefused, now, actions);
    } else {
      after_failure(query, slot, now, actions);
    }
  }
  if (query.user == UserState::kWaiting && now >= query.hedge_at) {
    query.hedge_at = kNever;
    const bool has_other = stable_ != nullptr && stable_->size() > 1;
    if (has_other && query.retries == 0 && is_running(query, 0) && budget_.take(now) &&
        start_attempt(query, Arm::kStable, now, actions)) {
      ++query.retries;
    }
  }
  count_if_over(query);
  return actions;
}

Actions Lane::client_gone(Query& query, MonotonicTime now) {
  Actions actions;
  if (!is_settled(query)) {
    settle(query, UserState::kGone, now, actions);
  }
  return actions;
}

std::optional<MonotonicTime> Lane::next_wake(const Query& query) {
  std::optional<MonotonicTime> soonest;
  const auto consider = [&soonest](MonotonicTime at) {
    soonest = soonest ? std::min(*soonest, at) : at;
  };
  for (Slot slot = 0; slot < query.attempt_count; ++slot) {
    if (is_running(query, slot)) {
      consider(query.attempts[slot].deadline);
    }
  }
  if (soonest && query.user == UserState::kWaiting && query.hedge_at != kNever) {
    consider(query.hedge_at);
  }
  return soonest;
}

bool Lane::is_over(const Query& query) {
  return query.is_counted && (!query.copy || query.copy->is_counted);
}

}  // namespace sluice::router
