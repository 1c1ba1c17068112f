#pragma once
// What a builder pod and worker pods say about themselves. Internal to the core. Pure.

#include <optional>
#include <string>
#include <string_view>

#include "controllers/rag_index/observation.h"

namespace sluice::rag_index {

// A pod of ours that has said nothing for so long is given up.
inline constexpr Duration kBuilderSilenceMax = std::chrono::minutes(30);

struct BuilderState {
  bool was_evicted = false;  // Not the build's fault: start it again.
  std::string failure = {};  // Why it will not succeed; empty while it may.
  std::string waiting = {};  // What it waits for before it runs.
  std::optional<wire::BuildReport> report = {};
  WallTime last_sign = {};  // Its last report, else its creation.
  Duration check_again = kBuilderSilenceMax;
};

// An image that cannot be pulled counts as a failure 60 s after the pod was made.
[[nodiscard]] BuilderState state_of_builder(const Observation& seen,
                                            const kube::Pod& pod,
                                            WallTime now);
// How long after so many failures in a row it is tried again: 30 s, doubled up to 10 minutes.
[[nodiscard]] Duration back_off(std::int32_t failures);
// What keeps a revision's workers from running, in a few words; empty when nothing does.
[[nodiscard]] std::string trouble_of_pods(const Observation& seen, std::string_view revision);
// Base URL of a Service whose pods hold artefacts.
[[nodiscard]] std::string holder_url(std::string_view service);

}  // namespace sluice::rag_index
