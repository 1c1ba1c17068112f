#pragma once
// PodWatch: what the candidates' worker pods say that one look cannot tell: how long none has been
// ready, and how often a container restarted within minutes. Its memory is short and only of this
// process; after a restart of the operator the clocks begin anew, which delays a rule and never
// fires one. Loop thread.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apiclient/types/core.h"
#include "controllers/canary_rollout/observation.h"

namespace sluice::canary_rollout {

class PodWatch {
 public:
  using Pods = std::vector<std::shared_ptr<const kube::Pod>>;

  // The worker pods of the candidate of one rollout as they are now.
  CandidatePods look(const kube::ObjectKey& rollout,
                     const std::string& revision,
                     const Pods& pods,
                     WallTime now);
  void forget(const kube::ObjectKey& rollout);

  [[nodiscard]] std::size_t size() const { return rollouts_.size(); }

 private:
  struct Restarts {
    WallTime at;
    std::int32_t count;
  };

  struct Memory {
    std::string revision = {};
    std::optional<WallTime> none_ready_since = {};
    // By pod UID and container: counts as they changed in the last five minutes, oldest first, and
    // the one before.
    std::map<std::string, std::vector<Restarts>> restarts = {};
  };

  // Restarts of a container in the last five minutes.
  std::int32_t recent_restarts(Memory& memory,
                               const kube::Pod& pod,
                               const kube::ContainerStatus& container,
                               WallTime now);

  std::map<kube::ObjectKey, Memory> rollouts_;
};

}  // namespace sluice::canary_rollout
