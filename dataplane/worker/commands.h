#pragma once
// The verbs of sluice-worker. Each takes the words behind the verb and returns the exit code; what
// went wrong has been printed then.

#include <string>
#include <vector>

#include "base/flags.h"
#include "dataplane/worker/outcome.h"

namespace sluice::worker {

using Arguments = std::vector<std::string>;

[[nodiscard]] int run_build(const Arguments& arguments);
[[nodiscard]] int run_evaluate(const Arguments& arguments);
[[nodiscard]] int run_builder(const Arguments& arguments);
[[nodiscard]] int run_fetch(const Arguments& arguments);
[[nodiscard]] int run_holder(const Arguments& arguments);
[[nodiscard]] int run_serve(const Arguments& arguments);

// Parses flags of a verb that takes no other words. Prints the help and gives kDone when asked for
// it; nothing when the verb should go on.
[[nodiscard]] std::optional<int> parse_flags(Flags& flags, const Arguments& arguments);

}  // namespace sluice::worker
