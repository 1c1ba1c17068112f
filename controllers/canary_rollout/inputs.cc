#include "controllers/canary_rollout/inputs.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "base/describe.h"
#include "controllers/canary_rollout/turn.h"

namespace sluice {

template <>
struct EnumNames<analysis::BlockData> {
  static constexpr std::array<std::string_view, 6> kNames{
      "Valid", "CandidateBlind", "StableBlind", "BothBlind", "Coverage", "BadCounts"};
};

}  // namespace sluice

namespace sluice::analysis {

template <class Io>
void describe(Io& io, ArmCounts& value) {
  io.defaulted("n", value.n);
  io.defaulted("bad", value.bad);
}

template <class Io>
void describe(Io& io, PairCounts& value) {
  io.defaulted("n", value.n);
  io.defaulted("badCandidate", value.bad_candidate);
  io.defaulted("badStable", value.bad_stable);
}

// Of numbers that stand in a fixed order a record keeps a list.
template <class Io, std::size_t Size>
void describe_numbers(Io& io, std::string_view name, std::array<std::int64_t, Size>& numbers) {
  std::vector<std::int64_t> list(numbers.begin(), numbers.end());
  io.defaulted(name, list, {.max_items = static_cast<int>(Size)});
  list.resize(Size);
  std::ranges::copy(list, numbers.begin());
}

template <class Io>
void describe(Io& io, PodCounts& value) {
  io.defaulted("pod", value.pod);
  io.defaulted("n", value.n);
  io.defaulted("bad", value.bad);
  describe_numbers(io, "slow", value.slow);
}

template <class Io>
void describe(Io& io, LatencyCounts& value) {
  std::array<std::int64_t, kLatencyEdgesMax> candidate{};
  std::array<std::int64_t, kLatencyEdgesMax> stable{};
  for (std::size_t i = 0; i < kLatencyEdgesMax; ++i) {
    candidate[i] = value.edges[i].candidate;
    stable[i] = value.edges[i].stable;
  }
  describe_numbers(io, "candidate", candidate);
  describe_numbers(io, "stable", stable);
  for (std::size_t i = 0; i < kLatencyEdgesMax; ++i) {
    value.edges[i] = {.candidate = candidate[i], .stable = stable[i]};
  }
  io.defaulted("gate", value.gate);
  io.defaulted("limit", value.limit);
  io.defaulted("possibly", value.possibly);
}

template <class Io>
void describe(Io& io, LatencyTaken& value) {
  io.defaulted("live", value.live);
  io.defaulted("pairs", value.pairs);
}

template <class Io>
void describe(Io& io, Interval& value) {
  io.defaulted("low", value.low);
  io.defaulted("high", value.high);
}

template <class Io>
void describe(Io& io, ErrorObjective& value) {
  io.optional("max", value.max);
  io.optional("worseThanStableBy", value.worse_than_stable_by);
  io.optional("rollbackMargin", value.rollback_margin);
}

template <class Io>
void describe(Io& io, LatencyObjective& value) {
  io.defaulted("quantile", value.quantile);
  io.optional("maxSeconds", value.max_seconds);
  io.defaulted("worseThanStableBy", value.worse_than_stable_by);
}

// What a policy decides of the settings; the rest are constants of this method.
template <class Io>
void describe(Io& io, Settings& value) {
  io.optional("errors", value.errors);
  io.optional("latency", value.latency);
  io.defaulted("falseRollbackRate", value.false_rollback_rate);
  io.defaulted("blockSeconds", value.block_seconds);
  io.defaulted("maxDurationSeconds", value.max_duration_seconds);
  io.defaulted("noDataSeconds", value.data.no_data_abort_seconds);
}

template <class Io>
void describe(Io& io, HardFacts& value) {
  io.defaulted("crashLoop", value.crash_loop);
  io.defaulted("noReadyWorker", value.no_ready_worker);
  io.defaulted("allRequestsFailing", value.all_requests_failing);
}

template <class Io>
void describe(Io& io, Block& value) {
  io.required("index", value.index);
  io.defaulted("candidate", value.candidate);
  io.defaulted("stable", value.stable);
  io.defaulted("pairs", value.pairs);
  io.optional("latency", value.latency);
  io.defaulted("isShadow", value.is_shadow);
  io.defaulted("stablePods", value.stable_pods, {.max_items = 4096});
  io.defaulted("candidatePods", value.candidate_pods);
  io.defaulted("data", value.data);
  io.defaulted("facts", value.facts);
}

}  // namespace sluice::analysis

