#include <algorithm>
#include <array>

#include "controllers/rag_index/build.h"
#include "crds/names.h"

namespace sluice::rag_index {
namespace {

constexpr Duration kImageTimeout = std::chrono::seconds(60);

// Waiting reasons that do not pass by themselves.
bool is_hopeless(std::string_view reason) {
  constexpr std::array<std::string_view, 6> kReasons{"ErrImagePull",
                                                     "ImagePullBackOff",
                                                     "InvalidImageName",
                                                     "ErrImageNeverPull",
                                                     "CreateContainerConfigError",
                                                     "CreateContainerError"};
  return std::ranges::find(kReasons, reason) != kReasons.end();
}

const kube::ContainerWaiting* waiting_of(const kube::Pod& pod) {
  for (const auto* statuses :
       {&pod.status.init_container_statuses, &pod.status.container_statuses}) {
    for (const kube::ContainerStatus& each : *statuses) {
      if (each.state.waiting && each.state.waiting->reason != "PodInitializing" &&
          each.state.waiting->reason != "ContainerCreating") {
        return &*each.state.waiting;
      }
    }
  }
  return nullptr;
}

std::string text_of(const kube::ContainerWaiting& waiting) {
  return waiting.reason + (waiting.message.empty() ? "" : ": " + waiting.message);
}

std::string text_of(const kube::ContainerTerminated& ended) {
  std::string message = ended.message;
  while (!message.empty() && (message.back() == '\n' || message.back() == ' ')) {
    message.pop_back();
  }
  const std::string code = ended.reason + " (exit code " + std::to_string(ended.exit_code) + ")";
  return message.empty() ? code : message + " [" + code + "]";
}

bool was_disrupted(const kube::Pod& pod) {
  const auto* target = kube::find_condition(pod.status.conditions, "DisruptionTarget");
  const std::string& reason = pod.status.reason;
  return (target != nullptr && target->status == kube::ConditionStatus::kTrue) ||
         reason == "Evicted" || reason == "NodeLost" || reason == "Preempting" ||
         reason == "Shutdown" || reason == "NodeShutdown" || reason == "Terminated";
}

std::string end_of(const kube::Pod& pod) {
  for (const kube::ContainerStatus& each : pod.status.container_statuses) {
    if (each.state.terminated) {
      return "the builder ended: " + text_of(*each.state.terminated);
    }
  }
  const std::string& message = pod.status.message;
  return "the builder pod failed" + (message.empty() ? std::string{} : ": " + message);
}

}  // namespace

BuilderState state_of_builder(const Observation& seen, const kube::Pod& pod, WallTime now) {
  BuilderState state;
  const WallTime created = pod.metadata.creation_timestamp.value_or(now);
  state.last_sign = created;
  if (const auto found = seen.reports.find(pod.metadata.uid); found != seen.reports.end()) {
    state.report = found->second.report;
    state.last_sign = std::max(created, found->second.arrived.wall);
  }
  const bool has_ended = pod.status.phase == "Failed" || pod.status.phase == "Succeeded";
  if (pod.metadata.deletion_timestamp || (has_ended && was_disrupted(pod))) {
    state.was_evicted = true;
    return state;
  }
  if (has_ended) {
    // What it said last is clearer than how it ended.
    const bool has_said = state.report && state.report->phase == wire::BuildPhase::kFailed &&
                          !state.report->message.empty();
    state.failure = has_said ? state.report->message : end_of(pod);
    return state;
  }
  if (const kube::ContainerWaiting* waiting = waiting_of(pod)) {
    state.waiting = text_of(*waiting);
    if (is_hopeless(waiting->reason)) {
      if (now - created > kImageTimeout) {
        state.failure = "the builder cannot start: " + state.waiting;
      } else {
        state.check_again = kImageTimeout - (now - created) + std::chrono::seconds(1);
      }
    }
  } else if (const auto* scheduled = kube::find_condition(pod.status.conditions, "PodScheduled");
             scheduled != nullptr && scheduled->status == kube::ConditionStatus::kFalse) {
    state.waiting = "the pod is not scheduled: " + scheduled->message;
  }
  return state;
}

Duration back_off(std::int32_t failures) {
  constexpr Duration kFirst = std::chrono::seconds(30);
  constexpr Duration kMax = std::chrono::minutes(10);
  Duration delay = kFirst;
  for (std::int32_t i = 1; i < failures && delay < kMax; ++i) {
    delay *= 2;
  }
  return std::min(delay, kMax);
}

std::string trouble_of_pods(const Observation& seen, std::string_view revision) {
  for (const kube::Pod* pod : pods_of(seen, api::kComponentWorker, revision)) {
    if (const kube::ContainerWaiting* waiting = waiting_of(*pod)) {
      std::string text = pod->metadata.name + ": " + text_of(*waiting);
      for (const auto* statuses :
           {&pod->status.init_container_statuses, &pod->status.container_statuses}) {
        for (const kube::ContainerStatus& each : *statuses) {
          if (each.state.waiting && each.last_state.terminated) {
            text += "; last: " + text_of(*each.last_state.terminated);
          }
        }
      }
      return text;
    }
  }
  return {};
}

std::string holder_url(std::string_view service) {
  return "http://" + std::string(service) + ":" + std::to_string(api::kHttpPort);
}

}  // namespace sluice::rag_index
