#pragma once
// How long things take: estimates for people and for admission warnings. No verdict rests on them.
// Pure.

#include <optional>
#include <span>

#include "controllers/analysis/counts.h"
#include "controllers/analysis/two_arm.h"

namespace sluice::analysis {

struct EtaQuestion {
  TwoArmCounts per_block;  // Mean counts.
  TwoArmMargin margin;
  double ln_e = 0;
  double alpha = 0.01;
  double block_seconds = 10;
};

struct Eta {
  double growth_per_block = 0;         // Of the best point of the grid.
  std::optional<double> seconds = {};  // Empty: no decision in this direction at these rates.
};

[[nodiscard]] Eta eta(const EtaQuestion& question, std::span<const double> ratios);

// Candidate requests after which K1 proves an excess below `margin` when both arms fail at `rate`
// and the candidate has `weight` of the traffic; empty if never. Plan for three times as many.
struct ProofQuestion {
  double rate = 0.001;
  double margin = 0.005;
  double weight = 0.05;
  double alpha = 0.05;
};

[[nodiscard]] std::optional<double> candidate_requests_needed(const ProofQuestion& question);

}  // namespace sluice::analysis