namespace sluice::canary_rollout {
namespace {

// What the method is; a record of another method cannot be replayed by this one.
constexpr std::string_view kMethod = "counts/2";

struct BlockInputs {
  std::string method = {};
  analysis::Settings settings = {};
  std::string before = {};  // analysis::State without its ledger, base64.
  analysis::Block block = {};
  std::string verdict = {};
  std::string reason = {};
  double weight = 0;
  double phi = 1;
  double ln_e = 0;
  double threshold = 0;
  double margin = 0;  // That the step had to prove.
  double ln_m = 0;
  double ln_m_threshold = 0;
  double excess = 0;
  analysis::Interval excess_interval = {};
};

struct GoldenInputs {
  std::string metric = {};
  std::optional<double> min = {};
  double worse_than_stable_by = 0;
  double alpha = 0;
  std::string verdict = {};
  std::string reason = {};
  std::int64_t queries = 0;
  double candidate = 0;
  std::optional<double> stable = {};
  std::optional<double> mean = {};  // Of the paired differences.
  std::optional<double> sd = {};
  std::optional<double> lower = {};
  std::optional<double> upper = {};
  std::optional<double> p = {};
};

template <class Io>
void describe(Io& io, BlockInputs& value) {
  io.required("method", value.method);
  io.required("settings", value.settings);
  io.required("before", value.before, {.max_length = 65536});
  io.required("block", value.block);
  io.required("verdict", value.verdict);
  io.required("reason", value.reason);
  io.defaulted("weight", value.weight);
  io.defaulted("phi", value.phi);
  io.required("lnE", value.ln_e);
  io.defaulted("threshold", value.threshold);
  io.defaulted("margin", value.margin);
  io.defaulted("lnM", value.ln_m);
  io.defaulted("lnMThreshold", value.ln_m_threshold);
  io.defaulted("excess", value.excess);
  io.defaulted("excessInterval", value.excess_interval);
}

template <class Io>
void describe(Io& io, GoldenInputs& value) {
  io.required("metric", value.metric);
  io.optional("min", value.min);
  io.defaulted("worseThanStableBy", value.worse_than_stable_by);
  io.defaulted("alpha", value.alpha);
  io.required("verdict", value.verdict);
  io.required("reason", value.reason);
  io.defaulted("queries", value.queries);
  io.defaulted("candidate", value.candidate);
  io.optional("stable", value.stable);
  io.optional("mean", value.mean);
  io.optional("sd", value.sd);
  io.optional("lower", value.lower);
  io.optional("upper", value.upper);
  io.optional("p", value.p);
}

}  // namespace

std::string block_inputs(const BlockVerdict& verdict) {
  analysis::State before = verdict.before;
  // No verdict looks at the ledger, for the block has what came of it, nor at unfinished windows of
  // dispersion, which speak for later blocks.
  before.counters = {};
  before.dispersion.windows.clear();
  for (analysis::LatencyEdge& edge : before.latency.edges) {
    edge.dispersion.windows.clear();
  }
  const analysis::Assessment& seen = verdict.assessment;
  BlockInputs inputs{.method = std::string(kMethod),
                     .settings = verdict.settings,
                     .before = analysis::encode(before),
                     .block = verdict.block,
                     .verdict = std::string(analysis::to_string(seen.verdict)),
                     .reason = std::string(analysis::to_string(seen.reason)),
                     .weight = before.weight,
                     .phi = finite(seen.phi),
                     .ln_e = finite(seen.ln_e_family),
                     .threshold = finite(seen.ln_e_threshold),
                     .excess = finite(seen.excess),
                     .excess_interval = {.low = finite(seen.excess_interval.low),
                                         .high = finite(seen.excess_interval.high)}};
  if (seen.noninferiority) {
    inputs.margin = finite(seen.noninferiority->margin);
    inputs.ln_m = finite(seen.noninferiority->ln_m);
    inputs.ln_m_threshold = finite(seen.noninferiority->threshold);
  }
  return to_json(inputs);
}

std::string golden_inputs(const analysis::GoldenSetSettings& settings,
                          const analysis::GoldenSetAssessment& assessment) {
  GoldenInputs inputs{.metric = settings.metric,
                      .min = settings.min,
                      .worse_than_stable_by = settings.worse_than_stable_by,
                      .alpha = settings.alpha,
                      .verdict = std::string(analysis::to_string(assessment.verdict)),
                      .reason = std::string(analysis::to_string(assessment.reason)),
                      .queries = assessment.queries,
                      .candidate = finite(assessment.candidate_mean),
                      .stable = assessment.stable_mean};
  if (assessment.paired) {
    inputs.mean = finite(assessment.paired->mean);
    inputs.sd = finite(assessment.paired->sd);
    inputs.lower = finite(assessment.paired->lower);
    inputs.upper = finite(assessment.paired->upper);
    inputs.p = finite(assessment.paired->p);
  }
  return to_json(inputs);
}

Result<Replayed> replay(std::string_view inputs) {
  auto record = from_json<BlockInputs>(inputs);
  if (!record) {
    return fail(record.error().with_context("these inputs are no block's"));
  }
  if (record->method != kMethod) {
    return fail(ErrorCode::kInvalid, "these inputs are of another method: " + record->method);
  }
  if (Status status = analysis::validate(record->settings); !status) {
    return fail(status.error());
  }
  Result<analysis::State> state = analysis::decode(record->before);
  if (!state) {
    return fail(state.error());
  }
  const analysis::Assessment seen = analysis::fold(record->settings, *state, record->block);
  Replayed replayed{.verdict = std::string(analysis::to_string(seen.verdict)),
                    .reason = std::string(analysis::to_string(seen.reason)),
                    .ln_e = finite(seen.ln_e_family)};
  replayed.is_same = replayed.verdict == record->verdict && replayed.reason == record->reason &&
                     replayed.ln_e == record->ln_e;
  return replayed;
}

}  // namespace sluice::canary_rollout
