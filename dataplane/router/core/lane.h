#pragma once
// Lane: the router's mind for one thread. Events of the world go in (a query arrived, an attempt
// ended, time passed, the client hung up, a new plan), what to do comes out. Pure: no I/O, no
// clock, no threads; the shell calls it under the lane's lock and passes the time.
//
// Rules (see also the README):
//   - a failed candidate attempt is answered by stable, without a budget;
//   - a failed stable attempt is tried again at another worker, within the retry budget;
//   - a stable attempt that takes more than half of the time is joined by a second one;
//   - the first attempt decides how its arm is counted, once, when the query ends;
//   - a client that hangs up counts against nobody;
//   - a copy of a stable query (shadow) changes nothing for its user.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/rng.h"
#include "base/time.h"
#include "dataplane/router/core/endpoints.h"
#include "dataplane/router/core/plan.h"
#include "dataplane/router/core/query.h"
#include "dataplane/router/core/retry_budget.h"
#include "dataplane/router/core/shadow.h"
#include "dataplane/router/core/split.h"
#include "dataplane/router/core/tally.h"

namespace sluice::router {

struct LaneOptions {
  double retries_per_second = kRetriesPerSecondMin;  // This lane's part.
  std::size_t pairs_max = 64;  // Pairs whose candidate is still busy; beyond that it is not asked.
  ShadowLimits shadow = {};
};

struct Arrival {
  MonotonicTime now = {};
  std::optional<std::chrono::milliseconds> allowed = {};  // The client's own deadline.
  bool is_quarantined = false;
  std::size_t bytes = 0;  // Of the request, kept while a copy of it runs.
  // The query's value of a header; empty when it has none. Asked during query_arrived() only.
  std::function<std::string_view(std::string_view name)> header = {};
};

class Lane {
 public:
  Lane(Rng rng, LaneOptions options);

  void apply(const RoutingPlan& plan);

  // Fills `query`, which must be new, and says what to start. Each slot started must come back
  // through attempt_ended() unless it is cancelled.
  [[nodiscard]] Actions query_arrived(Query& query, const Arrival& arrival);
  [[nodiscard]] Actions attempt_ended(Query& query, Slot slot, AttemptEnd end, MonotonicTime now);
  // The answer of `slot` is too large to be held: its head goes to the user now. False if this
  // attempt is not the one to answer; its body is of no interest then.
  [[nodiscard]] bool start_streaming(Query& query, Slot slot, MonotonicTime now, Actions& actions);
  [[nodiscard]] Actions time_passed(Query& query, MonotonicTime now);
  [[nodiscard]] Actions client_gone(Query& query, MonotonicTime now);

  // When time_passed() has something to do; nothing when the query is over.
  [[nodiscard]] static std::optional<MonotonicTime> next_wake(const Query& query);
  // No attempt is running and all is counted.
  [[nodiscard]] static bool is_over(const Query& query);

  [[nodiscard]] const Tally& tally() const { return tally_; }

  [[nodiscard]] const wire::RouteTable& table() const { return table_; }

  [[nodiscard]] bool has_answering_stable(MonotonicTime now) const;

 private:
  [[nodiscard]] bool is_candidates(const Arrival& arrival);
  void choose_kind(Query& query, const Arrival& arrival);
  [[nodiscard]] bool start_attempt(Query& query, Arm arm, MonotonicTime now, Actions& actions);
  void start_copy(Query& query, const Arrival& arrival, Actions& actions);
  [[nodiscard]] Duration time_for(const Query& query, Arm arm, MonotonicTime now) const;
  void end_attempt(Query& query, Slot slot, const AttemptEnd& end, MonotonicTime now);
  void sample(const Query& query, Slot slot, Actions& actions) const;
  void settle(Query& query, UserState state, MonotonicTime now, Actions& actions);
  void after_failure(Query& query, Slot slot, MonotonicTime now, Actions& actions);
  void give_up(Query& query, MonotonicTime now, Actions& actions);
  void cancel_others(Query& query, Slot keep, MonotonicTime now, Actions& actions);
  void cancel(Query& query, Slot slot, MonotonicTime now, Actions& actions);
  void count_if_over(Query& query);
  void count_arms(Query& query);
  void count_copy(Query& query);
  [[nodiscard]] EndpointSet* set_of(Arm arm);

  Splitter splitter_;
  Shadow shadow_;
  RetryBudget budget_;
  LaneOptions options_;
  wire::RouteTable table_;
  std::map<std::string, EndpointSet> sets_;  // By revision; those of the table.
  EndpointSet* stable_ = nullptr;
  EndpointSet* candidate_ = nullptr;
  std::size_t pairs_ = 0;
  Tally tally_;
};

}  // namespace sluice::router
