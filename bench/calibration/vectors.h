#pragma once
// Known values of the formulas that the calibration rests on, from a file: a JSON object whose
// `vectors` are {id, function, inputs, expected}. Functions that are not ours to check here are
// left out; the unit tests of controllers/analysis have the others.

#include <string>
#include <vector>

namespace sluice::bench {

inline constexpr double kVectorTolerance = 1e-9;

struct VectorResult {
  std::string text = {};  // The vector's id and its error; or why there is none.
  double error = 0;       // The greatest relative one, infinite when it could not be computed.
};

// A single result of infinite error when the file cannot be read or holds no vector of ours.
[[nodiscard]] std::vector<VectorResult> check_vectors(const std::string& path);

}  // namespace sluice::bench
