#include "controllers/canary_rollout/pod_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace sluice::canary_rollout {
namespace {

constexpr Duration kWindow = std::chrono::minutes(5);
constexpr std::int32_t kRestartsMax = 3;
constexpr std::size_t kChangesMax = 16;

std::string id_of(const kube::Pod& pod, const kube::ContainerStatus& container) {
  return pod.metadata.uid + "/" + container.name;
}

// Why a pod does not run, in its own words; empty when it says nothing.
std::string trouble_of(const kube::Pod& pod) {
  for (const auto* containers :
       {&pod.status.init_container_statuses, &pod.status.container_statuses}) {
    for (const kube::ContainerStatus& container : *containers) {
      if (container.state.waiting && !container.state.waiting->reason.empty()) {
        return fmt::format("{}: {} {} {}",
                           pod.metadata.name,
                           container.name,
                           container.state.waiting->reason,
                           container.state.waiting->message);
      }
    }
  }
  return pod.status.message.empty() ? std::string() : pod.metadata.name + ": " + pod.status.message;
}

}  // namespace

std::int32_t PodWatch::recent_restarts(Memory& memory,
                                       const kube::Pod& pod,
                                       const kube::ContainerStatus& container,
                                       WallTime now) {
  std::vector<Restarts>& seen = memory.restarts[id_of(pod, container)];
  const WallTime created = pod.metadata.creation_timestamp.value_or(now);
  if (seen.empty()) {
    // All restarts of a young pod are recent; of an old one we know nothing yet.
    const bool is_young = now - created <= kWindow;
    seen.push_back({.at = created, .count = is_young ? 0 : container.restart_count});
  }
  if (seen.back().count != container.restart_count && seen.size() < kChangesMax) {
    seen.push_back({.at = now, .count = container.restart_count});
  }
  // The newest count from before the window is what the present one is measured against.
  while (seen.size() > 1 && now - seen[1].at > kWindow) {
    seen.erase(seen.begin());
  }
  return container.restart_count - seen.front().count;
}

CandidatePods PodWatch::look(const kube::ObjectKey& rollout,
                             const std::string& revision,
                             const Pods& pods,
                             WallTime now) {
  Memory& memory = rollouts_[rollout];
  if (memory.revision != revision) {
    memory = {.revision = revision};
  }
  CandidatePods result;
  std::set<std::string> present;
  for (const auto& pod : pods) {
    result.ready += kube::is_ready(*pod) ? 1 : 0;
    if (result.detail.empty()) {
      result.detail = trouble_of(*pod);
    }
    for (const kube::ContainerStatus& container : pod->status.container_statuses) {
      present.insert(id_of(*pod, container));
      if (recent_restarts(memory, *pod, container, now) >= kRestartsMax) {
        result.is_crash_looping = true;
        result.detail = fmt::format("{} restarted {} times; {}",
                                    pod->metadata.name,
                                    container.restart_count,
                                    trouble_of(*pod));
      }
    }
  }
  std::erase_if(memory.restarts, [&](const auto& entry) { return !present.contains(entry.first); });
  if (result.ready > 0) {
    memory.none_ready_since.reset();
  } else if (!memory.none_ready_since) {
    memory.none_ready_since = now;
  }
  result.none_ready_since = memory.none_ready_since;
  return result;
}

void PodWatch::forget(const kube::ObjectKey& rollout) {
  rollouts_.erase(rollout);
}

}  // namespace sluice::canary_rollout
