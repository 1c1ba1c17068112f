#pragma once
// Verdict: what tells the ending of one play from how its scenario must end. Each line begins with
// the oracle that objects, and a colon. Empty: all is as it must be.

#include <string>
#include <vector>

#include "tests/sim/play.h"

namespace sluice {

// Of a play without chance, with a trouble or none, beside the same without any.
[[nodiscard]] std::vector<std::string> objections(const Ending& ending, const Ending& wanted);

// Of a play from a seed, which play_seed() has compared already.
[[nodiscard]] std::vector<std::string> objections(const Ending& ending);

}  // namespace sluice
