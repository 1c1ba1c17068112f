#pragma once
// The load: so many RagIndexes of zero replicas, each with a CanaryRollout. Pure.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench/thousand/write.h"

namespace sluice::bench {

// Creates all of them, in a namespace that is there.
[[nodiscard]] std::vector<Write> pairs(std::int64_t count, const std::string& namespace_name);

// Which pair a write is about; empty: none.
[[nodiscard]] std::string pair_of(const Write& write);

}  // namespace sluice::bench
