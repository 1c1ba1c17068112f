#pragma once
// Stamp: when something arrived, by both clocks: the loop's for waits, the wall's for status.

#include "base/time.h"

namespace sluice::scrape {

struct Stamp {
  MonotonicTime monotonic = {};
  WallTime wall = {};
  bool operator==(const Stamp&) const = default;
};

}  // namespace sluice::scrape
