#include "dataplane/worker/outcome.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

namespace sluice::worker {
namespace {

constexpr std::size_t kTerminationMessageMax = 4096;  // Kubernetes cuts there.

}  // namespace

void tell(const std::string& words, const std::string& termination_log) {
  std::fprintf(stderr, "sluice-worker: %s\n", words.c_str());
  const int file = ::open(termination_log.c_str(), O_WRONLY | O_CLOEXEC);
  if (file >= 0) {
    const std::string text = words.substr(0, kTerminationMessageMax);
    if (::write(file, text.data(), text.size()) < 0) {
      std::fprintf(stderr, "sluice-worker: cannot write %s\n", termination_log.c_str());
    }
    ::close(file);
  }
}

int report(const Failure& failure, const std::string& termination_log) {
  tell(failure.message, termination_log);
  return static_cast<int>(failure.code);
}

}  // namespace sluice::worker
