#include "dataplane/worker/commands.h"

#include <sys/random.h>

#include <cstdio>

#include "base/check.h"

namespace sluice::worker {

std::optional<int> parse_flags(Flags& flags, const Arguments& arguments) {
  const Result<std::vector<std::string>> words = flags.parse(arguments);
  if (flags.wants_help()) {
    std::fputs(flags.help().c_str(), stdout);
    return static_cast<int>(ExitCode::kDone);
  }
  if (!words) {
    return report({ExitCode::kUsage, words.error().message}, kTerminationLog);
  }
  if (!words->empty()) {
    return report({ExitCode::kUsage, "unexpected argument \"" + words->front() + "\""},
                  kTerminationLog);
  }
  return std::nullopt;
}

std::uint64_t fresh_seed() {
  std::uint64_t seed = 0;
  CHECK(::getrandom(&seed, sizeof seed, 0) == static_cast<ssize_t>(sizeof seed));
  return seed;
}

}  // namespace sluice::worker
