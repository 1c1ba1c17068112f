#pragma once
// Witness: looks at the cluster after every write of the operator, notes what changed in the order
// in which it did, and what must never be. For tests; the server outlives it.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "crds/canary_rollout.h"
#include "dataplane/wire/route_table.h"
#include "tests/fake_api/fake_api_server.h"

namespace sluice {

class Witness {
 public:
  explicit Witness(FakeApiServer& server) : server_(server) {}

  void look(const WriteRecord& write);

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
  void note(const std::string& what, const std::string& value);
  void expect(bool holds, const std::string& what);
  [[nodiscard]] int ready_workers(const std::string& revision);

  struct StepSeen {
    std::string candidate;
    std::int32_t index = 0;
    std::optional<WallTime> started_at;
    std::int64_t block = 0;
  };

  FakeApiServer& server_;
  std::string at_;                                       // The write that is looked at.
  std::map<std::string, std::vector<std::string>> was_;  // By thing.
  StepSeen step_;
  std::vector<std::string> wrong_;
};

}  // namespace sluice
