#pragma once
// StoryWorld: for tests. A small world around decide(): an index that obeys what the status
// desires, routers with counters and quarantine, workers that fail as told, and a clock that ticks
// in seconds. One story each; one thread.

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/rng.h"
#include "controllers/canary_rollout/decide.h"

namespace sluice::canary_rollout {

struct StoryOptions {
  double queries_per_second = 400;
  double stable_error_rate = 0;
  double candidate_error_rate = 0;
  double overlap = 1;         // Of the candidate's hits with stable's, by tenths.
  double stable_overlap = 1;  // Of two workers of stable.
  int routers = 1;
  std::uint64_t seed = 1;
  bool restart_before_each_decide = false;  // The status goes through its JSON each time.
  double lost_writes = 0;  // Share of status writes that fail, as by a conflict or a crash.
};

class StoryWorld {
 public:
  explicit StoryWorld(StoryOptions options = {});

  // What the index and its users see; stories change it as they like.
  api::CanaryRollout rollout;
  std::optional<api::RagIndex> index;
  Observation seen;  // Routers, pods, evaluations, policies as observed; index and rollout are set.
  WallTime now;

  double stable_error_rate;
  double candidate_error_rate;
  double queries_per_second;
  // Times as long as 18 to 72 ms, the p95 at 61 ms.
  double stable_slowness = 1;
  double candidate_slowness = 1;
  // The candidate's users ask so many times as much as others.
  double users_eagerness = 1;
  bool index_obeys = true;  // False: the index controller is away.
  bool routers_confirm = true;
  bool routers_answer = true;       // False: no scrape succeeds.
  bool routers_quarantine = false;  // True: the candidate is kept from users whatever it does.

  std::vector<Announce> events;
  std::vector<api::RolloutPhase> phases;  // Each phase once, in order of appearance.
  std::vector<Share> weights;             // Of the route, as they changed.
  std::vector<Share> shadows;
  std::int64_t status_writes = 0;
  std::int64_t candidate_live_while_quarantined = 0;

  // A new candidate of this name is built and ready; its golden-set mean is `quality`.
  void offer_candidate(const std::string& revision, double quality = 0.75);
  void withdraw_candidate();
  void set_evaluation(bool of_candidate, double mean, const std::string& golden = "golden-1");
  // A command's annotation.
  void command(const std::string& text);
  void restart_router(int router);
  // Another process of the operator: it has heard of no router yet.
  void restart_operator();

  // One second: users, routers, scrapes, the index, then decide().
  void tick();
  void run(int seconds);
  // Until the phase comes; false after `seconds`.
  [[nodiscard]] bool run_until(api::RolloutPhase phase, int seconds = 3600);

  // Calls decide() once and does what it says.
  Decision decide_once();

  [[nodiscard]] const api::CanaryRolloutStatus& status() const { return rollout.status; }

  [[nodiscard]] const api::DecisionRecord& newest() const { return rollout.status.decisions.at(0); }

 private:
  struct Router {
    wire::Counters counters;
    double level = 0;
    int restarts = 0;
  };

  wire::RevisionCounters& counters_of(Router& router,
                                      const std::string& revision,
                                      wire::CounterMode mode);
  wire::QuarantineState& quarantine_of(Router& router, const std::string& revision);
  // The bucket of an answer that takes so many times as long as usual.
  [[nodiscard]] std::size_t answer(double slowness);
  void serve(Router& router);
  void serve_candidate(Router& router, const std::string& candidate);
  void serve_pair(Router& router, const std::string& candidate);
  void serve_copy(Router& router, bool has_stable_failed);
  // Whether the query failed.
  bool count_stable(Router& router, wire::CounterMode mode);
  bool feed_detector(Router& router, const std::string& candidate, bool failed);
  void scrape();
  void obey();
  void settle_candidate();
  void settle_watch();
  [[nodiscard]] bool flip(double probability);

  Rng rng_;
  Rng loss_;  // Of its own, so that losses do not change what users do.
  Rng pace_;  // The same for how long answers take.
  StoryOptions options_;
  std::vector<Router> routers_;
  std::int64_t ticks_ = 0;
  std::int64_t route_changed_at_ = 0;
};

// Of a condition of the rollout; empty when there is none of that type.
[[nodiscard]] std::string reason_of(const StoryWorld& world, std::string_view type);
[[nodiscard]] std::string message_of(const StoryWorld& world, std::string_view type);

// A rollout that has reached its first split step and some evidence.
[[nodiscard]] StoryWorld in_split(StoryOptions options = {});

}  // namespace sluice::canary_rollout
