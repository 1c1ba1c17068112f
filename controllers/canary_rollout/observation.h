#pragma once
// Observation: all that one decision about a CanaryRollout may look at, by value. Its parts may be
// of different ages and older than our own last write; decide() is harmless on such input.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "crds/canary_rollout.h"
#include "crds/rag_index.h"
#include "dataplane/wire/build_report.h"
#include "dataplane/wire/counters.h"

namespace sluice::canary_rollout {

// A router of the index: its newest counters, if there are any.
struct RouterSeen {
  std::string name = {};
  // Exists and is ready, so that users may reach it: a block is valid only with its fresh counters.
  // Others add what they last said.
  bool is_expected = true;
  std::optional<wire::Counters> counters = {};
  WallTime arrived_at = {};  // By our own clock.
};

// The candidate's worker pods.
struct CandidatePods {
  std::int32_t ready = 0;
  std::optional<WallTime> none_ready_since = {};  // Since when none is ready, if so.
  bool is_crash_looping = false;  // One container restarted at least 3 times in 5 minutes.
  std::string detail = {};        // For the message: which pod, and what its container says.
};

struct Evaluations {
  std::optional<wire::EvaluationResults> candidate = {};
  std::optional<wire::EvaluationResults> stable = {};
  // Why they could not be fetched so far; empty when nothing went wrong.
  std::string candidate_problem = {};
  std::string stable_problem = {};
  // What the workers made of the index's present golden set, if they were asked: they are when the
  // builds' results are on different ones. The problem is that of whoever was asked last.
  std::optional<wire::EvaluationResults> candidate_again = {};
  std::optional<wire::EvaluationResults> stable_again = {};
  std::string again_problem = {};
  bool can_be_asked = false;  // The index names a golden set.
};

// A stored policy of this rollout (ControllerRevision).
struct StoredPolicy {
  std::string name = {};
  WallTime created_at = {};
  std::optional<api::ResolvedPolicy> policy = {};  // Empty: it cannot be read.
};

struct Observation {
  api::CanaryRollout rollout = {};
  std::optional<api::RagIndex> index = {};
  std::vector<RouterSeen> routers = {};
  // Since when this process looks at the rollout: what it has not heard of before was not there to
  // be heard.
  WallTime looking_since = {};
  CandidatePods candidate_pods = {};
  Evaluations evaluations = {};
  std::vector<StoredPolicy> policies = {};
  std::vector<std::string> rejected_revisions = {};  // Of the index, by their verdict label.
};

}  // namespace sluice::canary_rollout
