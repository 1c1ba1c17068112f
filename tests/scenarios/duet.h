#pragma once
// Duet: both controllers' decisions in one small world: rag_index against its World, canary_rollout
// beside it, users in between. Each sees of the other only what the API would show: the statuses.
// For tests only. Time passes in ticks of half a second.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/rng.h"
#include "controllers/canary_rollout/decide.h"
#include "controllers/rag_index/testing/world.h"

namespace sluice {

struct DuetOptions {
  double queries_per_tick = 200;
  std::uint64_t seed = 1;
  double lost_writes = 0;    // Share of the rollout's status writes that fail.
  int index_writes_max = 0;  // The index's controller dies after so many writes of a decision.
};

class Duet {
 public:
  explicit Duet(DuetOptions options = {});

  rag_index::World world;
  std::map<std::string, double> error_rates;  // By revision.
  double overlap = 1;                         // Of the candidate's hits with stable's, by tenths.
  bool is_rollout_there = true;
  // The golden set behind its URL (a digest), and whether workers evaluate it when they are asked.
  std::string golden_set = rag_index::digest_of('3');
  bool do_workers_evaluate = true;

  void tick();
  void run(int seconds);
  bool run_until(const std::function<bool()>& is_done, int seconds = 1200);
  bool run_until(api::RolloutPhase phase, int seconds = 1200);

  // The first revision serves, and the policy waits for another.
  void start();
  // A change of the spec that makes a revision of this k1; its name.
  std::string change(double k1);
  void command(const std::string& text);
  // The CanaryRollout is deleted, as kubectl delete would.
  void delete_rollout();

  [[nodiscard]] api::CanaryRollout& rollout() { return world.rollouts.at(0); }

  [[nodiscard]] const api::CanaryRolloutStatus& status() { return rollout().status; }

  [[nodiscard]] const api::RagIndexStatus& index() const { return world.index.status; }

  [[nodiscard]] std::int64_t answered_by(const std::string& revision) const;
  // Nothing would be written by either.
  [[nodiscard]] bool is_quiet();

 private:
  void serve();
  // Whether the query failed.
  bool count(const std::string& revision, wire::CounterMode mode);
  void copy(const wire::RouteTable& table, bool has_stable_failed);
  [[nodiscard]] wire::RevisionCounters& counters_of(const std::string& revision,
                                                    wire::CounterMode mode);
  [[nodiscard]] bool fails(const std::string& revision);
  void show_counters();
  canary_rollout::Observation observe() const;
  canary_rollout::Evaluations evaluations() const;
  void evaluate_again();
  void reconcile_rollout();
  void check_invariants() const;

  DuetOptions options_;
  Rng rng_;
  wire::Counters counters_;
  double level_ = 0;    // Of the router's detector.
  std::string stable_;  // In the router's table.
  std::vector<canary_rollout::StoredPolicy> policies_;
  std::int64_t version_ = 0;
};

}  // namespace sluice
