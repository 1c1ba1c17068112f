#pragma once
// Witness: looks at the cluster after every write of an operator, notes what changed in the order
// in which it did, and what must never be. An operator sees the world a little late: what it did is
// wrong only if it was wrong at every moment within `staleness`. Server and data plane outlive it.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "base/loop.h"
#include "base/time.h"
#include "crds/canary_rollout.h"
#include "dataplane/wire/route_table.h"
#include "tests/fake_api/fake_api_server.h"
#include "tests/sim/data_plane.h"

namespace sluice {

class Witness {
 public:
  struct Surroundings {
    Loop& loop;
    FakeApiServer& server;
    const DataPlane& data_plane;
  };

  Witness(Surroundings surroundings, Duration staleness)
      : loop_(surroundings.loop),
        server_(surroundings.server),
        data_plane_(surroundings.data_plane),
        staleness_(staleness) {}

  void look(const WriteRecord& write);

  // All of stable's workers may be away at once, by no fault of the operator's: a table must name
  // it all the same.
  void excuse_stable() { is_stable_excused_ = true; }

  // By a person: what the rollout asked for holds no longer.
  void rollout_was_deleted();

  // "phase: Idle, Pending, Evaluating", "weight: 0%, 10%, 0%", "builder packages-x: 1", …: what
  // each thing has been, in order. Two things may change in either order: two controllers run.
  [[nodiscard]] std::vector<std::string> history() const;

  [[nodiscard]] const std::vector<std::string>& wrong() const { return wrong_; }

 private:
  void look_at_rollout();
  void look_at_index();
  void look_at_route();
  void look_at_revision(const kube::ObjectKey& key);
  void look_at_weight(const wire::RouteTable& table);
  void look_at_phase(api::RolloutPhase phase);
  void look_at_lease(const WriteRecord& write);
  void note(const std::string& what, const std::string& value);
  void expect(bool holds, const std::string& what);
  [[nodiscard]] bool has_workers(const std::string& revision);

  struct StepSeen {
    std::string candidate;
    std::int32_t index = 0;
    std::optional<WallTime> started_at;
    std::int64_t block = 0;
  };

  // What a rollout had written down, until when.
  struct Wish {
    api::CanaryRolloutStatus status = {};
    std::optional<MonotonicTime> until = {};
  };

  Loop& loop_;
  FakeApiServer& server_;
  const DataPlane& data_plane_;
  Duration staleness_;
  bool is_stable_excused_ = false;
  std::string at_;                                       // The write that is looked at.
  std::map<std::string, std::vector<std::string>> was_;  // By thing.
  StepSeen step_;
  std::deque<Wish> wishes_;  // Of the last `staleness`, newest last.
  std::optional<api::RolloutPhase> phase_;
  std::int64_t confirmed_seq_ = 0;  // The newest wish that all routers were seen to have fulfilled.
  std::tuple<std::int64_t, std::int64_t> confirmed_table_;  // Epoch and generation.
  std::string with_weight_;  // The candidate in the last table, if it had weight.
  std::string holder_;       // Of the lease.
  std::map<std::string, std::string> identities_;  // By user, of those who ever held it.
  std::vector<std::string> wrong_;
};

}  // namespace sluice
