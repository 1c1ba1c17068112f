#pragma once
// The queries of a load, as ready request bodies.

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace sluice::load {

// One body a line: {"query": …, "top_k": …}. A line without "query" or "text" is an error that
// names it; empty lines are skipped.
[[nodiscard]] Result<std::vector<std::string>> bodies_of(std::string_view json_lines,
                                                         std::int64_t top_k);

// A file, or an http URL that is asked again for `wait` until it answers.
[[nodiscard]] Result<std::string> read_queries(const std::string& source, Duration wait);

}  // namespace sluice::load
