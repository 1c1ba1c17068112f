#include "dataplane/worker/commands.h"

#include <cstdio>

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

}  // namespace sluice::worker
