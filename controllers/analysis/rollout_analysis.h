#pragma once
// The judge of one rollout. The caller folds one block after the other into a State and reads a
// verdict each time; it may look as often as it likes. Pure functions, any thread; total: whatever
// is in a block, they answer and never fail.
//
//   State state = new_state(settings);
//   learn_stable(settings, state, block);          // optional, while no candidate has weight
//   reset_step(state, 0.10);                       // whenever the weight changes
//   const Assessment seen = fold(settings, state, block);
//   status.evidence = encode(state);

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "controllers/analysis/assessment.h"
#include "controllers/analysis/counts.h"
#include "controllers/analysis/data_policy.h"
#include "controllers/analysis/hard_fail.h"
#include "controllers/analysis/settings.h"
#include "controllers/analysis/state.h"

namespace sluice::analysis {

// How long the requests of a block took, those of both kinds.
struct LatencyTaken {
  LatencyCounts live = {};
  LatencyCounts pairs = {};
  auto operator<=>(const LatencyTaken&) const = default;
};

// One interval of increments. After a gap (a restart of the operator) everything since the last
// block may come as one block: the cap then keeps it from deciding alone.
struct Block {
  // Strictly growing. index * block_seconds is the rollout's clock: count intervals that passed,
  // not blocks that were folded.
  std::int64_t index = 0;
  ArmCounts candidate = {};  // Live requests dispatched to the arm, after which bad ones; logical
  ArmCounts stable = {};  // requests, not attempts. A rescued request is bad for the candidate and
                          // counts nothing for stable.
  PairCounts pairs = {};  // Queries of quarantine, which went to both arms.
  // The pairs are no quarantine but copies of live queries of stable's, whose part of them is then
  // in `pairs` alone.
  bool is_shadow = false;
  // How many of all these took how long, at the edges that the state has fixed; empty: not known.
  std::optional<LatencyTaken> latency = {};
  std::vector<PodCounts> stable_pods = {};  // Live, by pod; to learn how much errors clump.
  std::int64_t candidate_pods = 0;          // Ready ones.
  BlockData data = BlockData::kValid;
  std::string data_detail = {};  // For the message when data is not valid.
  HardFacts facts = {};
};

// An analysis that has seen nothing. CHECKs that the settings are valid.
[[nodiscard]] State new_state(const Settings& settings);

// Fixes the edges at which latencies are judged, by the histogram of stable's answers so far; see
// plan_edges(). Until then a latency objective has no evidence and lets no step end. What is known
// of stable when it is called should not be part of a later block. True when it has fixed them.
bool plan_latency(const Settings& settings,
                  State& state,
                  std::span<const std::int64_t> stable_histogram);

// Learns dispersion and whether stable keeps its objective from a block without candidate traffic;
// takes no time from the horizon. A minute of it before the first step is enough.
void learn_stable(const Settings& settings, State& state, const Block& block);

// Folds a block and judges. A block whose index is not above the last one changes nothing. The
// state is unchanged too, but for its index and the invalid counts, when the block is not valid.
[[nodiscard]] Assessment fold(const Settings& settings, State& state, const Block& block);

enum class Folded { kCounted, kInvalid, kInternal, kStale };

// The state's part of fold() alone, for replays at full speed.
Folded fold_evidence(const Settings& settings, State& state, const Block& block);

// ln of the family's evidence for a rollback; the rule is ln E >= ln(1 / false_rollback_rate). 0
// without an objective.
[[nodiscard]] double ln_e_of(const Settings& settings, const State& state);

// Starts the proof anew at a weight (a share in [0, 1]); the evidence for rollback, dispersion and
// mask stay. Call it at every change of weight, before the first block at that weight.
void reset_step(State& state, double weight);

// Whether waiting on is pointless: no advance within the step's time left at present rates, and no
// evidence for a rollback either.
[[nodiscard]] bool is_futile(const Assessment& assessment, double step_seconds_left);

}  // namespace sluice::analysis
