#pragma once
// World: a cluster with one index in it, as the production operator meets it: API server, cluster,
// pods and users, and one or two operators with the seams that main() gives them. Everything that
// chance decides is drawn from one seed; the same seed and the same deeds give the same lines, and
// so the same hash. It moves only when `loop` is run.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "crds/canary_rollout.h"
#include "crds/rag_index.h"
#include "tests/fake_api/actors.h"
#include "tests/fake_api/fake_api_server.h"
#include "tests/sim/data_plane.h"
#include "tests/sim/pace.h"
#include "tests/sim/witness.h"
#include "tests/sim_loop/sim_loop.h"

namespace sluice {

struct WorldOptions {
  std::uint64_t seed = 1;
  Pace pace = {};
  Duration staleness = {};       // Witness's.
  std::string policy = {};       // The CanaryRollout's manifest.
  bool has_models = true;        // The operator may read ModelVersions.
  std::size_t operators = 1;     // At most one leads.
  Span restart_after_loss = {};  // Of an operator that ended because it lost the lease.
  // Told each line as it is written; may be empty.
  std::function<void(const std::string&)> on_line = {};
};

class World {
 public:
  // The index of examples/ and its policy are there, the operators start.
  explicit World(WorldOptions options);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // --- What people do. ---
  void apply(const std::string& path);  // A manifest.
  void apply_text(const std::string& yaml);
  void delete_rollout();
  // To the rollout of the present candidate.
  void command(std::string_view verb);

  // --- What goes wrong. ---
  // As SIGKILL: nothing is given back or finished. Starts again after `pause`. Nothing happens to
  // one that is dead already.
  void kill_operator(std::size_t place, Duration pause);
  // The one that sent this, before it hears the reply.
  void kill_sender(const WriteRecord& write, Duration pause);
  // The API server cannot be reached for so long.
  void take_api_away(Duration span);

  // Asked for the requests of the operators, if they are set.
  std::function<Fault(const WriteRecord&)> fault_of_write;
  std::function<Fault(const HttpRequest&)> fault_of_read;
  std::function<Duration()> added_latency;
  // Told of each write of an operator's after it was looked at; may kill its sender.
  std::function<void(const WriteRecord&)> after_write;

  // --- What there is. ---
  [[nodiscard]] api::RagIndex index();
  [[nodiscard]] std::optional<api::CanaryRollout> rollout();
  // The index's Ready condition has this reason, for the present generation of its spec.
  [[nodiscard]] bool is_ready_because(std::string_view reason);
  // The candidate has this share of the users, as all routers confirmed, and its step has begun.
  [[nodiscard]] bool is_at(Share weight);
  [[nodiscard]] bool is_in(api::RolloutPhase phase);
  // Changes whenever one of these answers may have changed.
  [[nodiscard]] std::int64_t version() const;

  // What the operators sent as "PUT RagIndex default/packages status", but for renewals of the
  // lease; also what a fault kept from happening.
  [[nodiscard]] const std::vector<std::string>& writes() const { return writes_; }

  [[nodiscard]] std::size_t operators() const { return processes_.size(); }

  [[nodiscard]] int leases_lost() const { return leases_lost_; }

  // One more line of what happened; the time is put before it.
  void note(const std::string& what);

  // Of all lines so far, with the bodies of what was written.
  [[nodiscard]] std::uint64_t trace_hash() const { return hash_; }

  SimLoop loop;

 private:
  Rng rng_;  // Before all that it seeds.

 public:
  FakeApiServer server;
  ClusterActors actors;
  DataPlane data_plane;
  Witness witness;

 private:
  struct Process;

  void start_operator(std::size_t place);
  void lost_lease(std::size_t place, int life);
  [[nodiscard]] Fault fault_of(const WriteRecord& write);
  void written(const WriteRecord& write);
  void mix(std::string_view text);

  WorldOptions options_;
  Rng operator_rng_;
  int lives_ = 0;
  int leases_lost_ = 0;
  int commands_ = 0;
  std::vector<std::string> writes_;
  std::uint64_t hash_ = 14695981039346656037U;
  std::vector<std::unique_ptr<Process>> processes_;  // By place; null: dead.
};

// The text of a file of the tree.
[[nodiscard]] std::string text_of_file(const std::string& path);

}  // namespace sluice
