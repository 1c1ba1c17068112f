#pragma once
// The two tables for people and for machines: false rollbacks of what is healthy, and detection of
// what is faulty with the harm before it. Beside each figure, in brackets, the one that an
// independent study of the same scenarios found. Pure.

#include <string>
#include <vector>

#include "bench/calibration/criteria.h"
#include "bench/calibration/kernels.h"
#include "bench/calibration/scenario.h"
#include "bench/calibration/trial.h"

namespace sluice::bench {

// One scenario as all rules did in it, in the order of peer_kinds() and then the judge.
struct ScenarioResult {
  Scenario scenario = {};
  TrialSize size = {};
  std::vector<Outcome> outcomes = {};
};

struct NullResult {
  std::string name = {};
  double alpha = 0;
  double reference = 0;
  Rate rate = {};
};

// Rows of Markdown tables; each ends with a line feed.
[[nodiscard]] std::string false_rollback_head();
[[nodiscard]] std::string false_rollback_row(const ScenarioResult& result);
[[nodiscard]] std::string detection_head();
[[nodiscard]] std::string detection_row(const ScenarioResult& result);
[[nodiscard]] std::string null_head();
[[nodiscard]] std::string null_row(const NullResult& result);
// A criterion with its findings, one a line.
[[nodiscard]] std::string criterion_text(const Criterion& criterion);

struct Results {
  std::vector<ScenarioResult> healthy = {};
  std::vector<ScenarioResult> faulty = {};
  std::vector<NullResult> nulls = {};
  std::vector<Criterion> criteria = {};
};

// All of it as one JSON object.
[[nodiscard]] std::string to_json(const Results& results);

}  // namespace sluice::bench
