#pragma once
// How a verb of the worker ends: an exit code by cause, so that scripts and the operator can tell
// a wrong spec from a source that is away, and a message for people.

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace sluice::worker {

enum class ExitCode : int {
  kDone = 0,
  kInternal = 1,
  kUsage = 2,      // The command line.
  kSpec = 3,       // The RagIndex.
  kSource = 4,     // The source or all holders unreachable, or the source keeps changing.
  kDocuments = 5,  // The documents cannot be indexed.
  kDisk = 6,       // Full, read-only, …
  kArtifact = 7,   // An index or artifact is damaged, or not the one that was pinned.
  kGoldenSet = 8,  // The golden set is malformed or belongs to other documents.
};

struct Failure {
  ExitCode code = ExitCode::kInternal;
  std::string message = {};
};

template <class T>
using Outcome = tl::expected<T, Failure>;

[[nodiscard]] inline tl::unexpected<Failure> failed(ExitCode code, std::string message) {
  return tl::make_unexpected(Failure{.code = code, .message = std::move(message)});
}

// Prints it to stderr and, if there is such a file, writes it into Kubernetes' termination log.
void tell(const std::string& words, const std::string& termination_log);
// The same of a failure. Its code.
[[nodiscard]] int report(const Failure& failure, const std::string& termination_log);

inline constexpr const char* kTerminationLog = "/dev/termination-log";

}  // namespace sluice::worker
